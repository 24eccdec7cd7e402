//! Layers × heads: one statistic, its mean over the heads of each layer in a column apart, and over the layers of each
//! head number in a row apart; the strongest heads as a list where there is room.

mod layout;
mod list;

use glam::Vec2;

use self::layout::HeadsLayout;
use crate::analysis::Pick;
use crate::analysis::statistics::{mean, metric_names, why_none};
use crate::query::StatisticGrid;
use crate::render::colormap::Colormap;
use crate::render::{Align, Color, Quad, Rect};
use crate::view::common::asked;
use crate::view::common::colour_bar::{Bar, BarSide};
use crate::view::common::order::axis_numbers;
use crate::view::common::scale::{Scale, decimals, tick_text};
use crate::view::common::sides::sentence;
use crate::view::common::sketch::{Sketch, within};
use crate::view::common::theme::ink_on;
use crate::view::{Axis, Definition, Inputs, NoNumbers, Numbers, Target, View, caption};

/// All about this view.
pub(super) const VIEW: Definition = Definition {
    needs: |inputs| asked::of_heads(inputs).into_iter().collect(),
    draw,
    caption: words,
    needs_for_numbers: |_| Vec::new(),
    numbers,
};

fn draw(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    let (statistic, progress) = asked::statistic_grid(inputs);
    if let Some(why) = asked::failure_of_heads(inputs) {
        sketch.title(inputs, "Heads", inputs.document.id.as_deref());
        return sketch.note(&sentence(why));
    }
    draw_grid(inputs, &statistic, progress, sketch);
}

fn words(inputs: &Inputs<'_>) -> Vec<String> {
    words_of(inputs, &asked::statistic_grid(inputs).0)
}

/// What a caption says of numbers of layers × heads.
pub(super) fn words_of(inputs: &Inputs<'_>, statistic: &StatisticGrid) -> Vec<String> {
    let unit = if statistic.unit.is_empty() { String::new() } else { format!(" ({})", statistic.unit) };
    caption::block(inputs).into_iter().chain([format!("{}{unit}", statistic.label)]).collect()
}

/// `[layer, head]`, the statistic.
fn numbers(inputs: &Inputs<'_>) -> Result<Numbers, NoNumbers> {
    let (statistic, _) = asked::statistic_grid(inputs);
    if statistic.values.is_empty() {
        return Err(NoNumbers::because(inputs, "there is no such statistic"));
    }
    let axes = vec![Axis::layers(statistic.layers, &statistic.layer_numbers), Axis::counted("head", statistic.heads)];
    Numbers::new(View::Heads, inputs, (&statistic.name, &statistic.unit), axes, statistic.values)
}

/// Draws numbers of layers × heads; `progress` says how many layers of how many are known, if not all.
pub(super) fn draw_grid(
    inputs: &Inputs<'_>,
    statistic: &StatisticGrid,
    progress: Option<[usize; 2]>,
    sketch: &mut Sketch<'_>,
) {
    sketch.grid = Some(statistic.clone());
    let block = inputs.document.attention.get(inputs.shown.block);
    let block_name = block.filter(|_| inputs.document.attention.len() > 1).map(|block| block.name.as_str());
    let title = [statistic.label.as_str(), block_name.unwrap_or_default()];
    let title = title.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ");
    sketch.title(inputs, if title.is_empty() { "Heads" } else { &title }, inputs.document.id.as_deref());
    if statistic.layers == 0 || statistic.heads == 0 || statistic.values.len() != statistic.layers * statistic.heads {
        let (document, name) = (inputs.document, &inputs.options.statistic);
        let is_foreign = name.starts_with("head_metric.")
            && !metric_names(document, inputs.shown.block).any(|(metric, _)| metric == *name);
        sketch.note(match (document.attention.is_empty(), is_foreign) {
            (true, _) => "This trace holds no attention.",
            (false, true) => "This block has no such metric. Another statistic can be chosen.",
            (false, false) => "No statistic of the heads is here yet.",
        });
        return;
    }
    let has_values = statistic.values.iter().any(|value| !value.is_nan());
    if !has_values && progress.is_none() {
        say_why(inputs, statistic, sketch);
    }
    let scale = scale(inputs, statistic);
    // A figure shows them by their colours.
    if statistic.flat.is_none() && !sketch.is_cropped {
        list::draw(inputs, statistic, sketch, &scale);
    }
    let wide = sketch.free.size().x > sketch.free.size().y * 1.7;
    let place = if wide { BarSide::Right } else { BarSide::Below };
    let has_bar = inputs.options.colour_bar && has_values && statistic.flat.is_none();
    let bar = Bar::reserve(sketch, &scale, place, has_bar);
    if let Some(value) = statistic.flat {
        say_flat(sketch, &scale, value);
    }
    let Some(layout) = HeadsLayout::of(sketch, statistic, inputs.options.heads_order) else {
        sketch.note("There is too little room.");
        return;
    };
    sketch.content = layout.grid;
    cells(inputs, statistic, sketch, &layout, &scale);
    axes(inputs, statistic, sketch, &layout);
    let marked = marks(inputs, statistic, sketch, &layout);
    if let Some(bar) = bar {
        let beside = Rect { min: layout.grid.min, max: Vec2::new(layout.all().max.x, layout.grid.max.y) };
        let above = Rect { min: layout.grid.min, max: Vec2::new(layout.grid.max.x, layout.all().max.y) };
        bar.draw(sketch, if place == BarSide::Right { beside } else { above }, &marked);
        brush(inputs, sketch);
    }
}

/// Lines that say why no head has a value: a block full of crosses would not.
fn say_why(inputs: &Inputs<'_>, statistic: &StatisticGrid, sketch: &mut Sketch<'_>) {
    let why = why_none(&statistic.name, inputs.document, inputs.shown.block);
    let (small, muted) = (sketch.text.small, sketch.palette.muted);
    for line in sketch.wrap(&why, small, sketch.free.size().x) {
        if sketch.free.size().y > small * 9.0 {
            sketch.label(sketch.free.min + Vec2::new(0.0, small * 0.6), Align::Left, line, small, muted);
            sketch.free.min.y += small * 1.6;
        }
    }
}

/// In the place of the colour bar: there is nothing to tell apart.
fn say_flat(sketch: &mut Sketch<'_>, scale: &Scale, value: f32) {
    let (small, text) = (sketch.text.small, sketch.palette.text);
    let says = format!("{}: all {}, nothing to tell heads apart", scale.label, tick_text(value, decimals(scale.range)));
    let says = sketch.elide(&says, small, false, sketch.free.size().x);
    sketch.label(Vec2::new(sketch.free.min.x, sketch.free.max.y - small * 0.8), Align::Left, says, small, text);
    sketch.free.max.y -= small * 1.8;
}

/// How the values are coloured.
pub(super) fn scale(inputs: &Inputs<'_>, statistic: &StatisticGrid) -> Scale {
    let (low, high) = statistic
        .values
        .iter()
        .chain(&statistic.layer_mean)
        .chain(&statistic.head_mean)
        .filter(|value| value.is_finite())
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &value| (low.min(value), high.max(value)));
    let range = match (statistic.range, statistic.flat) {
        (Some(range), _) => range,
        // In the middle of the colours.
        (None, Some(value)) => {
            let half = if value == 0.0 { 0.5 } else { value.abs() / 2.0 };
            [value - half, value + half]
        }
        (None, None) => found_range(statistic, low, high),
    };
    let default = if statistic.diverging { Colormap::RedBlue } else { Colormap::Viridis };
    let colormap = inputs.options.colormap.filter(|_| !statistic.diverging).unwrap_or(default);
    let label = match statistic.unit.as_str() {
        "" => statistic.label.clone(),
        unit => format!("{} ({unit})", statistic.label),
    };
    let label = match inputs.options.heads_filter {
        None => label,
        Some(ends) => {
            let [low, high] = ends.map(|value| tick_text(value, decimals(range)));
            format!("{label}, in full from {low} to {high}")
        }
    };
    Scale::plain(colormap, range, label)
}

/// The ends of the colours of values between these two.
fn found_range(statistic: &StatisticGrid, low: f32, high: f32) -> [f32; 2] {
    match () {
        _ if low > high => [0.0, 1.0],
        _ if statistic.diverging => {
            let far = high.abs().max(low.abs()).max(f32::MIN_POSITIVE);
            [-far, far]
        }
        _ if low == high => [low.min(0.0), if high > 0.0 { high } else { low.min(0.0) + 1.0 }],
        // From 0 where that does not cost the differences that there are to see.
        _ if low >= 0.0 && low < high / 2.0 => [0.0, high],
        _ => [low, high],
    }
}

/// The values that are not dimmed, on the bar.
fn brush(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    let (Some(bar), Some([low, high])) = (sketch.bar, inputs.options.heads_filter) else { return };
    let cover = sketch.palette.background.with_opacity(0.8);
    for [from, to] in [[bar.range[0], low], [high, bar.range[1]]] {
        sketch.fill(bar.part(from, to), cover);
    }
    let (part, color) = (bar.part(low, high).shrink(-1.5), sketch.palette.text);
    sketch.outline(within(part, sketch.bounds()), color, 1.5);
}

fn is_dimmed(inputs: &Inputs<'_>, value: f32) -> bool {
    inputs.options.heads_filter.is_some_and(|[low, high]| !(low..=high).contains(&value))
}

fn cells(inputs: &Inputs<'_>, statistic: &StatisticGrid, sketch: &mut Sketch<'_>, layout: &HeadsLayout, scale: &Scale) {
    let size = sketch.text.small;
    let ends = scale.range.map(|value| tick_text(value, decimals(scale.range)));
    let widest = sketch.width(&ends[0], size).max(sketch.width(&ends[1], size));
    let mut draw = |rect: Rect, value: Option<f32>, target| {
        let value = value.unwrap_or(f32::NAN);
        let has_number = rect.size().y >= size * 1.7 && rect.size().x >= widest + 6.0;
        cell(sketch, rect, value, scale, has_number, is_dimmed(inputs, value));
        sketch.area(rect, target);
    };
    for layer in 0..statistic.layers {
        for head in 0..statistic.heads {
            let value = statistic.values.get(layer * statistic.heads + head).copied();
            draw(layout.cell(layer, head), value, Target::Head { layer, head });
        }
        if has_means(statistic) {
            let value = statistic.layer_mean.get(layer).copied();
            draw(layout.layer_mean(layer), value, Target::LayerMean { layer });
        }
    }
    if has_means(statistic) {
        for head in 0..statistic.heads {
            draw(layout.head_mean(head), statistic.head_mean.get(head).copied(), Target::HeadMean { head });
        }
        draw(layout.corner(), Some(mean(&statistic.values)), Target::AllHeads);
    }
    for (index, _) in statistic.marked.iter().enumerate().filter(|(_, is_marked)| **is_marked) {
        let value = statistic.values.get(index).copied().unwrap_or(f32::NAN);
        if let Some(fill) = scale.color(value) {
            dot(sketch, layout.cell(index / statistic.heads, index % statistic.heads), ink_on(fill));
        }
    }
    for (index, _) in statistic.rows_left_out.iter().enumerate().filter(|(_, rows)| **rows > 0) {
        let value = statistic.values.get(index).copied().unwrap_or(f32::NAN);
        if let Some(fill) = scale.color(value) {
            strike_corner(sketch, layout.cell(index / statistic.heads, index % statistic.heads), ink_on(fill));
        }
    }
}

/// Whether the values are such that their means say something.
fn has_means(statistic: &StatisticGrid) -> bool {
    !statistic.layer_mean.is_empty()
}

/// In the upper right corner of a cell, beside its number.
fn dot(sketch: &mut Sketch<'_>, cell: Rect, fill: Color) {
    let side = (cell.size().min_element() * 0.22).clamp(2.0, 7.0);
    let inset = (cell.size().min_element() * 0.12).min(4.0);
    let rect = Rect::at(cell.max.x - inset - side, cell.min.y + inset, side, side);
    sketch.quad(Quad { rect, fill, stroke: Color::TRANSPARENT, stroke_width: 0.0, corner_radius: side / 2.0 });
}

/// Across the lower right corner of a cell whose value is of a part of its rows: it is struck a little, as one without a
/// value is altogether.
fn strike_corner(sketch: &mut Sketch<'_>, cell: Rect, color: Color) {
    let side = (cell.size().min_element() * 0.3).clamp(2.0, 9.0);
    let max = cell.max - Vec2::splat(0.5);
    sketch.line(Vec2::new(max.x - side, max.y), Vec2::new(max.x, max.y - side), 1.0, color);
}

/// A cell in the colour of its value, with the number in it if it is as large as that; a struck one without a value.
fn cell(sketch: &mut Sketch<'_>, rect: Rect, value: f32, scale: &Scale, with_number: bool, is_dimmed: bool) {
    let gap = if rect.size().min_element() >= 5.0 { 0.5 } else { 0.0 };
    let inner = rect.shrink(gap);
    match scale.color(value) {
        Some(fill) if is_dimmed => sketch.fill(inner, fill.with_opacity(0.15)),
        Some(fill) => {
            sketch.fill(inner, fill);
            if with_number {
                let text = tick_text(value, decimals(scale.range));
                sketch.label(rect.center(), Align::Center, text, sketch.text.small, ink_on(fill));
            }
        }
        None => sketch.struck(inner),
    }
}

fn axes(inputs: &Inputs<'_>, statistic: &StatisticGrid, sketch: &mut Sketch<'_>, layout: &HeadsLayout) {
    let (small, muted) = (sketch.text.small, sketch.palette.muted);
    let grid = layout.grid;
    let (layer, head) = (inputs.selection.layer.one(), inputs.selection.head.one());
    let widest = sketch.width(&(statistic.heads - 1).to_string(), small) + 5.0;
    for (head, color) in axis_numbers(sketch, &layout.heads, layout.cell.x, widest, head) {
        let at = Vec2::new(layout.cell(0, head).center().x, grid.min.y - small * 0.8);
        sketch.label(at, Align::Center, head.to_string(), small, color);
    }
    for (layer, color) in axis_numbers(sketch, &layout.layers, layout.cell.y, small * 1.15, layer) {
        let at = Vec2::new(grid.min.x - 5.0, layout.cell(layer, 0).center().y);
        sketch.label(at, Align::Right, statistic.layer_number(layer).to_string(), small, color);
    }
    if has_means(statistic) {
        means_axis(sketch, layout);
    }
    let above = Vec2::new(grid.center().x, grid.min.y - small * 2.1);
    sketch.label(above, Align::Center, "head", small, muted);
    let numbers_width = sketch.width(&statistic.layer_number(statistic.layers - 1).to_string(), small).max(small);
    let beside = Vec2::new(grid.min.x - 6.0 - numbers_width - small * 0.8, grid.center().y);
    sketch.upright(beside, Align::Center, "layer", small, muted);
}

fn means_axis(sketch: &mut Sketch<'_>, layout: &HeadsLayout) {
    let (small, muted, grid) = (sketch.text.small, sketch.palette.muted, layout.grid);
    let above_means = Vec2::new(layout.corner().center().x, grid.min.y - small * 0.8);
    sketch.label(above_means, Align::Center, "mean", small, muted);
    let beside_means = Vec2::new(grid.min.x - 5.0, layout.corner().center().y);
    sketch.label(beside_means, Align::Right, "mean", small, muted);
}

/// Outlines of the selected and the hovered cell; their values and colours for the colour bar.
fn marks(
    inputs: &Inputs<'_>,
    statistic: &StatisticGrid,
    sketch: &mut Sketch<'_>,
    layout: &HeadsLayout,
) -> Vec<(f32, Color)> {
    let width = if layout.cell.min_element() < 14.0 { 1.5 } else { 2.0 };
    let mut marked = Vec::new();
    let place = |target: Target| {
        let value = |values: &[f32], at: usize| values.get(at).copied().unwrap_or(f32::NAN);
        match target {
            Target::Head { layer, head } if layer < statistic.layers && head < statistic.heads => {
                Some((layout.cell(layer, head), value(&statistic.values, layer * statistic.heads + head)))
            }
            Target::LayerMean { layer } if layer < statistic.layers => {
                Some((layout.layer_mean(layer), value(&statistic.layer_mean, layer)))
            }
            Target::HeadMean { head } if head < statistic.heads => {
                Some((layout.head_mean(head), value(&statistic.head_mean, head)))
            }
            Target::AllHeads => Some((layout.corner(), mean(&statistic.values))),
            _ => None,
        }
    };
    if let Some((rect, value)) = inputs.hover.and_then(place) {
        let color = Color::hex(0xffffff);
        sketch.mark_cell(rect.shrink(width), color, 1.0);
        marked.push((value, color));
    }
    let selection = inputs.selection;
    let color = sketch.palette.selected;
    if selection.layer == Pick::Max || selection.head == Pick::Max {
        // A maximum has no cell of its own: all that it is taken over are framed.
        let cells = selection.layer.indices(statistic.layers).flat_map(|layer| {
            let heads = selection.head.indices(statistic.heads);
            heads.map(move |head| layout.cell(layer, head))
        });
        let frame = cells.reduce(|a, b| Rect { min: a.min.min(b.min), max: a.max.max(b.max) });
        frame.into_iter().for_each(|frame| sketch.mark_cell(frame, color, width));
        return marked;
    }
    let selected = match (selection.layer.one(), selection.head.one()) {
        (Some(layer), Some(head)) => Target::Head { layer, head },
        (Some(layer), None) => Target::LayerMean { layer },
        (None, Some(head)) => Target::HeadMean { head },
        (None, None) => Target::AllHeads,
    };
    if let Some((rect, value)) = place(selected) {
        sketch.mark_cell(rect, color, width);
        marked.push((value, color));
    }
    marked
}
