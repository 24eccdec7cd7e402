//! The words of a trace without attention: as they are, without heat.

use glam::Vec2;

use super::chips::chips;
use super::flow::Flow;
use super::summary::outputs;
use crate::render::{Align, Rect};
use crate::view::Inputs;
use crate::view::common::sketch::Sketch;

pub(super) fn draw(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    sketch.title(inputs, "Text", inputs.document.id.as_deref());
    let sequences = &inputs.document.sequences;
    if sequences.iter().all(|sequence| sequence.tokens.is_empty()) {
        sketch.note("This trace holds no tokens.");
        return;
    }
    let (small, line) = (sketch.text.small, sketch.text.normal * 1.7);
    if sketch.free.size().y > line * 4.0 {
        let why = sketch.elide("no heat: this trace holds no attention", small, false, sketch.free.size().x);
        sketch.label(sketch.free.min + Vec2::new(0.0, small * 0.6), Align::Left, why, small, sketch.palette.muted);
        sketch.free.min.y += small * 1.7;
    }
    let are_several = sequences.len() > 1;
    let with_tokens = sequences.iter().enumerate().filter(|(_, sequence)| !sequence.tokens.is_empty());
    let flows: Vec<Flow> = with_tokens
        .map(|(index, sequence)| Flow::of(inputs, index, are_several.then(|| sequence.name.clone()), &[]))
        .collect();
    let says = !inputs.document.outputs.is_empty() && sketch.free.size().y > line * 3.0;
    let room = Rect { max: sketch.free.max - Vec2::new(0.0, if says { line * 1.3 } else { 0.0 }), ..sketch.free };
    let bottom = chips(inputs, sketch, None, &flows, None, room);
    sketch.content = Rect { min: sketch.free.min, max: Vec2::new(sketch.free.max.x, bottom) };
    if says {
        outputs(inputs, sketch, bottom + line * 0.75);
    }
}
