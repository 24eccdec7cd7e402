//! The views: trace + selection + options + evidence → what is drawn, and what lies where for the pointer.
//!
//! Everything here is pure. A view measures text and otherwise only computes: the same inputs give the same
//! [`Scene`] in the window, headless and in a test. Numbers come in as [`Evidence`]; nothing is analysed here.

mod caption;
mod choices;
mod common;
mod compare;
mod embedding;
mod evidence;
mod heads;
mod image;
mod links;
mod matrix;
mod options;
mod overlays;
mod similarity;
mod summary;
mod text;
mod thumbnails;
mod timeline;
mod token_cloud;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use glam::Vec2;
use serde::{Deserialize, Serialize};

use crate::analysis::Selection;
use crate::render::{Drawing, Fonts, Pixels, Rect};
use crate::trace::Document;

pub use choices::{LinkColor, MatrixBlock, Tiles};
pub use common::colour_bar::ColourBar;
pub use common::theme::{Palette, Theme, contrast};
pub use common::words::{joined, token_names, word, words};
pub use common::zone::{Target, Zone};
pub use compare::{
    AlignedRow, Alignment, CompareView, ComparedHeads, ComparedImage, ComparedTokens, compared_image, compared_text,
    draw_comparison, partner_selection,
};
pub use embedding::{ColorBy, EmbeddingOptions, SizeBy};
pub use evidence::{Evidence, NearTokens, Neighbours, Projection, StatisticGrid, Thumbnails};
pub use matrix::matrix_size;
pub use options::{Caption, HeadsOrder, Options};
pub use summary::summary;
pub use thumbnails::{gap as thumbnail_gap, side as thumbnail_side};
pub use token_cloud::{CloudInputs, CloudScene, MOST_DISCS, TokenCloud, draw_token_cloud};

/// One way to look at a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// Layers × heads, one statistic.
    Heads,
    /// The picture under the selection's attention.
    Image,
    /// The tokens in the colours of the selection's attention.
    Text,
    /// Queries × keys of one head.
    Matrix,
    /// Curves between words and patches.
    Links,
    /// Hidden states in two dimensions.
    Embedding,
    /// The matrices of all heads.
    Thumbnails,
    /// The picture under the attention of each head of a layer.
    Overlays,
    /// What each output token attends to, layer by layer.
    Timeline,
    /// How alike the hidden states are.
    Similarity,
}

/// All that a view may look at.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The trace without its tensors.
    pub document: &'a Document,
    /// The trace's images, in its order.
    pub images: &'a [Arc<Pixels>],
    /// What the user looks at.
    pub selection: &'a Selection,
    /// What is under the pointer, in whichever view.
    pub hover: Option<Target>,
    /// How it is shown.
    pub options: &'a Options,
    /// The numbers.
    pub evidence: &'a Evidence,
    /// Of the drawing, in logical pixels.
    pub size: Vec2,
}

/// A view's drawing, and what lies where in it.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What is drawn.
    pub drawing: Drawing,
    /// What the pointer can meet; of overlapping zones the later one wins.
    pub zones: Vec<Zone>,
    /// The part that zooms and pans (matrix, embedding), or simply holds the content.
    pub content: Rect,
    /// The colour bar, if there is one.
    pub bar: Option<ColourBar>,
    /// How many rows of text lie beyond the view: how far it scrolls.
    pub rows_beyond: f32,
    facts: common::tip::Facts,
}

/// Draws a view.
pub fn draw(view: View, inputs: &Inputs<'_>, fonts: &mut Fonts) -> Scene {
    let mut sketch = common::sketch::Sketch::new(inputs, fonts);
    caption::draw(view, inputs, &mut sketch);
    match view {
        // A panel that is being opened or closed.
        _ if inputs.size.x < 64.0 || inputs.size.y < 48.0 => {}
        View::Heads => heads::draw(inputs, &mut sketch),
        View::Image => image::draw(inputs, &mut sketch),
        View::Text => text::draw(inputs, &mut sketch),
        View::Matrix => matrix::draw(inputs, &mut sketch),
        View::Links => links::draw(inputs, &mut sketch),
        View::Embedding => embedding::draw(inputs, &mut sketch),
        View::Thumbnails => thumbnails::draw(inputs, &mut sketch),
        View::Overlays => overlays::draw(inputs, &mut sketch),
        View::Timeline => timeline::draw(inputs, &mut sketch),
        View::Similarity => similarity::draw(inputs, &mut sketch),
    }
    let said = sketch.said.take();
    sketch.finish(common::tip::Facts::new(inputs, said))
}

impl Scene {
    /// What lies at a place in logical pixels.
    pub fn at(&self, pointer: Vec2) -> Option<Target> {
        self.zones.iter().rev().find_map(|zone| zone.at(pointer))
    }

    /// The tokens of a sequence whose middles lie in a rectangle, as (sequence, tokens), ascending; of several sequences that
    /// of the first. `None` if there is no such token.
    pub fn tokens_in(&self, rect: Rect) -> Option<(usize, Vec<usize>)> {
        let inside = |zone: &Zone| match zone {
            Zone::Area { rect: area, target: Target::Token { sequence, token } } if rect.contains(area.center()) => {
                Some((*sequence, *token))
            }
            _ => None,
        };
        let found: Vec<(usize, usize)> = self.zones.iter().filter_map(inside).collect();
        let sequence = found.first()?.0;
        let mut tokens: Vec<usize> =
            found.into_iter().filter(|&(of, _)| of == sequence).map(|(_, token)| token).collect();
        tokens.sort_unstable();
        tokens.dedup();
        Some((sequence, tokens))
    }

    /// A line of text about a target: its name, its value and the unit.
    pub fn tip(&self, target: Target) -> String {
        self.facts.tip(target)
    }
}

impl View {
    /// Every view, in the order in which they are listed.
    pub const fn all() -> [Self; 10] {
        [
            Self::Heads,
            Self::Image,
            Self::Text,
            Self::Matrix,
            Self::Links,
            Self::Embedding,
            Self::Thumbnails,
            Self::Overlays,
            Self::Timeline,
            Self::Similarity,
        ]
    }

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Heads => "heads",
            Self::Image => "image",
            Self::Text => "text",
            Self::Matrix => "matrix",
            Self::Links => "links",
            Self::Embedding => "embedding",
            Self::Thumbnails => "thumbnails",
            Self::Overlays => "overlays",
            Self::Timeline => "timeline",
            Self::Similarity => "similarity",
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The name is not one of [`View::all`].
#[derive(Debug, thiserror::Error)]
#[error(
    "no view is called '{0}': it is heads, image, text, matrix, links, embedding, thumbnails, overlays, timeline or \
     similarity"
)]
pub struct UnknownView(String);

impl FromStr for View {
    type Err = UnknownView;

    fn from_str(name: &str) -> Result<Self, UnknownView> {
        Self::all().into_iter().find(|view| view.name() == name).ok_or_else(|| UnknownView(name.to_owned()))
    }
}
