//! Which cells each column and row of pixels shows, and how values are coloured: what both backends of the kernel are given.

use std::ops::Range;

use glam::Vec2;

use crate::render::picture::pixel_rect;
use crate::render::{Color, Heatmap, Rect};

/// The cells that a column or a row of pixels shows.
#[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(in crate::render) struct Span {
    /// The first.
    pub begin: u32,
    /// After the last.
    pub end: u32,
    /// Between the first and the last, of which there are two at most; negative for the maximum of all.
    pub fraction: f32,
}

/// What both backends are given besides the values: the kernel's parameters.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::render) struct Coloring {
    pub rows: u32,
    pub columns: u32,
    /// For each column of pixels.
    pub column_spans: Vec<Span>,
    /// For each row of pixels.
    pub row_spans: Vec<Span>,
    pub range: [f32; 2],
    pub lut: [[u8; 4]; 256],
    /// Whether the colours have two sides: of several cells that a pixel shows, the farthest from the middle counts.
    pub diverging: bool,
    pub missing: Color,
    pub opacity: f32,
    pub fade: bool,
}

impl Coloring {
    /// With the pixels' rectangle; `None` if nothing of the heatmap would be seen.
    pub(super) fn new(mark: &Heatmap, scale: f32, target: [u32; 2]) -> Option<(Self, Rect)> {
        let whole = pixel_rect(&mark.rect, scale);
        let limit = Vec2::new(target[0] as f32, target[1] as f32);
        let seen = Rect { min: whole.min.max(Vec2::ZERO), max: whole.max.min(limit) };
        let is_empty = mark.rows == 0 || mark.columns == 0 || !seen.size().cmpge(Vec2::ONE).all();
        if is_empty || !mark.window.size().cmpgt(Vec2::ZERO).all() {
            return None;
        }
        let axis = |axis: usize, cells: u32| {
            let cells_per_pixel = f64::from(mark.window.size()[axis]) / f64::from(whole.size()[axis]);
            let skipped = f64::from(seen.min[axis] - whole.min[axis]);
            let first = f64::from(mark.window.min[axis]) + skipped * cells_per_pixel;
            spans(first, cells_per_pixel, seen.size()[axis] as u32, cells, mark.smooth)
        };
        let (column_spans, row_spans) = (axis(0, mark.columns), axis(1, mark.rows));
        Some((Self::with_spans(mark, column_spans, row_spans), seen))
    }

    /// A pixel for each cell of these columns and rows.
    pub(super) fn cell_by_cell(mark: &Heatmap, columns: Range<u32>, rows: Range<u32>) -> Self {
        let each = |cells: Range<u32>| cells.map(|cell| Span { begin: cell, end: cell + 1, fraction: -1.0 }).collect();
        Self::with_spans(mark, each(columns), each(rows))
    }

    fn with_spans(mark: &Heatmap, column_spans: Vec<Span>, row_spans: Vec<Span>) -> Self {
        Self {
            rows: mark.rows,
            columns: mark.columns,
            column_spans,
            row_spans,
            range: if mark.range.iter().all(|end| end.is_finite()) { mark.range } else { [0.0, 1.0] },
            lut: mark.colormap.lut(),
            diverging: mark.colormap.is_diverging(),
            missing: mark.missing,
            opacity: mark.opacity.clamp(0.0, 1.0),
            fade: mark.fade,
        }
    }

    pub(super) fn size(&self) -> [u32; 2] {
        [self.column_spans.len() as u32, self.row_spans.len() as u32]
    }
}

/// The cells that each of `pixels` shows, of which the first begins at the place `first`.
pub(super) fn spans(first: f64, cells_per_pixel: f64, pixels: u32, cells: u32, smooth: bool) -> Vec<Span> {
    let last = f64::from(cells - 1);
    // A little more than exact, so that an edge which rounding put below a whole number isn't taken for the cell before.
    let cell = |place: f64| (place + 1e-6).floor().max(0.0) as u32;
    let span = |pixel: u32| {
        let place = first + f64::from(pixel) * cells_per_pixel;
        if cells_per_pixel > 1.0 {
            let begin = cell(place).min(cells - 1);
            let end = cell(place + cells_per_pixel).min(cells).max(begin + 1);
            return Span { begin, end, fraction: -1.0 };
        }
        let middle = place + cells_per_pixel / 2.0;
        if smooth {
            let from_first_middle = (middle - 0.5).clamp(0.0, last);
            let begin = from_first_middle.floor();
            let end = (begin as u32 + 2).min(cells);
            return Span { begin: begin as u32, end, fraction: (from_first_middle - begin) as f32 };
        }
        let begin = middle.floor().clamp(0.0, last) as u32;
        Span { begin, end: begin + 1, fraction: -1.0 }
    };
    (0..pixels).map(span).collect()
}
