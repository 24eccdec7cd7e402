//! Two and their difference beside each other, and the bars below them.

use glam::Vec2;

use crate::render::Rect;
use crate::view::Options;
use crate::view::common::colour_bar::{Bar, BarSide};
use crate::view::common::scale::Scale;
use crate::view::common::sketch::{MARGIN, Sketch};

/// Between what is compared.
pub(in crate::view) const GAP: f32 = 2.0 * MARGIN;

/// Whether A, B and the difference lie below each other.
fn is_tall(room: Rect) -> bool {
    room.size().y > room.size().x * 1.1
}

/// Three columns, or rows in a tall room.
pub(in crate::view) fn thirds(room: Rect) -> [Rect; 3] {
    let step = match is_tall(room) {
        true => Vec2::new(0.0, (room.size().y + GAP) / 3.0),
        false => Vec2::new((room.size().x + GAP) / 3.0, 0.0),
    };
    let size =
        if is_tall(room) { Vec2::new(room.size().x, step.y - GAP) } else { Vec2::new(step.x - GAP, room.size().y) };
    [0.0, 1.0, 2.0].map(|place| {
        let min = room.min + step * place;
        Rect { min, max: min + size }
    })
}

/// The bar of A and B, and that of the difference beside it.
pub(in crate::view) struct Bars {
    bars: [Option<(Bar, Rect)>; 2],
    /// Where they begin.
    pub top: f32,
}

impl Bars {
    pub fn reserve(sketch: &mut Sketch<'_>, options: &Options, scales: [Option<&Scale>; 2]) -> Self {
        let whole = sketch.free;
        let middle = if is_tall(whole) {
            whole.center().x
        } else {
            whole.min.x + (whole.size().x + GAP) * 2.0 / 3.0 - GAP / 2.0
        };
        let rooms = [
            Rect { max: Vec2::new(middle - GAP / 2.0, whole.max.y), ..whole },
            Rect { min: Vec2::new(middle + GAP / 2.0, whole.min.y), ..whole },
        ];
        let mut top = whole.max.y;
        let bars = [0, 1].map(|at| {
            sketch.free = rooms[at];
            let bar = Bar::reserve(sketch, scales[at]?, BarSide::Below, options.colour_bar)?;
            top = top.min(sketch.free.max.y);
            Some((bar, rooms[at]))
        });
        sketch.free = whole;
        Self { bars, top }
    }

    pub fn draw(self, sketch: &mut Sketch<'_>) {
        for (bar, room) in self.bars.into_iter().flatten() {
            sketch.free = room;
            bar.draw(sketch, Rect { max: Vec2::new(room.max.x, self.top), ..room }, &[]);
        }
    }
}
