//! A view, ready to be drawn: marks in logical pixels, back to front. Plain data: whoever makes it needs no device,
//! and whoever draws it (wgpu today, any vector format tomorrow) needs to know nothing of traces.

use std::sync::Arc;

use glam::Vec2;
use serde::{Deserialize, Serialize};

use super::colormap::Colormap;
use crate::gpu::ResidentMatrix;

/// An sRGB colour with straight alpha, as in `#rrggbbaa`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(transparent)]
pub struct Color(pub [u8; 4]);

/// An axis-aligned rectangle in logical pixels, origin top left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Rect {
    /// Top left.
    pub min: Vec2,
    /// Bottom right.
    pub max: Vec2,
}

/// One view's picture. Labels lie above all other marks.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    /// Width and height in logical pixels.
    pub size: Vec2,
    /// What is under the marks.
    pub background: Color,
    /// Back to front.
    pub marks: Vec<Mark>,
}

impl Drawing {
    /// The marks as a page is written: labels after all others.
    pub(super) fn in_paint_order(&self) -> impl Iterator<Item = &Mark> {
        let is_label = |mark: &&Mark| matches!(mark, Mark::Label(_));
        self.marks.iter().filter(move |mark| !is_label(mark)).chain(self.marks.iter().filter(is_label))
    }
}

/// Something that is drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// A rectangle, filled or outlined.
    Quad(Quad),
    /// A straight line.
    Line(Line),
    /// One line of text.
    Label(Label),
    /// An RGB image.
    Picture(Picture),
    /// A matrix of values through a colormap.
    Heatmap(Heatmap),
    /// Curves between pairs of places, of which the strongest are kept.
    Links(Links),
    /// Round points.
    Points(Points),
}

/// A rectangle with round corners, a fill and an outline that lies inside of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quad {
    /// Where.
    pub rect: Rect,
    /// Transparent for an outline alone.
    pub fill: Color,
    /// Of the outline.
    pub stroke: Color,
    /// 0 for no outline.
    pub stroke_width: f32,
    /// 0 for sharp corners.
    pub corner_radius: f32,
}

/// A straight line with flat ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// One end.
    pub from: Vec2,
    /// The other.
    pub to: Vec2,
    /// In logical pixels.
    pub width: f32,
    /// Of the line.
    pub color: Color,
    /// Length of dashes and of the gaps between them; 0 for a solid line.
    pub dash: f32,
}

/// One line of text.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// The anchor's place; vertically the middle of the line.
    pub at: Vec2,
    /// Which part of the text lies at the anchor.
    pub align: Align,
    /// What it says.
    pub text: String,
    /// Font size in logical pixels.
    pub size: f32,
    /// Whether it is set in the bold cut.
    pub bold: bool,
    /// Of the letters.
    pub color: Color,
    /// Nothing is drawn outside.
    pub clip: Option<Rect>,
    /// Turned by a quarter, reading upwards.
    pub upright: bool,
}

/// Where a label lies relative to its anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// It starts there.
    Left,
    /// Its middle is there.
    Center,
    /// It ends there.
    Right,
}

/// An RGB image, stretched over a rectangle.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Where.
    pub rect: Rect,
    /// What.
    pub pixels: Arc<Pixels>,
    /// Which part of the image, `0..1` in both directions.
    pub part: Rect,
    /// From 0 to 1.
    pub opacity: f32,
    /// Blended between pixels, or each pixel a square.
    pub smooth: bool,
    /// Without its colours, so that none of them is taken for one of a heatmap above it.
    pub grey: bool,
}

/// `[height, width, 3]`, RGB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Row by row.
    pub rgb: Vec<u8>,
}

/// A matrix of values through a colormap.
#[derive(Clone, Debug, PartialEq)]
pub struct Heatmap {
    /// Where.
    pub rect: Rect,
    /// What.
    pub values: Values,
    /// Number of rows of `values`.
    pub rows: u32,
    /// Number of columns of `values`.
    pub columns: u32,
    /// Which cells are in view: `min` and `max` as (column, row), in cells, fractions allowed.
    pub window: Rect,
    /// The value at the colormap's low end, and at its high end.
    pub range: [f32; 2],
    /// From values to colours.
    pub colormap: Colormap,
    /// Of a value that is not a number.
    pub missing: Color,
    /// From 0 to 1, over all cells.
    pub opacity: f32,
    /// Whether the opacity also rises with the value from 0 to `opacity` ([`faded`]), so that weak cells let the image through.
    pub fade: bool,
    /// Interpolated between the cells' middles, or each cell a square.
    pub smooth: bool,
}

/// How opaque a cell of a fading heatmap is whose value lies at this place in the range, from 0 to 1; of colours of two sides, how far
/// it is from the middle. Less steep than the value, so that a tenth of the largest weight still is seen.
pub fn faded(level: f32, is_diverging: bool) -> f32 {
    strength(level, is_diverging).powf(0.55)
}

/// From 0 to 1, for a place in the range from 0 to 1.
pub(super) fn strength(level: f32, is_diverging: bool) -> f32 {
    if is_diverging { (2.0 * level - 1.0).abs() } else { level }
}

impl Pixels {
    /// Its luma (ITU-R BT.601), as RGB.
    pub fn grey(&self) -> Self {
        Self { rgb: self.rgb.chunks_exact(3).flat_map(|rgb| [luma(rgb); 3]).collect(), ..*self }
    }

    /// The mean of its luma, of some thousand pixels; black if there is none.
    pub fn mean_grey(&self) -> Color {
        let every = (self.rgb.len() / 3 / 4096).max(1);
        let levels = || self.rgb.chunks_exact(3).step_by(every).map(|rgb| u64::from(luma(rgb)));
        let mean = levels().sum::<u64>().checked_div(levels().count() as u64).unwrap_or(0) as u8;
        Color([mean, mean, mean, 255])
    }
}

fn luma(rgb: &[u8]) -> u8 {
    let [r, g, b] = [rgb[0], rgb[1], rgb[2]].map(u32::from);
    ((299 * r + 587 * g + 114 * b) / 1000) as u8
}

/// Where a heatmap's values are.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// `[rows, columns]`, row by row.
    Host(Arc<Vec<f32>>),
    /// One head of a layer that already is in GPU memory, in its stored dtype.
    Resident(ResidentMatrix),
}

/// Curves between pairs of places. The renderer selects the strongest and tells how many it drew.
#[derive(Clone, Debug, PartialEq)]
pub struct Links {
    /// All candidates.
    pub links: Arc<Vec<Link>>,
    /// Which of them are drawn.
    pub keep: Keep,
    /// The weight that gets full width and opacity.
    pub full_weight: f32,
    /// Width of the weakest and of the strongest, in logical pixels.
    pub width: [f32; 2],
    /// Opacity of the weakest and of the strongest.
    pub opacity: [f32; 2],
    /// Nothing is drawn outside.
    pub clip: Rect,
    /// From the links' coordinates to logical pixels.
    pub view: Transform,
}

/// A curve that leaves and arrives horizontally.
#[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Link {
    /// Where it begins.
    pub from: [f32; 2],
    /// Where it ends.
    pub to: [f32; 2],
    /// Its strength.
    pub weight: f32,
    /// Its colour; the opacity comes on top.
    pub color: Color,
}

/// Which links are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// The strongest N; of equal ones those that come first.
    Strongest(u32),
    /// Those with at least this weight.
    AtLeast(f32),
}

/// Round points, drawn in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    /// All of them.
    pub points: Arc<Vec<Point>>,
    /// Nothing is drawn outside.
    pub clip: Rect,
    /// From the points' coordinates to logical pixels.
    pub view: Transform,
}

/// A round point.
#[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Point {
    /// In the coordinates that [`Points::view`] maps.
    pub at: [f32; 2],
    /// In logical pixels, whatever the view.
    pub radius: f32,
    /// Of the disc.
    pub fill: Color,
    /// Of the ring around it; transparent for none.
    pub stroke: Color,
}

/// `pixels = world * scale + offset`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Transform {
    /// Logical pixels per unit; y may be negative.
    pub scale: Vec2,
    /// Where the world's origin lies, in logical pixels.
    pub offset: Vec2,
}

impl Transform {
    /// Coordinates are logical pixels already.
    pub const IDENTITY: Self = Self { scale: Vec2::ONE, offset: Vec2::ZERO };

    /// From the world to logical pixels.
    pub fn apply(&self, world: Vec2) -> Vec2 {
        world * self.scale + self.offset
    }
}

impl Color {
    /// Nothing.
    pub const TRANSPARENT: Self = Self([0; 4]);

    /// An opaque colour from `0xrrggbb`.
    pub const fn hex(rgb: u32) -> Self {
        let [_, r, g, b] = rgb.to_be_bytes();
        Self([r, g, b, 255])
    }

    /// The colour on the way to another, a share from 0 to 1 of it, as sRGB bytes.
    pub fn mixed(self, other: Self, share: f32) -> Self {
        let mix = |from: u8, to: u8| (f32::from(from) + (f32::from(to) - f32::from(from)) * share).round() as u8;
        let (from, to) = (self.0, other.0);
        Self(std::array::from_fn(|channel| mix(from[channel], to[channel])))
    }

    /// The same colour with an opacity from 0 to 1.
    pub fn with_opacity(self, opacity: f32) -> Self {
        let [r, g, b, _] = self.0;
        Self([r, g, b, (opacity.clamp(0.0, 1.0) * 255.0).round() as u8])
    }
}

impl Rect {
    /// From the top left corner and the size.
    pub fn at(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self { min: Vec2::new(x, y), max: Vec2::new(x + width, y + height) }
    }

    /// Width and height.
    pub fn size(&self) -> Vec2 {
        self.max - self.min
    }

    /// The middle.
    pub fn center(&self) -> Vec2 {
        (self.min + self.max) / 2.0
    }

    /// Whether the point lies in it; the right and the lower edge are outside.
    pub fn contains(&self, point: Vec2) -> bool {
        point.cmpge(self.min).all() && point.cmplt(self.max).all()
    }

    /// Smaller by `by` at each side.
    pub fn shrink(&self, by: f32) -> Self {
        Self { min: self.min + Vec2::splat(by), max: self.max - Vec2::splat(by) }
    }
}
