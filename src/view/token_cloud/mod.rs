//! The tokens of a dataset as points in the plane: discs while they can be told apart, and shading by their density where
//! so many overlap that discs would show only the last drawn.
//!
//! The shading counts the points in each cell of two pixels. A cell has the mean colour of its points, the stronger the more
//! there are: `ln(1 + n) / ln(1 + most)`, so that a lonely token is still seen beside a thousand. The colours thereby stay
//! what the legend says. Rejected: discs of little opacity, whose sum saturates, and which take a frame of their own for
//! each million.

mod grid;
mod painted;

use std::sync::Arc;

use glam::Vec2;

use self::grid::PointGrid;
pub use self::painted::{PaintedTokens, TokenColor, UnknownTokenColor, rows_of, token_name};
use crate::render::{Align, Color, Fonts, Mark, Picture, Pixels, Point, Points, Rect, Transform};
use crate::view::common::sketch::Sketch;
use crate::view::common::tip::Facts;
use crate::view::{Options, Scene};

/// More points in view than these are shaded.
pub const MOST_DISCS: usize = 40_000;
/// Of a cell of the shading, in logical pixels.
const CELL: f32 = 2.0;
/// How much of its colour a cell with one point has.
const FAINTEST: f32 = 0.3;
/// How far from a point the pointer may be, in logical pixels.
const REACH: f32 = 8.0;

/// Points with their colours, ready to be drawn and searched.
#[derive(Clone, Debug, Default)]
pub struct TokenCloud {
    places: Vec<[f32; 2]>,
    discs: Arc<Vec<Point>>,
    corners: [[f32; 2]; 2],
    grid: PointGrid,
}

/// Everything that is drawn.
#[derive(Clone, Copy, Debug)]
pub struct CloudInputs<'a> {
    /// The points.
    pub cloud: &'a TokenCloud,
    /// What colours mean.
    pub legend: &'a [(String, Color)],
    /// What is shown.
    pub title: &'a str,
    /// What a reader has to know.
    pub note: &'a str,
    /// Points with a ring, such as the nearest of a chosen one, which comes first.
    pub marked: &'a [usize],
    /// The point under the pointer.
    pub hover: Option<usize>,
    /// Pan and zoom on top of the fitted view, in fractions of the plot: a point at `p` in `0..1` (origin top left) is
    /// drawn at `p * scale + offset`.
    pub view: Option<Transform>,
    /// Theme, letters, title.
    pub options: &'a Options,
    /// Of the drawing, in logical pixels.
    pub size: Vec2,
}

/// The drawing, and how to find the points in it.
#[derive(Clone, Debug)]
pub struct CloudScene {
    /// What is drawn; its `content` is the plot.
    pub scene: Scene,
    /// From the points' coordinates to logical pixels.
    pub view: Transform,
    /// Whether density is shaded instead of discs.
    pub is_shaded: bool,
}

impl TokenCloud {
    /// Of places, not numbers where there is none, and a colour each.
    pub fn new(places: Vec<[f32; 2]>, color: impl Fn(usize) -> Color) -> Self {
        let finite = |point: &&[f32; 2]| point[0].is_finite() && point[1].is_finite();
        let mut corners = [[f32::INFINITY; 2], [f32::NEG_INFINITY; 2]];
        let mut count = 0;
        for point in places.iter().filter(finite) {
            count += 1;
            for axis in 0..2 {
                corners[0][axis] = corners[0][axis].min(point[axis]);
                corners[1][axis] = corners[1][axis].max(point[axis]);
            }
        }
        if count == 0 {
            corners = [[0.0; 2], [1.0; 2]];
        }
        let radius = if count > 5_000 { 1.75 } else { 3.0 };
        let stroke = Color::TRANSPARENT;
        let disc = |(index, &at): (usize, &[f32; 2])| Point { at, radius, fill: color(index), stroke };
        let discs = places.iter().enumerate().map(|(index, at)| disc((index, at))).collect();
        let grid = PointGrid::of(&places, corners);
        Self { discs: Arc::new(discs), corners, grid, places }
    }

    /// How many there are, those without a place among them.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The point under the pointer, where a scene of this view has been drawn.
    pub fn at(&self, view: &Transform, pointer: Vec2) -> Option<usize> {
        let world = (pointer - view.offset) / view.scale;
        self.grid.nearest(&self.places, world.into(), REACH / view.scale.x.abs().max(f32::MIN_POSITIVE))
    }

    /// From the points' coordinates to logical pixels, in a plot and with what the user chose.
    pub fn view_in(&self, plot: Rect, chosen: Option<Transform>) -> Transform {
        fitted(self.corners.map(Vec2::from), plot, chosen)
    }

    /// Where all points lie in logical pixels, for a lasso.
    pub fn placed(&self, view: &Transform) -> Vec<Vec2> {
        self.places.iter().map(|&place| view.apply(place.into())).collect()
    }
}

/// Draws the points.
pub fn draw_token_cloud(inputs: &CloudInputs<'_>, fonts: &mut Fonts) -> CloudScene {
    let mut sketch = Sketch::plain(inputs.options, inputs.size, fonts);
    // A panel that is being opened or closed.
    if inputs.size.x < 64.0 || inputs.size.y < 48.0 {
        let scene = sketch.finish(Facts::default());
        return CloudScene { scene, view: Transform::IDENTITY, is_shaded: false };
    }
    sketch.heading(inputs.options, inputs.title, None);
    legend(&mut sketch, inputs.legend);
    let line = sketch.text.small * 1.7;
    let below = Rect { min: Vec2::new(sketch.free.min.x, sketch.free.max.y - line), ..sketch.free };
    sketch.free.max.y -= line;
    let plot = sketch.free;
    sketch.content = plot;
    sketch.fill(plot, sketch.palette.surface);
    sketch.outline(plot, sketch.palette.line, 1.0);
    let view = inputs.cloud.view_in(plot, inputs.view);
    let shading = shading(inputs.cloud, &view, plot, sketch.palette.surface);
    let note = match &shading {
        Some(shading) => format!("shaded by density, up to {} tokens a cell · {}", shading.most, inputs.note),
        None => inputs.note.to_owned(),
    };
    let is_shaded = shading.is_some();
    match shading {
        _ if inputs.cloud.is_empty() => {
            sketch.note("No token is shown: the filter keeps none, or none has this state.");
        }
        Some(shading) => sketch.marks.push(Mark::Picture(shading.picture)),
        None => sketch.marks.push(Mark::Points(Points { points: inputs.cloud.discs.clone(), clip: plot, view })),
    }
    marks(inputs, &mut sketch, plot, &view);
    let (small, muted) = (sketch.text.small, sketch.palette.muted);
    let note = sketch.elide(&note, small, false, below.size().x);
    sketch.label(Vec2::new(below.min.x, below.max.y - small * 0.6), Align::Left, note, small, muted);
    CloudScene { scene: sketch.finish(Facts::default()), view, is_shaded }
}

/// What colours mean, in one line, as many as fit.
fn legend(sketch: &mut Sketch<'_>, legend: &[(String, Color)]) {
    let (small, ink, line) = (sketch.text.small, sketch.palette.text, sketch.text.small * 1.8);
    let mut left = sketch.free.min.x;
    let middle = sketch.free.min.y + line / 2.0;
    for (place, (name, color)) in legend.iter().enumerate() {
        let needed = small + 5.0 + sketch.width(name, small);
        let rest = format!("and {} more", legend.len() - place);
        let room =
            sketch.free.max.x - left - if place + 1 < legend.len() { sketch.width(&rest, small) + 12.0 } else { 0.0 };
        if needed > room {
            sketch.label(Vec2::new(left, middle), Align::Left, rest, small, sketch.palette.muted);
            break;
        }
        sketch.fill(Rect::at(left, middle - small * 0.4, small * 0.8, small * 0.8), *color);
        sketch.label(Vec2::new(left + small + 2.0, middle), Align::Left, name.clone(), small, ink);
        left += needed + 12.0;
    }
    if !legend.is_empty() {
        sketch.free.min.y += line + 2.0;
    }
}

/// Both axes alike, all points inside, on top of it what the user did.
fn fitted([min, max]: [Vec2; 2], plot: Rect, chosen: Option<Transform>) -> Transform {
    let room = plot.size() - Vec2::splat(24.0).min(plot.size() / 4.0);
    let scale = (room / (max - min).max(Vec2::splat(f32::MIN_POSITIVE))).min_element();
    let scale = if scale.is_finite() { scale } else { 1.0 };
    // Upwards is positive.
    let fitted = Vec2::new(scale, -scale);
    let offset = plot.center() - (min + max) / 2.0 * fitted;
    let Some(chosen) = chosen else { return Transform { scale: fitted, offset } };
    let in_plot = (offset - plot.min) / plot.size();
    Transform {
        scale: fitted * chosen.scale,
        offset: plot.min + (in_plot * chosen.scale + chosen.offset) * plot.size(),
    }
}

struct Shading {
    picture: Picture,
    most: u32,
}

/// `None` where discs can be told apart.
fn shading(cloud: &TokenCloud, view: &Transform, plot: Rect, background: Color) -> Option<Shading> {
    if cloud.len() <= MOST_DISCS {
        return None;
    }
    let inside = plot.shrink(1.0);
    let [columns, rows] = (inside.size() / CELL).ceil().max(Vec2::ONE).to_array().map(|side| side as usize);
    // Count, and the sums of red, green and blue.
    let mut cells = vec![[0_u32; 4]; columns * rows];
    let mut in_view = 0;
    let transform = Transform { scale: view.scale / CELL, offset: (view.offset - inside.min) / CELL };
    for point in cloud.discs.iter() {
        let at = transform.apply(point.at.into());
        if at.x >= 0.0 && at.y >= 0.0 && at.x < columns as f32 && at.y < rows as f32 {
            let cell = &mut cells[at.y as usize * columns + at.x as usize];
            let [r, g, b, _] = point.fill.0.map(u32::from);
            *cell = [cell[0] + 1, cell[1] + r, cell[2] + g, cell[3] + b];
            in_view += 1;
        }
    }
    if in_view <= MOST_DISCS {
        return None;
    }
    let most = cells.iter().map(|cell| cell[0]).max().unwrap_or(0);
    let full = (1.0 + most as f32).ln();
    let rgb = cells.iter().flat_map(|&[count, r, g, b]| {
        let share = if count == 0 { 0.0 } else { FAINTEST + (1.0 - FAINTEST) * (1.0 + count as f32).ln() / full };
        let under = background.0;
        let mix = |sum: u32, under: u8| {
            let mean = sum as f32 / count.max(1) as f32;
            (f32::from(under) + (mean - f32::from(under)) * share).round() as u8
        };
        [mix(r, under[0]), mix(g, under[1]), mix(b, under[2])]
    });
    let pixels = Arc::new(Pixels { width: columns as u32, height: rows as u32, rgb: rgb.collect() });
    let part = Rect { min: Vec2::ZERO, max: inside.size() / CELL / Vec2::new(columns as f32, rows as f32) };
    let picture = Picture { rect: inside, pixels, part, opacity: 1.0, smooth: false, grey: false };
    Some(Shading { picture, most })
}

/// Rings around the chosen points and the one under the pointer.
fn marks(inputs: &CloudInputs<'_>, sketch: &mut Sketch<'_>, clip: Rect, view: &Transform) {
    let ring = |index: usize, radius: f32, stroke: Color| {
        let disc = inputs.cloud.discs.get(index)?;
        Some(Point { at: disc.at, radius, fill: disc.fill.with_opacity(0.9), stroke })
    };
    let (first, other, hover) = (sketch.palette.selected, sketch.palette.text, sketch.palette.hover);
    let near = inputs.marked.iter().skip(1).rev().filter_map(|&index| ring(index, 4.0, other));
    let chosen = inputs.marked.first().and_then(|&index| ring(index, 6.0, first));
    let points: Vec<Point> = near.chain(chosen).chain(inputs.hover.and_then(|index| ring(index, 5.0, hover))).collect();
    if !points.is_empty() {
        sketch.marks.push(Mark::Points(Points { points: Arc::new(points), clip, view: *view }));
    }
}
