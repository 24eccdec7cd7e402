//! Which cells of the matrix no query sees, and what lies over them.

use std::ops::Range;

use glam::Vec2;

use super::axis::Axis;
use crate::render::{Align, Rect};
use crate::trace::Mask;
use crate::view::common::sketch::Sketch;

/// From the first to the last key of so many that a query sees under any of these masks; all where one of them is stored, since the
/// document does not say what that hides.
pub(super) fn seen(masks: &[&Mask], query: usize, keys: usize) -> Range<usize> {
    let runs = masks.iter().map(|mask| mask.run(query, keys).unwrap_or(0..keys));
    runs.filter(|run| !run.is_empty()).reduce(hull).unwrap_or(0..0)
}

fn hull(one: Range<usize>, other: Range<usize>) -> Range<usize> {
    one.start.min(other.start)..one.end.max(other.end)
}

/// Covers what no query of a row sees. Each rectangle reaches as far over other rows as it may, so that no seam shows between them;
/// rows thinner than a pixel share one.
pub(super) fn hide_masked(sketch: &mut Sketch<'_>, keys: &Axis<'_>, queries: &Axis<'_>, masks: &[&Mask]) {
    let stride = (1.0 / queries.cell()).ceil().max(1.0) as usize;
    let (color, count) = (sketch.palette.missing, keys.cells.len());
    let firsts: Vec<usize> = queries.in_view().step_by(stride).collect();
    let seen_cells = |first: &usize| {
        let rows = queries.cells[*first..].iter().take(stride);
        let seen = rows.map(|&query| seen(masks, query, keys.tokens.len())).filter(|run| !run.is_empty()).reduce(hull);
        let [start, end] = seen.map_or([0, 0], |run| [run.start, run.end]);
        [start, end].map(|key| keys.cells.partition_point(|&token| token < key))
    };
    let seen: Vec<[usize; 2]> = firsts.iter().map(seen_cells).collect();
    let (before, after) = (seen.iter().map(|[start, _]| 0..*start), seen.iter().map(|[_, end]| *end..count));
    for hidden in [before.collect::<Vec<_>>(), after.collect()] {
        for (step, part) in hidden.iter().enumerate() {
            if part.is_empty() || step > 0 && hidden[step - 1] == *part {
                continue;
            }
            let covers = |other: &&Range<usize>| other.start <= part.start && part.end <= other.end;
            let first = step - hidden[..step].iter().rev().take_while(covers).count();
            let last = step + hidden[step..].iter().take_while(covers).count() - 1;
            let (across, down) = (keys.span(part.clone()), queries.span(firsts[first]..firsts[last] + stride));
            sketch.fill(Rect { min: Vec2::new(across.start, down.start), max: Vec2::new(across.end, down.end) }, color);
        }
    }
    let triangle = (keys.pixels.end - keys.pixels.start).min(queries.pixels.end - queries.pixels.start);
    let small = sketch.text.small;
    let whole = queries.in_view().len() == queries.cells.len() && keys.in_view().len() == count;
    let is_triangle = masks.iter().all(|mask| matches!(mask, Mask::Causal | Mask::Sliding(_)));
    let is_square = queries.sequence == keys.sequence && queries.cells == keys.cells;
    if whole && is_triangle && is_square && sketch.width("not visible", small) < triangle * 0.4 {
        let at = Vec2::new(keys.pixels.end - triangle * 0.05, queries.pixels.start + triangle * 0.06);
        sketch.label(at, Align::Right, "not visible", small, sketch.palette.muted);
    }
}
