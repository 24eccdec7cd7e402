//! What stands below the text: how the attention divides among kinds of tokens, and what the model said.

use glam::Vec2;
use serde_json::Value;

use crate::render::{Align, Color, Rect};
use crate::trace::{Modality, Token};
use crate::view::Inputs;
use crate::view::common::sketch::Sketch;

/// The shares of the attention on image, text and special tokens; `None` if there is no attention.
pub(in crate::view) fn shares(tokens: &[Token], weights: &[f32]) -> Option<[f32; 3]> {
    let mut sums = [0.0_f32; 3];
    // What is left out is no number.
    for (token, weight) in tokens.iter().zip(weights).filter(|(_, weight)| !weight.is_nan()) {
        let kind = match token.modality() {
            _ if token.special => 2,
            Modality::Image => 0,
            Modality::Text | Modality::Latent | Modality::Audio => 1,
        };
        sums[kind] += weight;
    }
    let total: f32 = sums.iter().sum();
    (total > 0.0 && total.is_finite()).then(|| sums.map(|sum| sum / total))
}

/// A stacked bar of the shares with their numbers below; where it ends.
pub(in crate::view) fn share_bar(sketch: &mut Sketch<'_>, shares: [f32; 3], noun: &str, top: f32, line: f32) -> f32 {
    let palette = sketch.palette;
    let small = sketch.text.small;
    let width = sketch.free.size().x.min(360.0);
    let kinds = [("image", palette.patch), ("text", palette.word), ("special", palette.special)];
    let mut left = sketch.free.min.x;
    for (share, (_, color)) in shares.into_iter().zip(kinds) {
        sketch.fill(Rect::at(left, top, (width * share - 1.0).max(0.0), 6.0), color);
        left += width * share;
    }
    let middle = top + 8.0 + small * 0.8;
    let mut left = sketch.free.min.x;
    for (share, (name, color)) in shares.into_iter().zip(kinds).filter(|(share, _)| *share > 0.0) {
        let text = format!("{name} {share:.2}");
        let needed = 12.0 + sketch.width(&text, small);
        if left + needed > sketch.free.max.x {
            break;
        }
        sketch.fill(Rect::at(left, middle - 4.0, 8.0, 8.0), color);
        sketch.label(Vec2::new(left + 12.0, middle), Align::Left, text, small, palette.text);
        left += needed + 14.0;
    }
    let text = format!("share of the {noun}");
    if left + sketch.width(&text, small) <= sketch.free.max.x {
        sketch.label(Vec2::new(left, middle), Align::Left, text, small, palette.muted);
    }
    top + line * 1.4
}

/// The prediction and the answer, if the trace has them; whether it drew anything.
pub(in crate::view) fn outputs(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, middle: f32) -> bool {
    let outputs = &inputs.document.outputs;
    let said = |name: &str| match outputs.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(value) => Some(value.to_string()),
        Value::Bool(value) => Some(if *value { "yes" } else { "no" }.to_owned()),
        _ => None,
    };
    let (prediction, answer) = (said("prediction"), said("answer"));
    let correct = outputs.get("correct").and_then(Value::as_bool);
    let palette = sketch.palette;
    let size = sketch.text.normal;
    let verdict = match correct {
        Some(true) => palette.right,
        Some(false) => palette.wrong,
        None => palette.text,
    };
    let mut at = Vec2::new(sketch.free.min.x, middle);
    let end = sketch.free.max.x;
    let mut say = |sketch: &mut Sketch<'_>, text: &str, color: Color| {
        let text = sketch.elide(text, size, false, end - at.x);
        sketch.label(at, Align::Left, text.clone(), size, color);
        at.x += sketch.width(&text, size) + 6.0;
        at
    };
    if let Some(prediction) = &prediction {
        say(sketch, "prediction", palette.muted);
        say(sketch, prediction, verdict);
    }
    if let Some(correct) = correct {
        let next = say(sketch, "", verdict);
        if next.x + size <= end {
            verdict_glyph(sketch, next, correct, verdict);
            say(sketch, "    ", verdict);
            say(sketch, if correct { "right" } else { "wrong" }, verdict);
        }
    }
    if let Some(answer) = &answer {
        say(sketch, if prediction.is_some() { "· answer" } else { "answer" }, palette.muted);
        say(sketch, answer, palette.text);
    }
    prediction.is_some() || answer.is_some() || correct.is_some()
}

/// A tick or a cross, drawn, since not every font has them.
fn verdict_glyph(sketch: &mut Sketch<'_>, left: Vec2, right: bool, color: Color) {
    let unit = sketch.text.normal * 0.09;
    let point = |x: f32, y: f32| left + Vec2::new(x, y) * unit;
    let strokes = if right {
        [(point(0.0, 0.5), point(3.2, 4.0)), (point(2.8, 4.0), point(8.0, -4.0))]
    } else {
        [(point(0.5, -3.7), point(7.5, 3.7)), (point(0.5, 3.7), point(7.5, -3.7))]
    };
    for (from, to) in strokes {
        sketch.line(from, to, 1.8, color);
    }
}
