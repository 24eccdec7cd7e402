//! The masses of a single output token, such as an encoder's `[CLS]`: one bar a layer.

use glam::Vec2;

use super::bars::{name, share_axis, stack};
use crate::analysis::timeline::Timeline;
use crate::render::{Align, Rect};
use crate::view::common::sides::Sides;
use crate::view::common::sketch::Sketch;
use crate::view::{Inputs, Target};

pub(super) fn draw(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, timeline: &Timeline, sides: &Sides<'_>, token: usize) {
    let small = sketch.text.small;
    let mut bars = sketch.free;
    bars.min.x = (bars.min.x + small * 3.4).min(bars.max.x - 1.0);
    bars.max.y = (bars.max.y - small * 3.4).max(bars.min.y + 1.0);
    sketch.content = bars;
    sketch.fill(bars, sketch.palette.surface);
    share_axis(sketch, bars);
    let step = bars.size().x / timeline.layers as f32;
    let every = (sketch.width("000", small) / step).ceil().max(1.0) as usize;
    let is_divided = !inputs.shown.weights.is_undivided(inputs.document);
    let selected = inputs.selection.layer.indices(timeline.layers);
    for layer in 0..timeline.layers {
        let column = Rect::at(bars.min.x + step * layer as f32, bars.min.y, step, bars.size().y);
        let gap = step.min(64.0) * 0.12;
        let bar = Rect::at(column.min.x + gap, column.min.y, step - 2.0 * gap, column.size().y);
        stack(sketch, bar, timeline.at(layer, 0));
        sketch.area(column, Target::Output { layer: Some(layer).filter(|_| is_divided), token });
        let is_selected = is_divided && selected.len() == 1 && selected.contains(&layer);
        if is_divided && (layer % every == 0 || is_selected) {
            let ink = if is_selected { sketch.palette.selected_text } else { sketch.palette.muted };
            let under = Vec2::new(column.center().x, bars.max.y + small);
            sketch.label(under, Align::Center, inputs.layer_number(layer).to_string(), small, ink);
        }
        let is_hovered = inputs.hover == Some(Target::Output { layer: Some(layer), token });
        if is_selected || is_hovered {
            let (ink, width) = if is_selected { (sketch.palette.selected, 2.0) } else { (sketch.palette.hover, 1.0) };
            sketch.mark_cell(column, ink, width);
        }
    }
    let under = Vec2::new(bars.center().x, bars.max.y + small * 2.5);
    let words = format!("{}, query {}", if is_divided { "layer" } else { "whole model" }, name(sides.query, token));
    sketch.label(under, Align::Center, words, small, sketch.palette.muted);
}
