//! Layers × heads: one statistic, and its mean over the heads of each layer in a column apart.

use glam::Vec2;

use super::canvas::Canvas;
use super::colour_bar::{Bar, Place, Scale, decimals, tick_text};
use super::theme::ink_on;
use super::{Inputs, StatisticGrid, Target};
use crate::analysis::Pick;
use crate::render::colormap::Colormap;
use crate::render::{Align, Color, Rect};

/// The largest side of a cell, in logical pixels.
const LARGEST_CELL: f32 = 96.0;

struct Layout {
    /// Of the heads.
    grid: Rect,
    cell: Vec2,
    /// Of the mean column.
    mean_left: f32,
    mean_width: f32,
}

pub(super) fn draw(inputs: &Inputs<'_>, canvas: &mut Canvas<'_>) {
    let statistic = &inputs.evidence.statistic;
    let block = inputs.document.attention.get(inputs.selection.block);
    let block_name = block.filter(|_| inputs.document.attention.len() > 1).map(|block| block.name.as_str());
    let title = [statistic.label.as_str(), block_name.unwrap_or_default()];
    let title = title.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ");
    canvas.title(inputs, if title.is_empty() { "Heads" } else { &title }, inputs.document.id.as_deref());
    if statistic.layers == 0 || statistic.heads == 0 || statistic.values.len() != statistic.layers * statistic.heads {
        canvas.note("No statistic of the heads is here yet.");
        return;
    }
    let scale = scale(inputs);
    let wide = canvas.free.size().x > canvas.free.size().y * 1.7;
    let place = if wide { Place::Right } else { Place::Below };
    let bar = Bar::reserve(canvas, &scale, place, inputs.options.colour_bar);
    let Some(layout) = layout(canvas, statistic) else {
        canvas.note("There is too little room.");
        return;
    };
    canvas.content = layout.grid;
    cells(inputs, canvas, &layout, &scale);
    axes(inputs, canvas, &layout);
    let marked = marks(inputs, canvas, &layout);
    if let Some(bar) = bar {
        let whole = Rect { min: layout.grid.min, max: Vec2::new(layout.right(), layout.grid.max.y) };
        bar.draw(canvas, if place == Place::Right { whole } else { layout.grid }, &marked);
    }
}

fn scale(inputs: &Inputs<'_>) -> Scale {
    let statistic = &inputs.evidence.statistic;
    let (low, high) = statistic
        .values
        .iter()
        .chain(&statistic.layer_mean)
        .filter(|value| value.is_finite())
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &value| (low.min(value), high.max(value)));
    let range = match statistic.range {
        Some(range) => range,
        None if low > high => [0.0, 1.0],
        None if statistic.diverging => {
            let far = high.abs().max(low.abs()).max(f32::MIN_POSITIVE);
            [-far, far]
        }
        None if low == high => [low.min(0.0), if high > 0.0 { high } else { low.min(0.0) + 1.0 }],
        // From 0 where that does not cost the differences that there are to see.
        None if low >= 0.0 && low < high / 2.0 => [0.0, high],
        None => [low, high],
    };
    let default = if statistic.diverging { Colormap::RedBlue } else { Colormap::Viridis };
    let colormap = inputs.options.colormap.filter(|_| !statistic.diverging).unwrap_or(default);
    let label = match statistic.unit.as_str() {
        "" => statistic.label.clone(),
        unit => format!("{} ({unit})", statistic.label),
    };
    Scale { colormap, range, reversed: false, label }
}

impl Layout {
    fn right(&self) -> f32 {
        self.mean_left + self.mean_width
    }

    fn cell(&self, layer: usize, head: usize) -> Rect {
        let min = self.grid.min + self.cell * Vec2::new(head as f32, layer as f32);
        Rect { min, max: min + self.cell }
    }

    fn mean(&self, layer: usize) -> Rect {
        Rect::at(self.mean_left, self.grid.min.y + self.cell.y * layer as f32, self.mean_width, self.cell.y)
    }
}

/// `None` if the cells would be smaller than a pixel.
fn layout(canvas: &mut Canvas<'_>, statistic: &StatisticGrid) -> Option<Layout> {
    let small = canvas.text.small;
    let left = small * 1.5 + canvas.width(&(statistic.layers - 1).to_string(), small) + 6.0;
    let top = small * 2.8;
    let mean_label = canvas.width("mean", small);
    let room = canvas.free.size() - Vec2::new(left, top);
    let (heads, layers) = (statistic.heads as f32, statistic.layers as f32);
    // The mean column and the gap before it take what 'mean' needs above them, or a cell and a half.
    let fixed = mean_label + 10.0;
    let cell = Vec2::new(((room.x - fixed) / heads).min(room.x / (heads + 1.6)), room.y / layers);
    if cell.min_element() < 1.0 {
        return None;
    }
    let cell = cell.min(Vec2::splat(LARGEST_CELL));
    let cell = cell.min(Vec2::new(cell.y, cell.x) * 2.0);
    let mean_width = cell.x.clamp(8.0_f32.min(mean_label), LARGEST_CELL);
    let grid = cell * Vec2::new(heads, layers);
    let gap = (cell.x * 0.4).clamp(5.0, 24.0).max((mean_label - mean_width) / 2.0 + 4.0);
    let overhang = ((mean_label - mean_width) / 2.0).max(0.0);
    let whole = left + grid.x + gap + mean_width + overhang;
    let x = canvas.free.min.x + left + ((canvas.free.size().x - whole) / 2.0).max(0.0);
    let grid = Rect::at(x, canvas.free.min.y + top, grid.x, grid.y);
    Some(Layout { grid, cell, mean_left: grid.max.x + gap, mean_width })
}

fn cells(inputs: &Inputs<'_>, canvas: &mut Canvas<'_>, layout: &Layout, scale: &Scale) {
    let statistic = &inputs.evidence.statistic;
    let size = canvas.text.small;
    let ends = scale.range.map(|value| tick_text(value, decimals(scale.range)));
    let widest = canvas.width(&ends[0], size).max(canvas.width(&ends[1], size));
    let numbers = layout.cell.y >= size * 1.7 && layout.cell.x >= widest + 6.0;
    for layer in 0..statistic.layers {
        for head in 0..statistic.heads {
            let rect = layout.cell(layer, head);
            cell(canvas, rect, statistic.values[layer * statistic.heads + head], scale, numbers);
            canvas.area(rect, Target::Head { layer, head });
        }
        let rect = layout.mean(layer);
        cell(canvas, rect, statistic.layer_mean.get(layer).copied().unwrap_or(f32::NAN), scale, numbers);
        canvas.area(rect, Target::LayerMean { layer });
    }
}

/// A cell in the colour of its value, with the number in it if it is as large as that; a struck one without a value.
fn cell(canvas: &mut Canvas<'_>, rect: Rect, value: f32, scale: &Scale, with_number: bool) {
    let gap = if rect.size().min_element() >= 5.0 { 0.5 } else { 0.0 };
    let inner = rect.shrink(gap);
    match scale.color(value) {
        Some(fill) => {
            canvas.fill(inner, fill);
            if with_number {
                let text = tick_text(value, decimals(scale.range));
                canvas.label(rect.center(), Align::Center, text, canvas.text.small, ink_on(fill));
            }
        }
        None => {
            let (missing, stroke) = (canvas.palette.missing, canvas.palette.missing_stroke);
            canvas.fill(inner, missing);
            let (Vec2 { x: left, y: top }, Vec2 { x: right, y: bottom }) = (inner.min, inner.max);
            canvas.line(Vec2::new(left, bottom), Vec2::new(right, top), 1.0, stroke);
            canvas.line(inner.min, inner.max, 1.0, stroke);
        }
    }
}

fn axes(inputs: &Inputs<'_>, canvas: &mut Canvas<'_>, layout: &Layout) {
    let statistic = &inputs.evidence.statistic;
    let (small, muted) = (canvas.text.small, canvas.palette.muted);
    let grid = layout.grid;
    let (layer, head) = (one(inputs.selection.layer), one(inputs.selection.head));
    let widest = canvas.width(&(statistic.heads - 1).to_string(), small) + 5.0;
    for (index, color) in numbers(canvas, statistic.heads, layout.cell.x, widest, head) {
        let at = Vec2::new(layout.cell(0, index).center().x, grid.min.y - small * 0.8);
        canvas.label(at, Align::Center, index.to_string(), small, color);
    }
    for (index, color) in numbers(canvas, statistic.layers, layout.cell.y, small * 1.15, layer) {
        let at = Vec2::new(grid.min.x - 5.0, layout.cell(index, 0).center().y);
        canvas.label(at, Align::Right, index.to_string(), small, color);
    }
    let mean = Vec2::new(layout.mean(0).center().x, grid.min.y - small * 0.8);
    canvas.label(mean, Align::Center, "mean", small, muted);
    let above = Vec2::new(grid.center().x, grid.min.y - small * 2.1);
    canvas.label(above, Align::Center, "head", small, muted);
    let numbers_width = canvas.width(&(statistic.layers - 1).to_string(), small);
    let beside = Vec2::new(grid.min.x - 6.0 - numbers_width - small * 0.8, grid.center().y);
    canvas.upright(beside, Align::Center, "layer", small, muted);
}

fn one(pick: Pick) -> Option<usize> {
    match pick {
        Pick::One(index) => Some(index),
        Pick::Mean | Pick::Max => None,
    }
}

/// Which numbers an axis shows, and in which colour: every one, every second, fifth, ... as there is room, and the
/// selected one in place of those that it would collide with.
fn numbers(canvas: &Canvas<'_>, count: usize, cell: f32, needed: f32, selected: Option<usize>) -> Vec<(usize, Color)> {
    let every = [1, 2, 5, 10, 20, 50, 100, 200, 500].into_iter().find(|&step| step as f32 * cell >= needed);
    let every = every.unwrap_or(1000);
    let selected = selected.filter(|&index| index < count);
    let collides = |index: usize| selected.is_some_and(|s| s != index && s.abs_diff(index) as f32 * cell < needed);
    (0..count)
        .filter(|&index| selected == Some(index) || (index % every == 0 && !collides(index)))
        .map(|index| {
            let is_selected = selected == Some(index);
            (index, if is_selected { canvas.palette.selected_text } else { canvas.palette.muted })
        })
        .collect()
}

/// Outlines of the selected and the hovered cell; their values and colours for the colour bar.
fn marks(inputs: &Inputs<'_>, canvas: &mut Canvas<'_>, layout: &Layout) -> Vec<(f32, Color)> {
    let statistic = &inputs.evidence.statistic;
    let width = if layout.cell.min_element() < 14.0 { 1.5 } else { 2.0 };
    let mut marked = Vec::new();
    let value = |layer: usize, head: usize| statistic.values[layer * statistic.heads + head];
    let exists = |layer: usize, head: usize| layer < statistic.layers && head < statistic.heads;
    let hover = match inputs.hover {
        Some(Target::Head { layer, head }) if exists(layer, head) => {
            Some((layout.cell(layer, head), value(layer, head)))
        }
        Some(Target::LayerMean { layer }) if layer < statistic.layers => {
            Some((layout.mean(layer), statistic.layer_mean.get(layer).copied().unwrap_or(f32::NAN)))
        }
        _ => None,
    };
    if let Some((rect, value)) = hover {
        let color = Color::hex(0xffffff);
        canvas.mark_cell(rect.shrink(width), color, 1.0);
        marked.push((value, color));
    }
    let column = |first: Rect, last: Rect| Rect { min: first.min, max: last.max };
    let last = statistic.layers - 1;
    let selected = match (inputs.selection.layer, inputs.selection.head) {
        (Pick::One(layer), Pick::One(head)) if exists(layer, head) => {
            marked.push((value(layer, head), canvas.palette.selected));
            layout.cell(layer, head)
        }
        (Pick::One(layer), Pick::Mean) if layer < statistic.layers => {
            marked.push((statistic.layer_mean.get(layer).copied().unwrap_or(f32::NAN), canvas.palette.selected));
            layout.mean(layer)
        }
        (Pick::One(layer), Pick::Max) if layer < statistic.layers => {
            column(layout.cell(layer, 0), layout.cell(layer, statistic.heads - 1))
        }
        (Pick::Mean | Pick::Max, Pick::One(head)) if head < statistic.heads => {
            column(layout.cell(0, head), layout.cell(last, head))
        }
        (Pick::Mean | Pick::Max, Pick::Mean) => column(layout.mean(0), layout.mean(last)),
        (Pick::Mean | Pick::Max, Pick::Max) => column(layout.cell(0, 0), layout.cell(last, statistic.heads - 1)),
        _ => return marked,
    };
    let color = canvas.palette.selected;
    canvas.mark_cell(selected, color, width);
    marked
}
