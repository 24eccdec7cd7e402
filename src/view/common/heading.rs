//! How the views of attention begin: their title, why there is nothing to show, what is said of sinks and of weights that are
//! no numbers.

use glam::Vec2;

use super::sides::{Sides, refusal, sentence};
use super::sinks;
use super::sketch::Sketch;
use crate::render::Align;
use crate::view::Inputs;

/// The sides, under what `heading` says of them; `None` where a note says that there is no attention. `name` is the view's.
pub(in crate::view) fn titled<'a, 's>(
    inputs: &Inputs<'a>,
    sketch: &mut Sketch<'s>,
    name: &str,
    heading: impl FnOnce(&Sides<'a>, &mut Sketch<'s>),
) -> Option<Sides<'a>> {
    let sides = Sides::of(inputs);
    match &sides {
        Some(sides) => heading(sides, sketch),
        None => {
            sketch.title(inputs, name, inputs.document.id.as_deref());
            sketch.note("This trace holds no attention.");
        }
    }
    sides
}

/// The same with a line on sinks; `None` also where there are no weights of the selected heads, and a note says why.
pub(in crate::view) fn begin<'a, 's>(
    inputs: &Inputs<'a>,
    sketch: &mut Sketch<'s>,
    name: &str,
    heading: impl FnOnce(&Sides<'a>, &mut Sketch<'s>),
) -> Option<Sides<'a>> {
    let sides = titled(inputs, sketch, name, heading)?;
    if refused(inputs, sketch) {
        return None;
    }
    sinks::note(inputs, sketch, &sides);
    Some(sides)
}

/// Says in the middle of the view why there is no attention to show, if there is none; whether it did.
pub(in crate::view) fn refused(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) -> bool {
    let Some(why) = refusal(inputs) else { return false };
    sketch.note(&sentence(why));
    true
}

/// A line at the top of the free room where the selected tokens' weights are there, but none is a number: rows of fp16 that
/// overflowed.
pub(in crate::view) fn note_not_finite(sketch: &mut Sketch<'_>, sides: &Sides<'_>) {
    if !sides.weights.is_empty() && !sides.weights.iter().any(|weight| weight.is_finite()) {
        say(
            sketch,
            match sides.selected {
                [_] => "no heat: the weights of this token are NaN or infinite",
                _ => "no heat: the weights of these tokens are NaN or infinite",
            },
        );
    }
}

/// The same of some that have none, of so many: rows, heads.
pub(in crate::view) fn note_left_out(sketch: &mut Sketch<'_>, [left_out, all]: [usize; 2], what: &str) {
    match left_out {
        0 => {}
        _ if left_out >= all => say(sketch, "no heat: every weight is NaN or infinite"),
        _ => say(sketch, &format!("{left_out} of {all} {what} are left out: NaN or infinite")),
    }
}

/// A line that says of how many queries, of how many, a relevance has a row.
pub(in crate::view) fn note_targets(sketch: &mut Sketch<'_>, targets: usize, queries: usize) {
    let rows = if targets == 1 { "the row of the output" } else { "rows of the outputs" };
    say(sketch, &format!("{rows} that the relevance is for: {targets} of {queries} queries"));
}

/// How many runs of so many values hold no number, of how many.
pub(in crate::view) fn without_numbers(values: &[f32], length: usize) -> [usize; 2] {
    let runs = values.chunks_exact(length.max(1));
    [runs.clone().filter(|run| !run.iter().any(|value| value.is_finite())).count(), runs.len()]
}

fn say(sketch: &mut Sketch<'_>, text: &str) {
    let (small, muted) = (sketch.text.small, sketch.palette.muted);
    if sketch.free.size().y < small * 7.0 {
        return;
    }
    let text = sketch.elide(text, small, false, sketch.free.size().x);
    sketch.label(sketch.free.min + Vec2::new(0.0, small * 0.6), Align::Left, text, small, muted);
    sketch.free.min.y += small * 1.7;
}
