//! Lines beneath the drawing that say what it shows, for a figure that stands alone.

use glam::Vec2;

use crate::analysis::projection::{Align as Aligned, Method};
use crate::analysis::{Combine, Direction, Selection, SinkTreatment};
use crate::render::Align;
use crate::trace::Block;
use crate::view::common::sides::{heads_line, layers_line, place};
use crate::view::common::sketch::Sketch;
use crate::view::common::words::token_names;
use crate::view::options::Caption;
use crate::view::{Inputs, Options, View};

/// Tokens that are named before the others are counted.
const NAMED_TOKENS: usize = 4;
/// The drawing keeps the rest.
const MOST_OF_HEIGHT: f32 = 0.3;

/// Takes the lines from the bottom of the free room.
pub(super) fn draw(view: View, inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    let Options { caption: Some(caption), .. } = inputs.options else { return };
    let words = match caption {
        Caption::Auto => words(view, inputs),
        Caption::Text(text) => text.clone(),
    };
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
fn words(view: View, inputs: &Inputs<'_>) -> String {
    let mut parts: Vec<String> = inputs.document.id.iter().cloned().collect();
    match view {
        View::Embedding => parts.extend(hidden_state(inputs)),
        View::Similarity => parts.extend(similarity(inputs)),
        _ => {
            let block = inputs.document.attention.get(inputs.selection.block);
            parts.extend(block.map(|block| attention(view, inputs, block)).unwrap_or_default());
        }
    }
    parts.join(" · ")
}

/// Sequence, state, method, alignment, and the tokens that are marked.
fn hidden_state(inputs: &Inputs<'_>) -> Vec<String> {
    let Some(projection) = inputs.evidence.projection.as_deref() else { return Vec::new() };
    let Some(sequence) = inputs.document.sequences.get(projection.sequence) else { return Vec::new() };
    let recipe = projection.recipe;
    let state = match projection.state {
        0 => "state 0, the embedding".to_owned(),
        state => format!("state {state}, after layer {}", state - 1),
    };
    let method = match recipe.method {
        Method::Pca => recipe.method.to_string(),
        Method::Tsne | Method::Umap => format!("{}, seed {}", recipe.method, recipe.seed),
    };
    let mut parts = vec![format!("hidden states of {}", sequence.name), state, method];
    parts.extend((recipe.align != Aligned::None).then(|| recipe.align.to_string()));
    let is_here = inputs.selection.sequence(inputs.document) == Some(projection.sequence);
    if is_here && !inputs.selection.tokens.is_empty() {
        parts.push(format!("selected {}", tokens(inputs)));
    }
    parts
}

fn similarity(inputs: &Inputs<'_>) -> Vec<String> {
    let Some(similarity) = inputs.evidence.similarity.as_deref() else { return Vec::new() };
    let sequence = inputs.evidence.projection.as_ref().map(|projection| projection.sequence);
    let name = sequence.and_then(|sequence| inputs.document.sequences.get(sequence)).map(|it| it.name.as_str());
    let of = name.map_or(String::new(), |name| format!(" of {name}"));
    let method = match similarity.every {
        0 | 1 => "linear CKA".to_owned(),
        every => format!("linear CKA of one token in {every}"),
    };
    vec![format!("hidden states{of}"), format!("{} states", similarity.states), method]
}

/// Block, layers, heads and tokens as far as the view depends on them, and how the weights came about.
fn attention(view: View, inputs: &Inputs<'_>, block: &Block) -> Vec<String> {
    let mut parts = vec![format!("block {}", block.name)];
    let plain = inputs.selection.as_mean();
    let as_mean = Inputs { selection: &plain, ..*inputs };
    match view {
        View::Heads => {
            let statistic = &inputs.evidence.statistic;
            let unit = if statistic.unit.is_empty() { String::new() } else { format!(" ({})", statistic.unit) };
            parts.push(format!("{}{unit}", statistic.label));
        }
        View::Thumbnails => {
            let pooling = inputs.evidence.thumbnails.as_ref().map(|thumbnails| thumbnails.pooling);
            parts.push("the matrices of all heads".to_owned());
            parts.extend(pooling.map(|pooling| format!("a cell is the {} of its weights", pooling.name())));
        }
        View::Timeline => parts.extend(outputs(&as_mean, block)),
        View::Matrix => parts.extend([place(inputs), "attention of queries to keys".to_owned()]),
        View::Overlays => {
            let shown = Selection { rollout: inputs.selection.rollout, ..plain.clone() };
            let shown = Inputs { selection: &shown, ..*inputs };
            parts.extend([format!("{}, every head", layers_line(&shown)), of_tokens(&shown)]);
        }
        View::Image | View::Text | View::Links | View::Embedding | View::Similarity => {
            parts.extend([place(inputs), of_tokens(inputs)]);
        }
    }
    if matches!(view, View::Heads | View::Thumbnails | View::Timeline) {
        return parts;
    }
    if let Some(rollout) = inputs.selection.rollout {
        parts.push(format!("residual share {:.2}", f32::from(rollout.residual_percent) / 100.0));
    }
    let has_none = inputs.evidence.sinks.as_ref().is_some_and(|found| found.sinks.is_empty());
    let sinks = if has_none { SinkTreatment::Show } else { inputs.selection.sinks };
    match sinks {
        SinkTreatment::Show | SinkTreatment::Mark => {}
        SinkTreatment::Hide => parts.push("sinks hidden".to_owned()),
        SinkTreatment::Renormalise => parts.push("sinks hidden, rows scaled up".to_owned()),
    }
    let colours_weights = matches!(view, View::Image | View::Text);
    match inputs.options.normalization.as_str() {
        normalization if !normalization.is_empty() && colours_weights => {
            parts.push(format!("normalized: {normalization}"));
        }
        _ if inputs.selection.rollout.is_none() && !sinks.leaves_out() => {
            parts.push("raw weights".to_owned());
        }
        _ => {}
    }
    parts
}

/// What the bars of the timeline are of, and the heatmap below them.
fn outputs(inputs: &Inputs<'_>, block: &Block) -> Vec<String> {
    match inputs.evidence.timeline.as_deref().map(|timeline| timeline.tokens.as_slice()) {
        Some(&[token]) => {
            let names = token_names(inputs.document.query_tokens(block));
            let name = names.get(token).map_or("the output token", String::as_str);
            vec!["every layer".to_owned(), heads_line(inputs), format!("attention of {name} [{token}]")]
        }
        _ => {
            let group = inputs.options.timeline_group.label();
            vec![
                place(inputs),
                "attention of the output tokens".to_owned(),
                format!("below the mass on {group}, layer by layer"),
            ]
        }
    }
}

/// `summed attention of what [1], color [2]`.
fn of_tokens(inputs: &Inputs<'_>) -> String {
    let selection = inputs.selection;
    let combined = match selection.combine {
        Combine::Sum if selection.tokens.len() != 1 => "summed attention",
        Combine::Max if selection.tokens.len() != 1 => "largest attention",
        _ => "attention",
    };
    let preposition = if selection.direction == Direction::AttendsTo { "of" } else { "to" };
    format!("{combined} {preposition} {}", tokens(inputs))
}

/// `what [1], color [2]`.
fn tokens(inputs: &Inputs<'_>) -> String {
    let sequence = inputs.selection.sequence(inputs.document);
    let names = sequence.map(|sequence| token_names(&inputs.document.sequences[sequence].tokens)).unwrap_or_default();
    let name = |&token: &usize| names.get(token).map(|name| format!("{name} [{token}]"));
    let mut named: Vec<String> = inputs.selection.tokens.iter().take(NAMED_TOKENS).filter_map(name).collect();
    match inputs.selection.tokens.len() {
        0 => named.push("all tokens that are not special".to_owned()),
        count if count > NAMED_TOKENS => named.push(format!("{} more", count - NAMED_TOKENS)),
        _ => {}
    }
    named.join(", ")
}
