//! What the model held for likely at the step that wrote each output token, beneath the token, where there is room.

use glam::Vec2;

use crate::analysis::timeline::{Timeline, is_decoder};
use crate::query::Decoded;
use crate::render::{Align, Rect};
use crate::trace::Token;
use crate::view::Inputs;
use crate::view::common::asked;
use crate::view::common::sides::Sides;
use crate::view::common::sketch::Sketch;
use crate::view::common::words::word;

/// The least width of a column, and the height of a line, in heights of letters.
pub(super) const LEAST_WIDTH: f32 = 5.5;
pub(super) const LINE: f32 = 1.3;
/// Lines at most.
const MOST: usize = 3;

/// The output with its alternatives, if the trace has them and they are there.
pub(super) fn known<'a>(inputs: &Inputs<'a>) -> Option<&'a Decoded> {
    inputs.results.get(&asked::alternatives(inputs)?)
}

/// How many lines a plot of that height has room for.
pub(super) fn lines(height: f32, small: f32) -> usize {
    ((height - small * 14.0) / (small * 4.0)).clamp(0.0, MOST as f32) as usize
}

/// The step that wrote a token: in a decoder that of the token before.
pub(super) fn step_of(inputs: &Inputs<'_>, sides: &Sides<'_>, token: usize) -> Option<usize> {
    if is_decoder(inputs.document, sides.block) { token.checked_sub(1) } else { Some(token) }
}

/// Beneath the words of tokens that are so wide apart, in so many lines.
pub(super) fn draw(
    inputs: &Inputs<'_>,
    sketch: &mut Sketch<'_>,
    sides: &Sides<'_>,
    timeline: &Timeline,
    (words, step_width, lines): (Rect, f32, usize),
) {
    let Some(decoded) = known(inputs).filter(|_| lines > 0) else { return };
    let (small, palette) = (sketch.text.small, sketch.palette);
    for (place, &token) in timeline.tokens.iter().enumerate() {
        let Some(step) = step_of(inputs, sides, token) else { continue };
        let written = sides.query.get(token).and_then(Token::text).map(word);
        let x = words.min.x + step_width * (place as f32 + 0.5);
        for (line, (text, probability)) in decoded.words(step).take(lines).enumerate() {
            let text = word(text);
            let ink = if Some(&text) == written.as_ref() { palette.text } else { palette.muted };
            let number = format!(" {probability:.2}");
            let room = step_width - 6.0 - sketch.width(&number, small);
            let said = format!("{}{number}", sketch.elide(&text, small, false, room));
            let y = words.min.y + small * (2.1 + LINE * line as f32);
            sketch.label(Vec2::new(x, y), Align::Center, said, small, ink);
        }
    }
}
