//! The words of a trace without attention: as they are, without heat.

use glam::Vec2;

use super::chips;
use super::flow::Flow;
use super::summary::outputs;
use crate::render::{Align, Rect};
use crate::view::Inputs;
use crate::view::common::canvas::Canvas;

pub(super) fn draw(inputs: &Inputs<'_>, canvas: &mut Canvas<'_>) {
    canvas.title(inputs, "Text", inputs.document.id.as_deref());
    let sequences = &inputs.document.sequences;
    if sequences.iter().all(|sequence| sequence.tokens.is_empty()) {
        canvas.note("This trace holds no tokens.");
        return;
    }
    let (small, line) = (canvas.text.small, canvas.text.normal * 1.7);
    if canvas.free.size().y > line * 4.0 {
        let why = canvas.elide("no heat: this trace holds no attention", small, false, canvas.free.size().x);
        canvas.label(canvas.free.min + Vec2::new(0.0, small * 0.6), Align::Left, why, small, canvas.palette.muted);
        canvas.free.min.y += small * 1.7;
    }
    let are_several = sequences.len() > 1;
    let with_tokens = sequences.iter().enumerate().filter(|(_, sequence)| !sequence.tokens.is_empty());
    let flows: Vec<Flow> = with_tokens
        .map(|(index, sequence)| Flow::of(inputs, index, are_several.then(|| sequence.name.clone()), &[]))
        .collect();
    let says = !inputs.document.outputs.is_empty() && canvas.free.size().y > line * 3.0;
    let room = Rect { max: canvas.free.max - Vec2::new(0.0, if says { line * 1.3 } else { 0.0 }), ..canvas.free };
    let bottom = chips(inputs, canvas, None, &flows, None, room);
    canvas.content = Rect { min: canvas.free.min, max: Vec2::new(canvas.free.max.x, bottom) };
    if says {
        outputs(inputs, canvas, bottom + line * 0.75);
    }
}
