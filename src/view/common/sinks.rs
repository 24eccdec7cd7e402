//! What the views say of sinks: a line of words in each view that their treatment changes, and a dot on each that is marked.

use glam::Vec2;

use super::asked;
use super::sides::Sides;
use super::sketch::Sketch;
use super::words::token_names;
use crate::analysis::SinkTreatment;
use crate::analysis::sinks::Criteria;
use crate::render::{Align, Color, Quad, Rect};
use crate::view::Inputs;

/// So many are called by name.
const NAMED: usize = 4;

/// A line at the top of the free room, if sinks are not shown like all other tokens.
pub(in crate::view) fn note(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, sides: &Sides<'_>) {
    let done = match inputs.shown.sinks {
        SinkTreatment::Show | SinkTreatment::Mark => "sinks",
        SinkTreatment::Hide => "sinks hidden",
        SinkTreatment::Renormalise => "sinks hidden, rows scaled up",
    };
    say(inputs, sketch, sides, done);
}

/// The same where their attention is a group of its own, whatever else becomes of them.
pub(in crate::view) fn note_counted(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, sides: &Sides<'_>) {
    say(inputs, sketch, sides, "counted as sinks");
}

fn say(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, sides: &Sides<'_>, done: &str) {
    let Some(text) = words(inputs, sides, done) else { return };
    let (small, muted) = (sketch.text.small, sketch.palette.muted);
    if sketch.free.size().y < small * 7.0 {
        return;
    }
    let middle = sketch.free.min + Vec2::new(0.0, small * 0.6);
    let mut left = middle;
    let marks_any = asked::known_sinks(inputs).is_some_and(|found| !found.sinks.is_empty());
    if inputs.shown.sinks == SinkTreatment::Mark && marks_any {
        dot(sketch, middle + Vec2::new(4.0, 0.0));
        left.x += 12.0;
    }
    let text = sketch.elide(&text, small, false, sketch.free.max.x - left.x);
    sketch.label(left, Align::Left, text, small, muted);
    sketch.free.min.y += small * 1.7;
}

/// A mark that is seen on every colour.
pub(in crate::view) fn dot(sketch: &mut Sketch<'_>, middle: Vec2) {
    let rect = Rect { min: middle - 3.5, max: middle + 3.5 };
    let (fill, stroke) = (Color::hex(0xffffff), Color::hex(0x000000));
    sketch.quad(Quad { rect, fill, stroke, stroke_width: 1.5, corner_radius: 3.5 });
}

/// `None` where sinks are shown like all other tokens.
fn words(inputs: &Inputs<'_>, sides: &Sides<'_>, done: &str) -> Option<String> {
    let found = asked::known_sinks(inputs)?.tokens();
    let is_usual = inputs.shown.sink_criteria == Criteria::default();
    let by = if is_usual { "" } else { " by thresholds of your own" };
    if found.is_empty() {
        return Some(format!("no sinks in this block{by}"));
    }
    let names = token_names(sides.key);
    let name = |&token: &usize| names.get(token).cloned().unwrap_or_default();
    let mut named: Vec<String> = found.iter().take(NAMED).map(name).collect();
    if found.len() > NAMED {
        named.push(format!("{} more", found.len() - NAMED));
    }
    Some(format!("{done}{by}: {}", named.join(", ")))
}
