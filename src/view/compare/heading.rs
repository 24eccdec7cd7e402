//! What stands above each column: which trace, of which model, what it said and whether that was right.

use glam::Vec2;
use serde_json::Value;

use crate::render::{Align, Color, Label, Mark};
use crate::view::Inputs;
use crate::view::common::sketch::Sketch;
use crate::view::text::summary::outputs;

/// Lines in which the difference may say what it lacks.
const NOTE_LINES: usize = 2;

/// Names a trace and takes the room.
pub(super) fn draw(sketch: &mut Sketch<'_>, inputs: &Inputs<'_>, letter: &str) {
    let document = inputs.document;
    let name = document.id.as_deref().unwrap_or("without an id");
    let (small, muted) = (sketch.text.small, sketch.palette.muted);
    bold(sketch, &format!("{letter} · {name}"));
    let model = document.model.get("name").and_then(Value::as_str).unwrap_or("model without a name");
    line(sketch, model, small, muted);
    let height = sketch.text.normal * 1.5;
    let middle = sketch.free.min.y + height / 2.0;
    outputs(inputs, sketch, middle);
    sketch.free.min.y += height + 4.0;
}

/// The same above the difference, which says what has no partner.
pub(super) fn draw_difference(sketch: &mut Sketch<'_>, notes: &[String]) {
    let (small, muted) = (sketch.text.small, sketch.palette.muted);
    bold(sketch, "A − B");
    let (room, top) = (sketch.free.size().x, sketch.free.min.y);
    let lines = sketch.wrap(&notes.join("; "), small, room);
    let more = lines.len() > NOTE_LINES;
    for (at, text) in lines.into_iter().take(NOTE_LINES).enumerate() {
        let text =
            if more && at + 1 == NOTE_LINES { sketch.elide(&format!("{text} …"), small, false, room) } else { text };
        line(sketch, &text, small, muted);
    }
    sketch.free.min.y = top + small * 1.5 + sketch.text.normal * 1.5 + 4.0;
}

/// A name above what is shown.
pub(in crate::view) fn bold(sketch: &mut Sketch<'_>, text: &str) {
    let size = sketch.text.normal;
    let text = sketch.elide(text, size, true, sketch.free.size().x);
    let at = Vec2::new(sketch.free.min.x, sketch.free.min.y + size * 0.75);
    let color = sketch.palette.text;
    let label = Label { at, align: Align::Left, text, size, bold: true, color, clip: None, upright: false };
    sketch.marks.push(Mark::Label(label));
    sketch.free.min.y += size * 1.5;
}

/// A line beneath it.
pub(in crate::view) fn line(sketch: &mut Sketch<'_>, text: &str, size: f32, color: Color) {
    let text = sketch.elide(text, size, false, sketch.free.size().x);
    let at = Vec2::new(sketch.free.min.x, sketch.free.min.y + size * 0.75);
    sketch.label(at, Align::Left, text, size, color);
    sketch.free.min.y += size * 1.5;
}
