//! What lies where, for the pointer.

use std::sync::Arc;

use glam::Vec2;

use crate::render::Rect;

/// Something that can be pointed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A head of the current block.
    Head {
        /// 0-based.
        layer: usize,
        /// 0-based.
        head: usize,
    },
    /// The mean of a layer's heads.
    LayerMean {
        /// 0-based.
        layer: usize,
    },
    /// A token of any sequence.
    Token {
        /// Index in [`Document::sequences`](crate::trace::Document::sequences).
        sequence: usize,
        /// Index in the sequence.
        token: usize,
    },
    /// A weight of the current head.
    Cell {
        /// Row.
        query: usize,
        /// Column.
        key: usize,
    },
    /// The mean of a head number over the layers.
    HeadMean {
        /// 0-based.
        head: usize,
    },
    /// The mean of all heads of all layers.
    AllHeads,
    /// An output token in the timeline.
    Output {
        /// In this layer; `None` for the selected ones.
        layer: Option<usize>,
        /// Index in the block's query sequence.
        token: usize,
    },
    /// The pieces of one word.
    Pieces {
        /// Index in [`Document::sequences`](crate::trace::Document::sequences).
        sequence: usize,
        /// The first piece.
        first: usize,
        /// How many there are.
        count: usize,
    },
    /// What a hidden state of a token decodes to.
    Decoded {
        /// Index in [`Document::words`](crate::trace::Document::words).
        words: usize,
        /// Its place in the list of states.
        state: usize,
        /// Index in the sequence.
        token: usize,
    },
    /// A frame of a video.
    Frame {
        /// Index of the image.
        image: usize,
    },
    /// A pin.
    Pin {
        /// Its place among the pins.
        pin: usize,
    },
    /// A hidden state, compared with another.
    State {
        /// 0 is the embedding.
        state: usize,
        /// What it is compared with.
        with: usize,
    },
}

impl Target {
    /// Whether a click on it selects a layer, a head or a mean of them.
    pub fn selects_heads(self) -> bool {
        match self {
            Self::Head { .. } | Self::LayerMean { .. } | Self::HeadMean { .. } | Self::AllHeads => true,
            Self::Output { layer, .. } => layer.is_some(),
            Self::Decoded { .. } => true,
            Self::Token { .. }
            | Self::Cell { .. }
            | Self::Pieces { .. }
            | Self::Frame { .. }
            | Self::State { .. }
            | Self::Pin { .. } => false,
        }
    }

    /// Whether a click on it selects tokens.
    pub fn selects_tokens(self) -> bool {
        matches!(
            self,
            Self::Token { .. } | Self::Cell { .. } | Self::Output { .. } | Self::Pieces { .. } | Self::Decoded { .. }
        )
    }
}

/// A part of the drawing that answers to the pointer.
#[derive(Clone, Debug, PartialEq)]
pub enum Zone {
    /// A rectangle is one target.
    Area {
        /// Where.
        rect: Rect,
        /// What.
        target: Target,
    },
    /// A rectangle of matrix cells.
    Cells {
        /// Where.
        rect: Rect,
        /// Which cells are in it, as (key, query), fractions allowed.
        window: Rect,
        /// The query of each row.
        queries: Arc<Vec<usize>>,
        /// The key of each column.
        keys: Arc<Vec<usize>>,
    },
    /// Tokens at points: the nearest one within reach.
    Points {
        /// Nothing answers outside.
        clip: Rect,
        /// Of each token, in logical pixels.
        points: Arc<Vec<Vec2>>,
        /// How far from a point the pointer may be, in logical pixels.
        reach: f32,
        /// The sequence of the tokens.
        sequence: usize,
    },
}

impl Zone {
    /// What lies at a place in logical pixels, if this zone answers there.
    pub fn at(&self, pointer: Vec2) -> Option<Target> {
        match self {
            Self::Area { rect, target } => rect.contains(pointer).then_some(*target),
            Self::Cells { rect, window, queries, keys } => {
                let cell = window.min + (pointer - rect.min) / rect.size() * window.size();
                let inside = rect.contains(pointer) && cell.cmpge(Vec2::ZERO).all();
                let (query, key) = (queries.get(cell.y as usize)?, keys.get(cell.x as usize)?);
                inside.then_some(Target::Cell { query: *query, key: *key })
            }
            Self::Points { clip, points, reach, sequence } => {
                if !clip.contains(pointer) {
                    return None;
                }
                let distances = points.iter().map(|point| point.distance_squared(pointer)).enumerate();
                let (token, distance) = distances.min_by(|a, b| a.1.total_cmp(&b.1))?;
                (distance <= reach * reach).then_some(Target::Token { sequence: *sequence, token })
            }
        }
    }
}

/// A bar as the pointer finds it: a drag along it chooses values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColourBar {
    /// Where.
    pub rect: Rect,
    /// Whether values rise upwards, or to the right.
    pub is_upright: bool,
    /// The values at the ends, the smaller one first.
    pub range: [f32; 2],
    /// The marks of the drawing that are the bar: from this one to before that one.
    pub marks: [usize; 2],
}

impl ColourBar {
    /// The value at a place, and at the nearer end beyond it.
    pub fn value(&self, at: Vec2) -> f32 {
        let along = (at - self.rect.min) / self.rect.size().max(Vec2::splat(1e-6));
        let share = if self.is_upright { 1.0 - along.y } else { along.x }.clamp(0.0, 1.0);
        self.range[0] + (self.range[1] - self.range[0]) * share
    }

    /// The part of the bar that lies between two values.
    pub fn part(&self, low: f32, high: f32) -> Rect {
        let span = (self.range[1] - self.range[0]).max(f32::MIN_POSITIVE);
        let [low, high] = [low, high].map(|value| ((value - self.range[0]) / span).clamp(0.0, 1.0));
        let (Rect { min, max }, size) = (self.rect, self.rect.size());
        if self.is_upright {
            Rect { min: Vec2::new(min.x, max.y - high * size.y), max: Vec2::new(max.x, max.y - low * size.y) }
        } else {
            Rect { min: Vec2::new(min.x + low * size.x, min.y), max: Vec2::new(min.x + high * size.x, max.y) }
        }
    }

    /// Whether a drag that begins here chooses values.
    pub fn grips(&self, at: Vec2) -> bool {
        self.rect.shrink(-5.0).contains(at)
    }
}
