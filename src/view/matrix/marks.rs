//! What lies over and beside the matrix: the weights as numbers, the selected rows or columns, the cross-hair, and the tokens' names.

use std::ops::Range;

use glam::Vec2;

use super::axis::Axis;
use super::masked::seen;
use crate::analysis::Direction;
use crate::render::{Align, Color, Label, Mark, Quad, Rect};
use crate::trace::{Mask, Token};
use crate::view::common::scale::{Scale, decimals, tick_text};
use crate::view::common::sides::{Sides, largest};
use crate::view::common::sinks;
use crate::view::common::sketch::Sketch;
use crate::view::common::theme::ink_on;
use crate::view::{Inputs, Target};

/// The weights themselves, where cells are large enough.
pub(super) fn numbers(sketch: &mut Sketch<'_>, keys: &Axis<'_>, queries: &Axis<'_>, masks: &[&Mask], scale: &Scale) {
    let size = sketch.text.small;
    let Some(known) = sketch.cells.clone() else { return };
    let weight = |query: usize, key: usize| known.weight(queries.cells[query], keys.cells[key]).unwrap_or(f32::NAN);
    if keys.cell() < size * 3.4 || queries.cell() < size * 1.5 {
        return;
    }
    let in_sight = queries.in_view().flat_map(|query| keys.in_view().map(move |key| (query, key)));
    let in_sight = in_sight.map(|(query, key)| weight(query, key));
    let largest = largest(in_sight);
    // As many digits as the cells in sight need and have room for.
    let decimals = (0..=decimals([0.0, largest])).rev();
    let mut fitting =
        decimals.skip_while(|&decimals| sketch.width(&tick_text(largest, decimals), size) + size * 0.4 > keys.cell());
    let Some(decimals) = fitting.next() else { return };
    for query in queries.in_view() {
        let seen = seen(masks, queries.cells[query], keys.tokens.len());
        for key in keys.in_view().filter(|&key| seen.contains(&keys.cells[key])) {
            let at = Vec2::new(keys.at(key as f32 + 0.5), queries.at(query as f32 + 0.5));
            let value = weight(query, key);
            let inside = keys.pixels.contains(&at.x) && queries.pixels.contains(&at.y);
            let margin = (at.x - keys.pixels.start).min(keys.pixels.end - at.x);
            if let Some(fill) = scale.color(value).filter(|_| inside && margin > size * 1.6) {
                sketch.label(at, Align::Center, tick_text(value, decimals), size, ink_on(fill));
            }
        }
    }
}

/// A dot above each column of a sink, where they are marked.
pub(super) fn mark_sinks(sketch: &mut Sketch<'_>, sides: &Sides<'_>, keys: &Axis<'_>, rect: Rect) {
    for cell in keys.in_view().filter(|&cell| sides.is_marked_sink(sides.block.key, keys.cells[cell])) {
        let middle = keys.at(cell as f32 + 0.5);
        if (keys.pixels.start..=keys.pixels.end).contains(&middle) {
            sinks::dot(sketch, Vec2::new(middle, rect.min.y));
        }
    }
}

/// The selected rows or columns, neighbours as one: amber outlines around those that are wide enough to be seen between the lines; of
/// narrow ones only the ends, so that they do not cover the weights.
pub(super) fn bands(
    inputs: &Inputs<'_>,
    sketch: &mut Sketch<'_>,
    sides: &Sides<'_>,
    keys: &Axis<'_>,
    queries: &Axis<'_>,
) {
    let (color, row) = (sketch.palette.selected, inputs.selection.direction == Direction::AttendsTo);
    let axis = if row { queries } else { keys };
    let is_here = axis.sequence == sides.near;
    let mut cells: Vec<usize> =
        inputs.selection.tokens.iter().filter(|_| is_here).filter_map(|&token| axis.cell_of(token)).collect();
    cells.sort_unstable();
    for run in cells.chunk_by(|a, b| *b <= a + 1) {
        let span = axis.span(run[0]..run[run.len() - 1] + 1);
        if span.end <= span.start {
            continue;
        }
        let across = if row { keys.pixels.clone() } else { queries.pixels.clone() };
        let rect = |along: Range<f32>, across: Range<f32>| match row {
            true => Rect { min: Vec2::new(across.start, along.start), max: Vec2::new(across.end, along.end) },
            false => Rect { min: Vec2::new(along.start, across.start), max: Vec2::new(along.end, across.end) },
        };
        if span.end - span.start >= WIDE {
            sketch.mark_cell(rect(span, across), color, 1.5);
            continue;
        }
        let span = thick(span);
        for end in [across.start - END..across.start, across.end..across.end + END] {
            sketch.mark_cell(rect(span.clone(), end), color, 1.5);
        }
    }
}

/// From so many pixels on there is room for weights between the lines of an outline.
const WIDE: f32 = 7.0;
/// Length of the marks at both ends of a narrow row.
const END: f32 = 7.0;

/// Not thinner than can be seen.
fn thick(span: Range<f32>) -> Range<f32> {
    let middle = (span.start + span.end) / 2.0;
    let half = ((span.end - span.start) / 2.0).max(1.5);
    middle - half..middle + half
}

/// The outline of a row or a column that is in view, never thinner than can be seen.
fn band(
    sketch: &mut Sketch<'_>,
    keys: &Axis<'_>,
    queries: &Axis<'_>,
    token: usize,
    row: bool,
    color: Color,
    width: f32,
) {
    let axis = if row { queries } else { keys };
    let Some(cell) = axis.cell_of(token) else { return };
    let span = axis.span(cell..cell + 1);
    if span.end <= span.start {
        return;
    }
    let span = thick(span);
    let rect = if row {
        Rect { min: Vec2::new(keys.pixels.start, span.start), max: Vec2::new(keys.pixels.end, span.end) }
    } else {
        Rect { min: Vec2::new(span.start, queries.pixels.start), max: Vec2::new(span.end, queries.pixels.end) }
    };
    sketch.mark_cell(rect, color, width);
}

/// Row and column of what is under the pointer; its value for the colour bar.
pub(super) fn cross_hair(
    inputs: &Inputs<'_>,
    sketch: &mut Sketch<'_>,
    keys: &Axis<'_>,
    queries: &Axis<'_>,
) -> Vec<(f32, Color)> {
    let color = Color::hex(0xffffff);
    match inputs.hover {
        Some(Target::Cell { query, key }) if query < queries.tokens.len() && key < keys.tokens.len() => {
            band(sketch, keys, queries, query, true, color, 1.0);
            band(sketch, keys, queries, key, false, color, 1.0);
            name_at_axis(sketch, keys, queries, query, true);
            name_at_axis(sketch, keys, queries, key, false);
            let value = sketch.cells.as_ref().and_then(|cells| cells.weight(query, key));
            value.map(|value| (value, color)).into_iter().collect()
        }
        Some(Target::Token { sequence, token }) => {
            let by_row = inputs.selection.direction == Direction::AttendsTo;
            if sequence == queries.sequence && (by_row || keys.sequence != sequence) {
                band(sketch, keys, queries, token, true, color, 1.0);
            } else if sequence == keys.sequence {
                band(sketch, keys, queries, token, false, color, 1.0);
            }
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// The name of a row or a column at the matrix's edge, on a plate of its own that lies above other names.
fn name_at_axis(sketch: &mut Sketch<'_>, keys: &Axis<'_>, queries: &Axis<'_>, token: usize, row: bool) {
    let (size, palette) = (sketch.text.small, sketch.palette);
    let axis = if row { queries } else { keys };
    let Some(cell) = axis.cell_of(token).filter(|cell| axis.in_view().contains(cell)) else { return };
    let named = format!("{} {}", token, axis.names[token]);
    let text = sketch.elide(&named, size, false, (keys.pixels.end - keys.pixels.start).min(160.0));
    let plate = Vec2::new(sketch.width(&text, size) + 8.0, size * 1.5);
    let place = axis.at(cell as f32 + 0.5);
    let min = match row {
        true => Vec2::new(keys.pixels.start - 8.0 - plate.x, place - plate.y / 2.0),
        false => Vec2::new(place - plate.x / 2.0, queries.pixels.start - 8.0 - plate.y),
    };
    let min = min.min(sketch.free.max - plate).max(sketch.free.min);
    let rect = Rect { min, max: min + plate };
    // Labels lie above all other marks: those that the plate covers are taken away.
    let is_covered = |label: &Label| (label.at - rect.center()).abs().cmplt(plate / 2.0 + size * 0.5).all();
    sketch.marks.retain(|mark| !matches!(mark, Mark::Label(label) if is_covered(label)));
    sketch.quad(Quad { rect, fill: palette.surface, stroke: palette.hover, stroke_width: 1.0, corner_radius: 3.0 });
    sketch.label(rect.center(), Align::Center, text, size, palette.text);
}

/// The tokens' names along both sides, where cells are as large as letters; always those of the selected ones.
pub(super) fn labels(sketch: &mut Sketch<'_>, sides: &Sides<'_>, keys: &Axis<'_>, queries: &Axis<'_>) {
    let (size, palette) = (sketch.text.small, sketch.palette);
    let color = |sequence: usize, index: usize, token: &Token| match token.modality() {
        _ if sides.is_selected(sequence, index) => palette.selected_text,
        _ if sides.is_hovered(sequence, index) => palette.text,
        modality => palette.of_modality(modality),
    };
    let limit = sketch.free.size() * 0.25;
    for (axis, limit, row) in [(queries, limit.x, true), (keys, limit.y, false)] {
        if axis.cell() < size * 1.05 {
            continue;
        }
        for cell in axis.in_view() {
            let index = axis.cells[cell];
            let middle = axis.at(cell as f32 + 0.5);
            if middle - size / 2.0 < axis.pixels.start - 1.0 || middle + size / 2.0 > axis.pixels.end + 1.0 {
                continue;
            }
            let name = sketch.elide(&axis.names[index], size, false, limit);
            let color = color(axis.sequence, index, &axis.tokens[index]);
            if row {
                sketch.label(Vec2::new(keys.pixels.start - 8.0, middle), Align::Right, name, size, color);
            } else {
                // An upright label that begins at the matrix reads away from it.
                sketch.upright(Vec2::new(middle, queries.pixels.start - 8.0), Align::Left, name, size, color);
            }
        }
    }
}
