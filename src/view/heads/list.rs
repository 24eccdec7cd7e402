//! The strongest heads by name, at the right of the heads view where there is room.

use glam::Vec2;

use crate::analysis::statistics::strongest;
use crate::query::StatisticGrid;
use crate::render::{Align, Quad, Rect};
use crate::view::common::scale::{Scale, decimals, tick_text};
use crate::view::common::sides::head_label;
use crate::view::common::sketch::Sketch;
use crate::view::{Inputs, Target};

/// How many are listed.
const LISTED: usize = 10;

/// The highest; where two groups are compared those with the largest differences to either side.
fn listed(statistic: &StatisticGrid) -> Vec<(usize, usize, f32)> {
    if statistic.marked.is_empty() || !statistic.diverging {
        return strongest(&statistic.values, statistic.heads, LISTED);
    }
    let sizes: Vec<f32> = statistic.values.iter().map(|value| value.abs()).collect();
    let found = strongest(&sizes, statistic.heads, LISTED).into_iter();
    found.map(|(layer, head, _)| (layer, head, statistic.values[layer * statistic.heads + head])).collect()
}

/// Draws it and takes its room.
pub(super) fn draw(inputs: &Inputs<'_>, statistic: &StatisticGrid, sketch: &mut Sketch<'_>, scale: &Scale) {
    let small = sketch.text.small;
    let (line, gap) = (small * 1.6, 18.0);
    let room = sketch.free.size();
    let listed = listed(statistic);
    let rows: Vec<_> = listed
        .into_iter()
        .map(|(layer, head, value)| {
            let text = tick_text(value, decimals(scale.range));
            let label = head_label(inputs, layer, head).map_or_else(String::new, |label| format!(" ‘{label}’"));
            (
                Target::Head { layer, head },
                format!("layer {} · head {head}{label}", statistic.layer_number(layer)),
                text,
                value,
            )
        })
        .collect();
    let width = rows
        .iter()
        .map(|(_, name, value, _)| small * 3.2 + sketch.width(name, small) + sketch.width(value, small) + small);
    let width = width.fold(0.0, f32::max);
    // The grid keeps the room of a square.
    if rows.is_empty() || room.x - width - gap < room.y.max(300.0) || room.y < line * (LISTED as f32 + 2.0) {
        return;
    }
    let left = sketch.free.max.x - width;
    let mut y = sketch.free.min.y + line / 2.0;
    let (muted, text, selected) = (sketch.palette.muted, sketch.palette.text, sketch.palette.selected_text);
    sketch.label(Vec2::new(left, y), Align::Left, "strongest heads", small, muted);
    let chosen = (inputs.selection.layer.one(), inputs.selection.head.one());
    for (rank, (target, name, number, value)) in rows.into_iter().enumerate() {
        y += line;
        let row = Rect::at(left, y - line / 2.0, width, line);
        if inputs.hover == Some(target) {
            sketch.fill(row, sketch.palette.surface);
        }
        let is_chosen = matches!(target, Target::Head { layer, head } if chosen == (Some(layer), Some(head)));
        let color = if is_chosen { selected } else { text };
        sketch.label(Vec2::new(left + small * 1.2, y), Align::Right, (rank + 1).to_string(), small, muted);
        if let Some(fill) = scale.color(value) {
            let rect = Rect::at(left + small * 1.7, y - small * 0.4, small * 0.8, small * 0.8);
            let (stroke, corner_radius) = (sketch.palette.line, 2.0);
            sketch.quad(Quad { rect, fill, stroke, stroke_width: 1.0, corner_radius });
        }
        sketch.label(Vec2::new(left + small * 3.0, y), Align::Left, name, small, color);
        sketch.label(Vec2::new(left + width, y), Align::Right, number, small, color);
        sketch.area(row, target);
    }
    sketch.free.max.x = left - gap;
}
