//! The two sides of the current block: the one that the selected tokens are on, and the one that has the weights.

use super::sketch::Sketch;
use super::words::word;
use crate::analysis::peaks::Peaks;
use crate::analysis::sinks::Sinks;
use crate::analysis::{Combine, Direction, Pick, SinkTreatment};
use crate::trace::{Block, Content, Token};
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
    selected: &'a [usize],
    /// Where they are to be marked.
    marked_sinks: Option<&'a Sinks>,
    hover: Option<Target>,
}

impl<'a> Sides<'a> {
    /// `None` if the trace has no such block.
    pub fn of(inputs: &Inputs<'a>) -> Option<Self> {
        let block = inputs.document.attention.get(inputs.selection.block)?;
        let (query, key) = (inputs.document.query_tokens(block), inputs.document.key_tokens(block));
        let (near, far) = match inputs.selection.direction {
            Direction::AttendsTo => (block.query, block.key),
            Direction::AttendedBy => (block.key, block.query),
        };
        let tokens = inputs.document.sequences[far].tokens.len();
        let checked = |weights: &'a [f32]| if weights.len() == tokens { weights } else { &[] };
        let weights = checked(&inputs.evidence.weights);
        let shown = inputs.evidence.normalized.as_ref().map_or(weights, |shown| checked(shown));
        Some(Self {
            block,
            query,
            key,
            near,
            far,
            weights,
            shown,
            direction: inputs.selection.direction,
            selected: &inputs.selection.tokens,
            marked_sinks: (inputs.selection.sinks == SinkTreatment::Mark)
                .then_some(inputs.evidence.sinks.as_deref())
                .flatten(),
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
    match (Sides::of(inputs), inputs.hover) {
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
    match inputs.selection.head {
        Pick::One(head) => format!("head {head}"),
        Pick::Mean => "mean of heads".to_owned(),
        Pick::Max => "maximum of heads".to_owned(),
    }
}

/// `layer 2`.
pub(in crate::view) fn layers_line(inputs: &Inputs<'_>) -> String {
    let last = inputs.document.attention.get(inputs.selection.block).map_or(0, |block| block.layers.saturating_sub(1));
    match inputs.selection.layer {
        layer if inputs.selection.rollout.is_some() => {
            let start = inputs.selection.rollout.map_or(0, |rollout| rollout.start);
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
    let name = |&token: &usize| match tokens.get(token).map(|token| &token.content) {
        Some(Content::Text(text)) => word(text),
        Some(Content::Image { .. }) => format!("patch {token}"),
        None => "?".to_owned(),
    };
    let mut names: Vec<String> = inputs.selection.tokens.iter().take(3).map(name).collect();
    if inputs.selection.tokens.len() > 3 {
        names.push(format!("{} more", inputs.selection.tokens.len() - 3));
    }
    if names.is_empty() {
        names.push("all tokens".to_owned());
    }
    let combined = match inputs.selection.combine {
        _ if inputs.selection.tokens.len() == 1 => "Attention",
        Combine::Mean => "Attention",
        Combine::Sum => "Summed attention",
        Combine::Max => "Largest attention",
    };
    let preposition = match inputs.selection.direction {
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
    inputs.options.range.unwrap_or([0.0, if largest > 0.0 && largest.is_finite() { largest } else { 1.0 }])
}

/// The largest weight of all heads and layers, where colours are to reach up to it. Normalized weights have scales of
/// their own that do not compare.
pub(in crate::view) fn locked(inputs: &Inputs<'_>, of: impl Fn(&Peaks) -> f32) -> Option<f32> {
    let peaks = inputs.evidence.peaks.as_ref();
    let peaks = peaks.filter(|_| inputs.options.lock_scale && inputs.options.normalization.is_empty());
    peaks.map(of).filter(|peak| *peak > 0.0 && peak.is_finite())
}

/// What the colours of weights mean.
pub(in crate::view) fn weight_label(inputs: &Inputs<'_>) -> String {
    let is_locked = inputs.options.range.is_none() && locked(inputs, |peaks| peaks.tokens).is_some();
    match inputs.options.normalization.as_str() {
        "" => {
            let what = if inputs.selection.rollout.is_some() { "attention rollout" } else { "attention weight" };
            let locked = if is_locked { " (locked)" } else { "" };
            match inputs.selection.combine {
                Combine::Sum if inputs.selection.tokens.len() != 1 => format!("{what}, summed{locked}"),
                Combine::Max if inputs.selection.tokens.len() != 1 => format!("{what}, largest{locked}"),
                _ => format!("{what}{locked}"),
            }
        }
        normalization => format!("attention, {normalization}"),
    }
}

/// Says in the middle of the view why there is no attention to show, if there is none; whether it did.
pub(in crate::view) fn refused(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) -> bool {
    let Some(why) = &inputs.evidence.refusal else { return false };
    let mut letters = why.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    sketch.note(&format!("{first}{}.", letters.as_str()));
    true
}
