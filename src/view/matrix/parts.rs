//! Which parts of the matrix are asked for: all of it in as many cells as a view shows, and, where it is larger and zoomed, what is
//! in view in smaller ones. The finer part begins and ends on a grid, so that panning seldom asks anew.

use std::ops::Range;
use std::sync::Arc;

use crate::analysis::Cells;
use crate::query::{Rectangle, RectangleCells};
use crate::render::Rect;
use crate::view::Inputs;

/// Cells along a side of what is asked for at once: about as many as a view has pixels.
const MOST_CELLS: usize = 1024;
/// Parts begin and end at multiples of so many of their cells.
const GRID: usize = 256;

/// A rectangle of the matrix that is shown.
pub(super) struct Part {
    pub request: Rectangle,
    /// Of the rows and columns that are shown.
    pub queries: Range<usize>,
    pub keys: Range<usize>,
}

/// All of the matrix, and the part in view.
pub(super) struct Parts {
    pub overview: Part,
    pub detail: Option<Part>,
}

impl Part {
    fn new(
        inputs: &Inputs<'_>,
        rows: &[usize],
        columns: &[usize],
        [queries, keys]: [Range<usize>; 2],
        step: usize,
    ) -> Self {
        let [of_queries, of_keys] =
            [(rows, &queries), (columns, &keys)].map(|(all, cells)| as_cells(&all[cells.clone()]));
        Self { request: Rectangle::cells(inputs.shown, of_queries, of_keys, step), queries, keys }
    }

    /// Queries, and keys, of a cell.
    pub fn step(&self) -> usize {
        self.request.step()
    }

    /// What is in view, in cells of this part.
    pub fn window_in_cells(&self, window: Rect) -> Rect {
        let origin = glam::Vec2::new(self.keys.start as f32, self.queries.start as f32);
        let step = self.step() as f32;
        Rect { min: (window.min - origin) / step, max: (window.max - origin) / step }
    }
}

impl Parts {
    /// `rows` and `columns` are the queries and keys that are shown, ascending; `window` is what is in view of them.
    pub fn of(inputs: &Inputs<'_>, rows: &[usize], columns: &[usize], window: Rect) -> Self {
        let all = [0..rows.len(), 0..columns.len()];
        let coarse = step_for(rows.len().max(columns.len()));
        let span = window.size().max_element().ceil() as usize;
        let fine = step_for(span);
        let on_grid = |from: f32, to: f32, count: usize| {
            let unit = fine * GRID;
            let end = (to.ceil() as usize).div_ceil(unit) * unit;
            (from.max(0.0) as usize / unit * unit).min(count)..end.min(count)
        };
        let detail = (fine < coarse).then(|| {
            let queries = on_grid(window.min.y, window.max.y, rows.len());
            let keys = on_grid(window.min.x, window.max.x, columns.len());
            Part::new(inputs, rows, columns, [queries, keys], fine)
        });
        Self { overview: Part::new(inputs, rows, columns, all, coarse), detail }
    }

    /// The finest that is known.
    pub fn known<'a>(&self, inputs: &Inputs<'a>) -> Option<(&Part, &'a RectangleCells)> {
        let known = |part: &'_ Part| inputs.results.get(&part.request);
        let detail = self.detail.as_ref().and_then(|part| Some((part, known(part)?)));
        detail.or_else(|| Some((&self.overview, known(&self.overview)?)))
    }
}

/// The smallest power of two with which so many fit.
fn step_for(count: usize) -> usize {
    count.div_ceil(MOST_CELLS).max(1).next_power_of_two()
}

fn as_cells(tokens: &[usize]) -> Cells {
    match (tokens.first(), tokens.last()) {
        (Some(&first), Some(&last)) if last - first + 1 == tokens.len() => Cells::Run(first..last + 1),
        _ => Cells::Listed(Arc::new(tokens.to_vec())),
    }
}
