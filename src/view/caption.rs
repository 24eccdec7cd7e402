//! Lines beneath the drawing that say what it shows, for a figure that stands alone.

use glam::Vec2;

use crate::analysis::normalize::Normalization;
use crate::analysis::{Combine, SinkTreatment, WeightKind};
use crate::render::Align;
use crate::view::common::asked;
use crate::view::common::near;
use crate::view::common::sides::{noun, place, preposition};
use crate::view::common::sketch::Sketch;
use crate::view::common::words::token_names;
use crate::view::options::Caption;
use crate::view::{Inputs, Options};

/// Tokens that are named before the others are counted.
const NAMED_TOKENS: usize = 4;
/// The drawing keeps the rest.
const MOST_OF_HEIGHT: f32 = 0.3;

/// Takes the lines from the bottom of the free room.
pub(super) fn draw(of_view: impl FnOnce() -> Vec<String>, inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    let Options { caption: Some(caption), .. } = inputs.options else { return };
    let words = match caption {
        Caption::Auto => automatic(of_view(), inputs),
        Caption::Text(text) => text.clone(),
    };
    if sketch.is_cropped {
        return sketch.stand_beneath(words);
    }
    let (size, room) = (sketch.text.small, sketch.free);
    let height = size * 1.45;
    let most = ((room.size().y * MOST_OF_HEIGHT / height) as usize).max(1);
    // A line ends behind a dot, and does not begin with one.
    let mut lines = sketch.wrap(&words.replace(" · ", "\u{a0}· "), size, room.size().x);
    if lines.len() > most {
        let rest = lines.split_off(most - 1).join(" ");
        lines.push(sketch.elide(&rest, size, false, room.size().x));
    }
    let top = room.max.y - height * lines.len() as f32;
    for (line, text) in lines.iter().enumerate() {
        let at = Vec2::new(room.min.x, top + height * (line as f32 + 0.6));
        sketch.label(at, Align::Left, text.replace('\u{a0}', " "), size, sketch.palette.muted);
    }
    sketch.free.max.y = (top - size * 0.35).max(room.min.y);
}

/// The trace, what of it, and what was done to it.
pub(super) fn automatic(of_view: Vec<String>, inputs: &Inputs<'_>) -> String {
    inputs.document.id.iter().cloned().chain(of_view).collect::<Vec<_>>().join(" · ")
}

/// `block main`.
pub(super) fn block(inputs: &Inputs<'_>) -> Option<String> {
    let block = inputs.document.attention.get(inputs.shown.block)?;
    Some(format!("block {}", block.name))
}

/// What a view says that shows the weights of the selection.
pub(super) fn weights(inputs: &Inputs<'_>) -> Vec<String> {
    let Some(block) = block(inputs) else { return Vec::new() };
    let mut parts = vec![block, place(inputs), of_tokens(inputs)];
    parts.extend(made(inputs));
    parts
}

/// How the weights came about.
pub(super) fn made(inputs: &Inputs<'_>) -> Vec<String> {
    let mut parts = Vec::new();
    match &inputs.shown.weights {
        WeightKind::Raw => {}
        WeightKind::NormWeighted => parts.push("weights times the norms of the values, rows scaled to 1".to_owned()),
        WeightKind::Rollout(rollout) => {
            parts.push(format!("residual share {:.2}", f32::from(rollout.residual_percent) / 100.0));
        }
        kind @ WeightKind::Relevance(_) => {
            parts.extend(kind.relevance(inputs.document).and_then(|(_, relevance)| relevance.source.clone()));
        }
    }
    let has_none = asked::known_sinks(inputs).is_some_and(|found| found.sinks.is_empty());
    let sinks = if has_none { SinkTreatment::Show } else { inputs.shown.sinks };
    match sinks {
        SinkTreatment::Show | SinkTreatment::Mark => {}
        SinkTreatment::Hide => parts.push("sinks hidden".to_owned()),
        SinkTreatment::Renormalise => parts.push("sinks hidden, rows scaled up".to_owned()),
    }
    if inputs.shown.weights == WeightKind::Raw && !sinks.leaves_out() {
        parts.push("raw weights".to_owned());
    }
    parts
}

/// The same where the weights are normalized before they are coloured.
pub(super) fn normalized_weights(inputs: &Inputs<'_>) -> Vec<String> {
    let mut parts = weights(inputs);
    let normalization = asked::normalization(inputs);
    if normalization != Normalization::None && !parts.is_empty() {
        parts.retain(|part| part != "raw weights");
        parts.push(format!("normalized: {}", normalization.label()));
    }
    parts
}

/// `summed attention of what [1], color [2]`.
pub(super) fn of_tokens(inputs: &Inputs<'_>) -> String {
    let (selection, noun) = (inputs.shown, noun(inputs));
    let combined = match selection.combine {
        Combine::Sum if selection.tokens.len() != 1 => format!("summed {noun}"),
        Combine::Max if selection.tokens.len() != 1 => format!("largest {noun}"),
        _ => noun.into_owned(),
    };
    format!("{combined} {} {}", preposition(selection), tokens(inputs))
}

/// `what [1], color [2]`.
pub(super) fn tokens(inputs: &Inputs<'_>) -> String {
    let sequence = inputs.shown.sequence(inputs.document);
    let names = sequence.map(|sequence| token_names(&inputs.document.sequences[sequence].tokens)).unwrap_or_default();
    let name = |&token: &usize| names.get(token).map(|name| format!("{name} [{token}]"));
    let tokens = near::tokens(inputs);
    let mut named: Vec<String> = tokens.iter().take(NAMED_TOKENS).filter_map(name).collect();
    match tokens.len() {
        0 => named.push("all tokens that are not special".to_owned()),
        count if count > NAMED_TOKENS => named.push(format!("{} more", count - NAMED_TOKENS)),
        _ => {}
    }
    named.join(", ")
}
