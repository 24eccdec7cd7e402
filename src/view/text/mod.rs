//! The tokens as words, wrapped, in the colours of the selection's attention; what the model said of it.

mod chips;
pub(super) mod flow;
mod plain;
pub(super) mod summary;

use glam::Vec2;

use self::chips::chips;
use self::flow::{Flow, row_height, wrap_all};
use self::summary::{outputs, share_bar, shares};
use crate::render::colormap::Colormap;
use crate::render::{Color, Rect};
use crate::trace::{Modality, Token};
use crate::view::common::asked;
use crate::view::common::colour_bar::{Bar, BarSide};
use crate::view::common::heading::{begin, note_not_finite, refused};
use crate::view::common::scale::{Scale, Veil};
use crate::view::common::sides::{
    Sides, common_range, is_signed, largest, noun, title, uniform_share, weight_colormap, weight_label,
};
use crate::view::common::sinks;
use crate::view::common::sketch::Sketch;
use crate::view::common::tip::number;
use crate::view::common::words::of_word;
use crate::view::numbers::of_weights;
use crate::view::{Definition, Inputs, Options, Target, Theme, View, caption};

/// What the bar of the shares takes below the text, in lines.
const SHARES_LINES: f32 = 1.9;
/// What prediction and answer take.
const OUTPUTS_LINES: f32 = 1.3;

/// All about this view.
pub(super) const VIEW: Definition = Definition {
    needs: asked::of_selection,
    draw,
    caption: caption::normalized_weights,
    needs_for_numbers: |_| Vec::new(),
    numbers: |inputs| of_weights(View::Text, inputs),
};

pub(super) fn draw(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    if Sides::bare(inputs).is_none() {
        return plain::draw(inputs, sketch);
    }
    let Some(sides) = begin(inputs, sketch, "Text", |_, sketch| title(inputs, sketch)) else { return };
    note_not_finite(sketch, &sides);
    let far = &inputs.document.sequences[sides.far].tokens;
    if far.is_empty() && inputs.document.sequences[sides.near].tokens.is_empty() {
        sketch.note("This sequence holds no tokens.");
        return;
    }
    let scale = scale(inputs, &sides, far);
    let has_heat = !sides.shown.is_empty() && far.iter().any(|token| token.modality() == Modality::Text);
    let bar = if has_heat { Bar::reserve(sketch, &scale, BarSide::Below, inputs.options.colour_bar) } else { None };
    let line = sketch.text.normal * 1.7;
    let flows = flows(inputs, &sides);
    let mut shares = shares(far, sides.weights).filter(|_| !is_signed(inputs));
    let mut says = !inputs.document.outputs.is_empty();
    let height = |shares: bool, says: bool| {
        line * (if shares { SHARES_LINES } else { 0.0 } + if says { OUTPUTS_LINES } else { 0.0 })
    };
    // The text comes first: what stands below it gives way, the shares before what the model said.
    let scrolled = inputs.options.text_scroll.map_or(0.0, |_| {
        let enough = row_height(sketch.text.normal) * 4.0;
        let top = sketch.free.min.y;
        let (_, bottom) = wrap_all(sketch, &flows, sketch.text.normal * 0.8, sketch.free, top + enough);
        (bottom - top).min(enough)
    });
    let spare = sketch.free.size().y - scrolled.max(line * 1.5);
    if height(shares.is_some(), says) > spare {
        shares = shares.filter(|_| !says && height(true, false) <= spare);
        says = says && height(false, true) <= spare;
    }
    let below = height(shares.is_some(), says);
    let mut room = sketch.free;
    room.max.y -= below;
    let bottom = chips(inputs, sketch, Some(&sides), &flows, has_heat.then_some(&scale), room);
    sketch.content = Rect { min: sketch.free.min, max: Vec2::new(sketch.free.max.x, bottom) };
    let mut top = bottom;
    if let Some(shares) = shares {
        top = share_bar(sketch, shares, &noun(inputs), top + line * 0.5, line);
    }
    if says && outputs(inputs, sketch, top + line * 0.75) {
        top += line * OUTPUTS_LINES;
    }
    if let Some(bar) = bar {
        let width = sketch.free.size().x.min(260.0);
        let min = sketch.free.min;
        let marked = marked(sketch, &sides);
        bar.draw(sketch, Rect { min, max: Vec2::new(min.x + width, top.min(sketch.free.max.y)) }, &marked);
    }
}

/// The tokens alone, in the colours of a scale: without title, bar and what stands below.
pub(super) fn draw_chips(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, scale: Option<&Scale>) {
    let Some(sides) = Sides::of(inputs) else {
        sketch.note("This trace holds no attention.");
        return;
    };
    if refused(inputs, sketch) {
        return;
    }
    sinks::note(inputs, sketch, &sides);
    note_not_finite(sketch, &sides);
    let room = sketch.free;
    chips(inputs, sketch, Some(&sides), &flows(inputs, &sides), scale.filter(|_| !sides.shown.is_empty()), room);
}

/// How the weights are coloured; `None` if there are none.
pub(super) fn scale_of(inputs: &Inputs<'_>) -> Option<Scale> {
    let sides = Sides::of(inputs).filter(|sides| !sides.shown.is_empty())?;
    Some(scale(inputs, &sides, &inputs.document.sequences[sides.far].tokens))
}

/// The scale of the image view, whose bar does not say how far special tokens go.
fn scale(inputs: &Inputs<'_>, sides: &Sides<'_>, far: &[Token]) -> Scale {
    let range = common_range(inputs, sides);
    let special = far.iter().zip(sides.shown).filter(|(token, _)| token.special).map(|(_, weight)| *weight);
    let special = largest(special);
    let mut label = weight_label(inputs);
    if special > range[1] * 1.0001 {
        label.push_str(&format!(" (special tokens up to {})", number(special)));
    }
    let scale = Scale::plain(weight_colormap(inputs, Colormap::Ember), range, label);
    Scale { veil: on_paper(inputs), ..scale.with_uniform(uniform_share(inputs, sides)) }
}

/// On paper a word without attention is left white, as a patch without it is left as it is in the image view.
fn on_paper(inputs: &Inputs<'_>) -> Option<Veil> {
    let Options { theme, opacity, fade, .. } = inputs.options;
    let fades = *theme == Theme::Paper && *fade && !is_signed(inputs);
    fades.then(|| Veil { opacity: opacity.clamp(0.0, 1.0), fades, ground: theme.palette().background })
}

fn flows(inputs: &Inputs<'_>, sides: &Sides<'_>) -> Vec<Flow> {
    let flow = |sequence: usize, role: Option<&str>| {
        let sequence_name = &inputs.document.sequences[sequence].name;
        let heading = role.map(|role| format!("{role} · {sequence_name}"));
        // Of values with a sign there are no shares.
        let weights = if sequence == sides.far && !is_signed(inputs) { sides.weights } else { &[] };
        Flow::of(inputs, sequence, heading, weights)
    };
    if sides.near == sides.far {
        return vec![flow(sides.far, None)];
    }
    vec![flow(sides.block.query, Some("queries")), flow(sides.block.key, Some("keys"))]
}

fn marked(sketch: &Sketch<'_>, sides: &Sides<'_>) -> Vec<(f32, Color)> {
    let (sequence, tokens) = match sides.hovered() {
        Some(Target::Token { sequence, token }) => (sequence, token..token + 1),
        Some(Target::Pieces { sequence, first, count }) => (sequence, first..first + count),
        _ => return Vec::new(),
    };
    let weights = sides.shown.get(tokens).filter(|_| sequence == sides.far);
    weights.map(|weights| (of_word(sides.direction, weights), sketch.palette.hover)).into_iter().collect()
}
