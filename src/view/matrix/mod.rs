//! Queries × keys of the selected head, with runs of text and image along both sides.

mod axis;
mod marks;
mod masked;
mod parts;

use std::sync::Arc;

use glam::Vec2;

use self::axis::{Axis, RunKind};
use self::marks::{bands, cross_hair, labels, mark_sinks, numbers};
use self::masked::hide_masked;
use self::parts::{Part, Parts};
use crate::analysis::peaks::usual_maximum_of;
use crate::analysis::{Cells, SinkTreatment, WeightKind};
use crate::query::{Cell, Query, Rectangle, RectangleCells};
use crate::render::colormap::Colormap;
use crate::render::{Align, Color, Heatmap, Mark, Rect, Values};
use crate::trace::{Block, Document, Mask};
use crate::view::common::asked;
use crate::view::common::colour_bar::{Bar, BarSide};
use crate::view::common::heading::{begin, note_left_out, note_targets, without_numbers};
use crate::view::common::scale::Scale;
use crate::view::common::sides::{Sides, largest, noun, place, quantity, sentence, weight_colormap, weight_range};
use crate::view::common::sketch::{MARGIN, Sketch, within};
use crate::view::common::tip::{KnownCells, number};
use crate::view::numbers::{Axis as Axes, block, names};
use crate::view::{Definition, Inputs, MatrixBlock, NoNumbers, Numbers, Target, View, Zone, caption};

/// All about this view.
pub(super) const VIEW: Definition = Definition {
    needs,
    draw,
    caption: words,
    needs_for_numbers: |inputs| whole(inputs).map(Query::from).into_iter().collect(),
    numbers: |inputs| array(View::Matrix, inputs),
};

pub(super) fn needs(inputs: &Inputs<'_>) -> Vec<Query> {
    let Some(sides) = Sides::of(inputs).filter(|_| asked::has_attention(inputs)) else { return Vec::new() };
    let (rows, columns) = tokens(inputs, &sides);
    let window = window(inputs, rows.len(), columns.len());
    let parts = Parts::of(inputs, &rows, &columns, window);
    let mut needs: Vec<Query> = vec![parts.overview.request.clone().into()];
    needs.extend(parts.detail.as_ref().map(|detail| detail.request.clone().into()));
    needs.extend(hovered_cell(inputs).filter(|_| parts.overview.step() > 1).map(|(_, cell)| cell.into()));
    needs.extend(asked::sinks(inputs).map(Query::from));
    needs.extend(asked::peaks(inputs).map(Query::from));
    needs
}

/// The queries and the keys that are shown.
fn tokens(inputs: &Inputs<'_>, sides: &Sides<'_>) -> (Vec<usize>, Vec<usize>) {
    let block = inputs.options.matrix_block;
    (block.tokens(0, sides.query), block.tokens(1, sides.key))
}

/// The weight under the pointer.
fn hovered_cell(inputs: &Inputs<'_>) -> Option<([usize; 2], Cell)> {
    match inputs.hover {
        Some(Target::Cell { query, key }) => Some(([query, key], Cell::of(inputs.shown, query, key))),
        _ => None,
    }
}

fn known_cells(
    inputs: &Inputs<'_>,
    part: &Part,
    shown: &RectangleCells,
    queries: &[usize],
    keys: &[usize],
) -> Option<KnownCells> {
    if part.step() > 1 {
        let (cell, request) = hovered_cell(inputs)?;
        return Some(KnownCells::One(cell, *inputs.results.get(&request)?));
    }
    let [queries, keys] =
        [(queries, &part.queries), (keys, &part.keys)].map(|(all, cells)| Arc::new(all[cells.clone()].to_vec()));
    Some(KnownCells::All { queries, keys, weights: Arc::clone(&shown.values) })
}

fn words(inputs: &Inputs<'_>) -> Vec<String> {
    let Some(block) = caption::block(inputs) else { return Vec::new() };
    let shown = [block, place(inputs), format!("{} of queries to keys", noun(inputs))];
    shown.into_iter().chain(caption::made(inputs)).collect()
}

/// Every weight of the head.
pub(super) fn whole(inputs: &Inputs<'_>) -> Option<Rectangle> {
    let block = inputs.document.attention.get(inputs.shown.block).filter(|_| asked::has_attention(inputs))?;
    let [queries, keys] = [inputs.document.query_tokens(block), inputs.document.key_tokens(block)];
    Some(Rectangle::cells(inputs.shown, Cells::Run(0..queries.len()), Cells::Run(0..keys.len()), 1))
}

/// `[query, key]`.
pub(super) fn array(view: View, inputs: &Inputs<'_>) -> Result<Numbers, NoNumbers> {
    let of = block(inputs)?;
    let known = whole(inputs).and_then(|request| inputs.results.get(&request));
    let known = known.ok_or_else(|| NoNumbers::because(inputs, "the weights are not known"))?;
    let axes = vec![Axes::named("query", names(inputs, of.query)), Axes::named("key", names(inputs, of.key))];
    Numbers::new(view, inputs, (&inputs.shown.weights.quantity(), ""), axes, known.values.to_vec())
}

pub(super) fn draw(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    let heading = |sides: &Sides<'_>, sketch: &mut Sketch<'_>| {
        let what = match &inputs.shown.weights {
            WeightKind::Relevance(_) => sentence(&noun(inputs)).trim_end_matches('.').to_owned(),
            _ => "Attention".to_owned(),
        };
        let title = format!("{what} matrix {} · {}", sides.block.name, place(inputs));
        sketch.title(inputs, &title, inputs.document.id.as_deref());
        sketch.subtitle(inputs, &place(inputs));
    };
    let Some(sides) = begin(inputs, sketch, "Matrix", heading) else { return };
    if sides.query.is_empty() || sides.key.is_empty() {
        sketch.note("This block has no queries or no keys.");
        return;
    }
    let (row_tokens, column_tokens) = tokens(inputs, &sides);
    let (rows, columns) = (row_tokens.len(), column_tokens.len());
    if rows == 0 || columns == 0 {
        let label = inputs.options.matrix_block.label();
        sketch.note(&format!("The attention {} holds no weights {label} (query–key).", sides.block.name));
        return;
    }
    let window = window(inputs, rows, columns);
    let parts = Parts::of(inputs, &row_tokens, &column_tokens, window);
    let (Some(overview), Some((part, shown))) = (inputs.results.get(&parts.overview.request), parts.known(inputs))
    else {
        let waiting = "The weights of this head are not here yet.".to_owned();
        return sketch.note(&inputs.results.failure(&parts.overview.request).map_or(waiting, sentence));
    };
    let left_out = without_numbers(&shown.values, shown.columns);
    match inputs.shown.weights.relevance(inputs.document) {
        None => note_left_out(sketch, left_out, "rows"),
        Some((_, relevance)) => note_targets(sketch, relevance.targets.len(), sides.query.len()),
    }
    let masks = sides.masks();
    let are_shares = !matches!(inputs.shown.weights, WeightKind::Relevance(_) | WeightKind::Rollout(_));
    let is_even = are_shares && masks == [&Mask::Full] && inputs.shown.sinks != SinkTreatment::Renormalise;
    let keys = sides.key.len();
    let uniform = (is_even && !sides.block.sink_share).then(|| (1.0 / keys as f32, format!("1/{keys}")));
    let scale = scale(inputs, overview).with_uniform(uniform);
    let wide = sketch.free.size().x > sketch.free.size().y * 1.1 * aspect(rows, columns);
    let bar_place = if wide { BarSide::Right } else { BarSide::Below };
    let bar = Bar::reserve(sketch, &scale, bar_place, inputs.options.colour_bar);
    draw_cells(inputs, sketch, &sides, part, shown, &scale, bar);
}

/// Draws cells with the names of their tokens, and what is selected and pointed at.
fn draw_cells(
    inputs: &Inputs<'_>,
    sketch: &mut Sketch<'_>,
    sides: &Sides<'_>,
    part: &Part,
    shown: &RectangleCells,
    scale: &Scale,
    bar: Option<Bar>,
) {
    let (row_tokens, column_tokens) = tokens(inputs, sides);
    let window = window(inputs, row_tokens.len(), column_tokens.len());
    let masks = sides.masks();
    let (mut keys, mut queries) = (
        Axis::new(sides.key, column_tokens, sides.block.key, window.min.x..window.max.x),
        Axis::new(sides.query, row_tokens, sides.block.query, window.min.y..window.max.y),
    );
    let rect = layout(sketch, &mut keys, &mut queries);
    sketch.content = rect;
    let values = match &shown.on_device {
        Some(resident) => Values::Resident(resident.clone()),
        None => Values::Host(Arc::clone(&shown.values)),
    };
    sketch.marks.push(Mark::Heatmap(Heatmap {
        rect,
        values,
        rows: shown.rows as u32,
        columns: shown.columns as u32,
        window: part.window_in_cells(window),
        range: scale.range,
        colormap: scale.colormap,
        missing: sketch.palette.missing,
        opacity: 1.0,
        fade: false,
        smooth: false,
    }));
    sketch.cells = known_cells(inputs, part, shown, &queries.cells, &keys.cells);
    hide_masked(sketch, &keys, &queries, &masks);
    if part.step() == 1 {
        numbers(sketch, &keys, &queries, &masks, scale);
    }
    boundaries(sketch, &keys, &queries, rect);
    sketch.outline(rect.shrink(-1.0), sketch.palette.line, 1.0);
    let (of_queries, of_keys) = (queries.cells.clone(), keys.cells.clone());
    sketch.zones.push(Zone::Cells { rect, window, queries: of_queries, keys: of_keys });
    bands(inputs, sketch, sides, &keys, &queries);
    mark_sinks(sketch, sides, &keys, rect);
    labels(sketch, sides, &keys, &queries);
    let hovered = cross_hair(inputs, sketch, &keys, &queries);
    if let Some(bar) = bar {
        bar.draw(sketch, rect, &hovered);
    }
}

/// How the weights are coloured; `None` if they are not known.
pub(super) fn scale_of(inputs: &Inputs<'_>) -> Option<Scale> {
    let known = parts_of(inputs)?;
    inputs.results.get(&known.overview.request).map(|overview| scale(inputs, overview))
}

/// The largest weight, without its sign; `None` if they are not known.
pub(super) fn peak(inputs: &Inputs<'_>) -> Option<f32> {
    inputs.results.get(&parts_of(inputs)?.overview.request).map(|overview| overview.maximum)
}

/// `None` where there is no attention, or no cell of what is asked for.
fn parts_of(inputs: &Inputs<'_>) -> Option<Parts> {
    let sides = Sides::of(inputs).filter(|_| asked::has_attention(inputs))?;
    let (rows, columns) = tokens(inputs, &sides);
    (!rows.is_empty() && !columns.is_empty())
        .then(|| Parts::of(inputs, &rows, &columns, window(inputs, rows.len(), columns.len())))
}

/// What is different in two matrices of the same queries and keys, cell by cell: of `a` what is more than in `b`. Where a cell stands
/// for several weights, of the largest of them.
///
/// # Errors
/// If one of both is not known, or they are of other tokens.
pub(super) fn difference(a: &Inputs<'_>, b: &Inputs<'_>) -> Result<RectangleCells, &'static str> {
    let sides = |inputs: &Inputs<'_>| Sides::bare(inputs).map(|sides| [sides.block.query, sides.block.key]);
    if sides(a) != sides(b) {
        return Err("The matrices are of other queries or keys.");
    }
    let (Some(of_a), Some(of_b)) = (parts_of(a), parts_of(b)) else { return Err("There is no attention to compare.") };
    let same = |part: fn(&Parts) -> Option<&Part>| {
        let [of_a, of_b] = [part(&of_a)?, part(&of_b)?];
        let (of_a, of_b) = (a.results.get(&of_a.request)?, b.results.get(&of_b.request)?);
        (of_a.values.len() == of_b.values.len()).then_some((of_a, of_b))
    };
    let both = same(|parts| parts.detail.as_ref()).or_else(|| same(|parts| Some(&parts.overview)));
    let (of_a, of_b) = both.ok_or("There is nothing to compare before both have weights.")?;
    let values: Vec<f32> = of_a.values.iter().zip(&*of_b.values).map(|(a, b)| a - b).collect();
    let maximum = largest(values.iter().copied());
    let usual_maximum = usual_maximum_of(&values.iter().map(|value| value.abs()).collect::<Vec<_>>());
    let values = Arc::new(values);
    Ok(RectangleCells { values, on_device: None, maximum, usual_maximum, ..*of_a })
}

/// Draws what came of [`difference`], of which `inputs` are `a`.
pub(super) fn draw_difference(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, cells: &RectangleCells, scale: &Scale) {
    let (Some(sides), Some(parts)) = (Sides::of(inputs), parts_of(inputs)) else { return };
    let is_of_them = |part: &&Part| part.step() == cells.step;
    if let Some(part) = parts.detail.iter().chain([&parts.overview]).find(is_of_them) {
        draw_cells(inputs, sketch, &sides, part, cells, scale, None);
    }
}

/// A few weights near 1 (the first rows of a causal block, a sink) would leave all others in the dark: where the
/// largest is far above the rest, the colours end below it, and the bar says so.
fn scale(inputs: &Inputs<'_>, overview: &RectangleCells) -> Scale {
    let (largest, usual) = (overview.maximum, overview.usual_maximum);
    let locked = asked::peaks(inputs).and_then(|request| inputs.results.get(&request));
    let locked = locked.filter(|peaks| peaks.matrix > 0.0 && peaks.matrix.is_finite());
    if let (Some(peaks), None) = (locked, inputs.options.range) {
        return matrix_scale(inputs, weight_range(inputs, peaks.matrix), format!("{} (locked)", quantity(inputs)));
    }
    let clipped = inputs.options.range.is_none() && usual > 0.0 && largest > 3.0 * usual;
    let what = quantity(inputs);
    let label = if clipped { format!("{what} (up to {})", number(largest)) } else { what };
    matrix_scale(inputs, weight_range(inputs, if clipped { usual } else { largest }), label)
}

fn matrix_scale(inputs: &Inputs<'_>, range: [f32; 2], label: String) -> Scale {
    Scale::plain(weight_colormap(inputs, Colormap::Viridis), range, label)
}

/// How many queries and keys the matrix of a block shows.
pub fn matrix_size(document: &Document, block: &Block, shown: MatrixBlock) -> [usize; 2] {
    [shown.tokens(0, document.query_tokens(block)).len(), shown.tokens(1, document.key_tokens(block)).len()]
}

/// Cells are square unless one side is much longer than the other.
fn aspect(rows: usize, columns: usize) -> f32 {
    (columns as f32 / rows as f32).clamp(0.4, 2.5)
}

/// The cells in view, kept inside the matrix.
fn window(inputs: &Inputs<'_>, rows: usize, columns: usize) -> Rect {
    let whole = Rect::at(0.0, 0.0, columns as f32, rows as f32);
    let asked = inputs.options.matrix_window.map_or(whole, |window| within(window, whole));
    if asked.size().min_element() > 1e-3 && asked.size().is_finite() { asked } else { whole }
}

/// Finds the room for the matrix beside its labels, which depend on how large the cells come out.
fn layout(sketch: &mut Sketch<'_>, keys: &mut Axis<'_>, queries: &mut Axis<'_>) -> Rect {
    let small = sketch.text.small;
    let aspect = aspect(queries.cells.len(), keys.cells.len());
    let gutter = small * 3.1 + 6.0;
    let mut names = Vec2::ZERO;
    let mut rect = sketch.free;
    for _ in 0..2 {
        let room = Rect { min: sketch.free.min + gutter + names, max: sketch.free.max };
        rect = sketch.fit(aspect, Rect { min: room.min, max: room.max.max(room.min + 1.0) });
        keys.pixels = rect.min.x..rect.max.x;
        queries.pixels = rect.min.y..rect.max.y;
        let limit = sketch.free.size() * 0.25;
        names = Vec2::new(name_room(sketch, queries, limit.x), name_room(sketch, keys, limit.y));
    }
    rect
}

/// What the names of an axis take across it: nothing while its cells are smaller than letters.
fn name_room(sketch: &mut Sketch<'_>, axis: &Axis<'_>, limit: f32) -> f32 {
    let size = sketch.text.small;
    if axis.cell() < size * 1.05 {
        return 0.0;
    }
    let widths = axis.cells[axis.in_view()].iter().map(|&token| sketch.width(&axis.names[token], size));
    widths.fold(0.0, f32::max).min(limit) + 5.0
}

/// Lines between text and image, and a bracket in its colour along each run.
fn boundaries(sketch: &mut Sketch<'_>, keys: &Axis<'_>, queries: &Axis<'_>, rect: Rect) {
    let (small, palette) = (sketch.text.small, sketch.palette);
    let line = Color::hex(0xffffff).with_opacity(0.55);
    let of = |kind: RunKind| match kind {
        RunKind::Of(modality) => (kind.name(), palette.of_modality(modality)),
        RunKind::Special => (kind.name(), palette.special),
    };
    for (run, _) in keys.wide_runs() {
        let x = keys.span(run.clone()).start;
        if run.start > 0 && x > rect.min.x && x < rect.max.x {
            sketch.line(Vec2::new(x, rect.min.y), Vec2::new(x, rect.max.y), 1.0, line);
        }
    }
    for (run, _) in queries.wide_runs() {
        let y = queries.span(run.clone()).start;
        if run.start > 0 && y > rect.min.y && y < rect.max.y {
            sketch.line(Vec2::new(rect.min.x, y), Vec2::new(rect.max.x, y), 1.0, line);
        }
    }
    for (run, modality) in keys.runs() {
        let (_, color) = of(keys.kind(&run, modality));
        let span = keys.span(run);
        let length = span.end - span.start;
        if length <= 0.0 {
            continue;
        }
        let inset = if length > 4.0 { 1.0 } else { 0.0 };
        sketch.fill(Rect::at(span.start + inset, rect.min.y - 5.0, length - 2.0 * inset, 3.0), color);
    }
    for (run, modality) in queries.runs() {
        let (_, color) = of(queries.kind(&run, modality));
        let span = queries.span(run);
        let length = span.end - span.start;
        if length <= 0.0 {
            continue;
        }
        let inset = if length > 4.0 { 1.0 } else { 0.0 };
        sketch.fill(Rect::at(rect.min.x - 5.0, span.start + inset, 3.0, length - 2.0 * inset), color);
    }
    let top = rect.min.y - 6.0 - name_room(sketch, keys, sketch.free.size().y * 0.25) - small * 0.75;
    for (middle, kind) in named_runs(sketch, keys) {
        let (name, color) = of(kind);
        sketch.label(Vec2::new(middle, top), Align::Center, name, small, color);
    }
    let left = rect.min.x - 6.0 - name_room(sketch, queries, sketch.free.size().x * 0.25) - small * 0.75;
    for (middle, kind) in named_runs(sketch, queries) {
        let (name, color) = of(kind);
        sketch.upright(Vec2::new(left, middle), Align::Center, name, small, color);
    }
    let (muted, title_at) = (palette.muted, small * 1.35);
    let across = keys.title("keys");
    sketch.label(Vec2::new(rect.center().x, top - title_at), Align::Center, across, small, muted);
    let down = sketch.elide(&queries.title("queries"), small, false, rect.size().y);
    sketch.upright(Vec2::new(left - title_at, rect.center().y), Align::Center, down, small, muted);
}

/// Middles of the runs whose names have room. A short run at the edge is named too where the name collides with none.
fn named_runs(sketch: &mut Sketch<'_>, axis: &Axis<'_>) -> Vec<(f32, RunKind)> {
    let small = sketch.text.small;
    let mut end = f32::NEG_INFINITY;
    let mut named = Vec::new();
    for (run, modality) in axis.wide_runs() {
        let kind = axis.kind(&run, modality);
        let span = axis.span(run);
        if span.end <= span.start {
            continue;
        }
        let name = kind.name();
        let half = sketch.width(name, small) / 2.0;
        // Before the matrix there are labels to lie above; behind it there may be no more than the margin.
        let (low, high) = (axis.pixels.start - half * 0.6, axis.pixels.end + (MARGIN - half).min(half * 0.6));
        let middle = ((span.start + span.end) / 2.0).clamp(low.min(high), high.max(low));
        if middle - half < end + 4.0 {
            continue;
        }
        end = middle + half;
        named.push((middle, kind));
    }
    named
}
