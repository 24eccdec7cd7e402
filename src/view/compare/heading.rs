//! What stands above each column: which trace, of which model, what it said and whether that was right.

use glam::Vec2;
use serde_json::Value;

use crate::render::{Align, Color, Label, Mark};
use crate::view::Inputs;
use crate::view::common::canvas::Canvas;
use crate::view::text::summary::outputs;

/// Lines in which the difference may say what it lacks.
const NOTE_LINES: usize = 2;

/// Names a trace and takes the room.
pub(super) fn draw(canvas: &mut Canvas<'_>, inputs: &Inputs<'_>, letter: &str) {
    let document = inputs.document;
    let name = document.id.as_deref().unwrap_or("without an id");
    let (small, muted) = (canvas.text.small, canvas.palette.muted);
    bold(canvas, &format!("{letter} · {name}"));
    let model = document.model.get("name").and_then(Value::as_str).unwrap_or("model without a name");
    line(canvas, model, small, muted);
    let height = canvas.text.normal * 1.5;
    let middle = canvas.free.min.y + height / 2.0;
    outputs(inputs, canvas, middle);
    canvas.free.min.y += height + 4.0;
}

/// The same above the difference, which says what has no partner.
pub(super) fn draw_difference(canvas: &mut Canvas<'_>, notes: &[String]) {
    let (small, muted) = (canvas.text.small, canvas.palette.muted);
    bold(canvas, "A − B");
    let (room, top) = (canvas.free.size().x, canvas.free.min.y);
    let lines = canvas.wrap(&notes.join("; "), small, room);
    let more = lines.len() > NOTE_LINES;
    for (at, text) in lines.into_iter().take(NOTE_LINES).enumerate() {
        let text =
            if more && at + 1 == NOTE_LINES { canvas.elide(&format!("{text} …"), small, false, room) } else { text };
        line(canvas, &text, small, muted);
    }
    canvas.free.min.y = top + small * 1.5 + canvas.text.normal * 1.5 + 4.0;
}

fn bold(canvas: &mut Canvas<'_>, text: &str) {
    let size = canvas.text.normal;
    let text = canvas.elide(text, size, true, canvas.free.size().x);
    let at = Vec2::new(canvas.free.min.x, canvas.free.min.y + size * 0.75);
    let color = canvas.palette.text;
    let label = Label { at, align: Align::Left, text, size, bold: true, color, clip: None, upright: false };
    canvas.marks.push(Mark::Label(label));
    canvas.free.min.y += size * 1.5;
}

fn line(canvas: &mut Canvas<'_>, text: &str, size: f32, color: Color) {
    let text = canvas.elide(text, size, false, canvas.free.size().x);
    let at = Vec2::new(canvas.free.min.x, canvas.free.min.y + size * 0.75);
    canvas.label(at, Align::Left, text, size, color);
    canvas.free.min.y += size * 1.5;
}
