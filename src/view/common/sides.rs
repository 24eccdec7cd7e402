//! The two sides of the current block: the one that the selected tokens are on, and the one that has the weights.

use super::asked;
use super::words::word;
use crate::analysis::normalize::Normalization;
use crate::analysis::peaks::Peaks;
use crate::analysis::sinks::Sinks;
use crate::analysis::{Combine, Direction, Pick, SinkTreatment};
use crate::query::Weights;
use crate::trace::{Block, Modality, Token};
use crate::view::{Inputs, Target};

/// The current block as the selection looks at it.
#[derive(Clone, Copy)]
pub(in crate::view) struct Sides<'a> {
    pub block: &'a Block,
    pub query: &'a [Token],
    pub key: &'a [Token],
    /// The sequence that the selected tokens are on.
    pub near: usize,
    /// The sequence that has the weights.
    pub far: usize,
    /// One per token of the far side, as in the model; empty if they are not there.
    pub weights: &'a [f32],
    /// One per token of the far side, as they are coloured.
    pub shown: &'a [f32],
    pub direction: Direction,
    pub selected: &'a [usize],
    /// Where they are to be marked.
    marked_sinks: Option<&'a Sinks>,
    hover: Option<Target>,
}

impl<'a> Sides<'a> {
    /// `None` if the trace has no such block.
    pub fn of(inputs: &Inputs<'a>) -> Option<Self> {
        let sides = Self::bare(inputs)?;
        let tokens = inputs.document.sequences[sides.far].tokens.len();
        let checked = |weights: &'a Vec<f32>| if weights.len() == tokens { weights.as_slice() } else { &[] };
        let known = if inputs.refusal.is_none() { inputs.results.get(&Weights::of(inputs.shown)) } else { None };
        let weights = known.map_or(&[][..], checked);
        let shown = match asked::normalized(inputs) {
            Some(request) => inputs.results.get(&request).map_or(&[][..], checked),
            None => weights,
        };
        let is_marked = inputs.shown.sinks == SinkTreatment::Mark;
        let marked_sinks = is_marked.then(|| asked::known_sinks(inputs)).flatten();
        Some(Self { weights, shown, marked_sinks, ..sides })
    }

    /// The same without any numbers.
    pub fn bare(inputs: &Inputs<'a>) -> Option<Self> {
        let block = inputs.document.attention.get(inputs.shown.block)?;
        let (near, far) = match inputs.shown.direction {
            Direction::AttendsTo => (block.query, block.key),
            Direction::AttendedBy => (block.key, block.query),
        };
        Some(Self {
            block,
            query: inputs.document.query_tokens(block),
            key: inputs.document.key_tokens(block),
            near,
            far,
            weights: &[],
            shown: &[],
            direction: inputs.shown.direction,
            selected: &inputs.selection.tokens,
            marked_sinks: None,
            hover: inputs.hover,
        })
    }

    pub fn is_selected(&self, sequence: usize, token: usize) -> bool {
        sequence == self.near && self.selected.contains(&token)
    }

    /// Whether the token is a sink that is to be marked.
    pub fn is_marked_sink(&self, sequence: usize, token: usize) -> bool {
        let is_one = |sinks: &Sinks| sinks.sinks.iter().any(|sink| sink.token == token);
        sequence == self.block.key && self.marked_sinks.is_some_and(is_one)
    }

    /// Whether the pointer is on the token, or on a weight of its row or column.
    pub fn is_hovered(&self, sequence: usize, token: usize) -> bool {
        match self.hover {
            Some(Target::Token { sequence: s, token: t }) => (s, t) == (sequence, token),
            Some(Target::Cell { query, key }) => {
                (self.block.query, query) == (sequence, token) || (self.block.key, key) == (sequence, token)
            }
            Some(Target::Output { token: t, .. }) => (self.block.query, t) == (sequence, token),
            Some(Target::Pieces { sequence: s, first, count }) => {
                s == sequence && (first..first + count).contains(&token)
            }
            _ => false,
        }
    }

    pub fn hovered(&self) -> Option<Target> {
        self.hover
    }

    /// What the far side's tokens are in this block.
    pub fn far_name(&self, direction: Direction) -> &'static str {
        match direction {
            Direction::AttendsTo => "keys",
            Direction::AttendedBy => "queries",
        }
    }
}

/// Whether a token is selected, in a trace without attention too.
pub(in crate::view) fn is_selected(inputs: &Inputs<'_>, sequence: usize, token: usize) -> bool {
    inputs.selection.sequence(inputs.document) == Some(sequence) && inputs.selection.tokens.contains(&token)
}

/// Whether the pointer is on a token, in a trace without attention too.
pub(in crate::view) fn is_hovered(inputs: &Inputs<'_>, sequence: usize, token: usize) -> bool {
    match (Sides::bare(inputs), inputs.hover) {
        (Some(sides), _) => sides.is_hovered(sequence, token),
        (None, Some(Target::Pieces { sequence: of, first, count })) => {
            of == sequence && (first..first + count).contains(&token)
        }
        (None, hover) => hover == Some(Target::Token { sequence, token }),
    }
}

/// `layer 2 · head 1`.
pub(in crate::view) fn place(inputs: &Inputs<'_>) -> String {
    format!("{} · {}", layers_line(inputs), heads_line(inputs))
}

/// `head 1`.
pub(in crate::view) fn heads_line(inputs: &Inputs<'_>) -> String {
    match inputs.shown.head {
        Pick::One(head) => format!("head {head}"),
        Pick::Mean => "mean of heads".to_owned(),
        Pick::Max => "maximum of heads".to_owned(),
    }
}

/// `layer 2`.
pub(in crate::view) fn layers_line(inputs: &Inputs<'_>) -> String {
    let last = inputs.document.attention.get(inputs.shown.block).map_or(0, |block| block.layers.saturating_sub(1));
    match inputs.shown.layer {
        layer if inputs.shown.rollout.is_some() => {
            let start = inputs.shown.rollout.map_or(0, |rollout| rollout.start);
            let end = if let Pick::One(layer) = layer { layer } else { last };
            format!("rollout of layers {start} to {end}")
        }
        Pick::One(layer) => format!("layer {layer}"),
        Pick::Mean => "mean of layers".to_owned(),
        Pick::Max => "maximum of layers".to_owned(),
    }
}

/// `Attention of color, shape · layer 2 · head 1`.
pub(in crate::view) fn headline(inputs: &Inputs<'_>, sides: &Sides<'_>) -> String {
    format!("{} · {}", tokens_line(inputs, sides), place(inputs))
}

/// `Attention of color, shape`.
pub(in crate::view) fn tokens_line(inputs: &Inputs<'_>, sides: &Sides<'_>) -> String {
    let tokens = &inputs.document.sequences[sides.near].tokens;
    let name = |&index: &usize| match tokens.get(index) {
        Some(token) if token.modality() == Modality::Image => format!("patch {index}"),
        Some(token) => token.label().map_or_else(|| format!("{} {index}", token.modality().name()), word),
        None => "?".to_owned(),
    };
    let mut names: Vec<String> = inputs.shown.tokens.iter().take(3).map(name).collect();
    if inputs.shown.tokens.len() > 3 {
        names.push(format!("{} more", inputs.shown.tokens.len() - 3));
    }
    if names.is_empty() {
        names.push("all tokens".to_owned());
    }
    let combined = match inputs.shown.combine {
        _ if inputs.shown.tokens.len() == 1 => "Attention",
        Combine::Mean => "Attention",
        Combine::Sum => "Summed attention",
        Combine::Max => "Largest attention",
    };
    let preposition = match inputs.shown.direction {
        Direction::AttendsTo => "of",
        Direction::AttendedBy => "to",
    };
    format!("{combined} {preposition} {}", names.join(", "))
}

/// The maximum of the finite values: an infinite one would leave all others in one colour. 0 if there is none above.
pub(in crate::view) fn largest(values: impl IntoIterator<Item = f32>) -> f32 {
    values.into_iter().filter(|value| value.is_finite()).fold(0.0, f32::max)
}

/// The values at the ends of the colours of weights.
pub(in crate::view) fn weight_range(inputs: &Inputs<'_>, largest: f32) -> [f32; 2] {
    let found = [0.0, if largest > 0.0 && largest.is_finite() { largest } else { 1.0 }];
    inputs.options.range.filter(|range| range.iter().all(|end| end.is_finite())).unwrap_or(found)
}

/// The largest weight of all heads and layers, where colours are to reach up to it. Normalized weights have scales of
/// their own that do not compare.
pub(in crate::view) fn locked(inputs: &Inputs<'_>, of: impl Fn(&Peaks) -> f32) -> Option<f32> {
    let peaks = asked::peaks(inputs).filter(|_| inputs.options.normalization == Normalization::None);
    inputs.results.get(&peaks?).map(of).filter(|peak| *peak > 0.0 && peak.is_finite())
}

/// What the colours of weights mean.
pub(in crate::view) fn weight_label(inputs: &Inputs<'_>) -> String {
    let is_locked = inputs.options.range.is_none() && locked(inputs, |peaks| peaks.tokens).is_some();
    match inputs.options.normalization {
        Normalization::None => {
            let what = if inputs.shown.rollout.is_some() { "attention rollout" } else { "attention weight" };
            let locked = if is_locked { " (locked)" } else { "" };
            match inputs.shown.combine {
                Combine::Sum if inputs.shown.tokens.len() != 1 => format!("{what}, summed{locked}"),
                Combine::Max if inputs.shown.tokens.len() != 1 => format!("{what}, largest{locked}"),
                _ => format!("{what}{locked}"),
            }
        }
        normalization => format!("attention, {}", normalization.label()),
    }
}

/// Why the selection has no weights and never will have.
pub(in crate::view) fn refusal<'a>(inputs: &Inputs<'a>) -> Option<&'a str> {
    inputs.refusal.or_else(|| inputs.results.failure(&Weights::of(inputs.shown)))
}

/// With a capital and a full stop.
pub(in crate::view) fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let end = if words.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}
