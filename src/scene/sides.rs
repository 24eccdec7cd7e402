//! The two sides of the current block: the one that the selected tokens are on, and the one that has the weights.

use super::{Inputs, Target, words::word};
use crate::analysis::{Direction, Pick};
use crate::trace::{Block, Content, Token};

/// The current block as the selection looks at it.
#[derive(Clone, Copy)]
pub(super) struct Sides<'a> {
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
    selected: &'a [usize],
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
            selected: &inputs.selection.tokens,
            hover: inputs.hover,
        })
    }

    pub fn is_selected(&self, sequence: usize, token: usize) -> bool {
        sequence == self.near && self.selected.contains(&token)
    }

    /// Whether the pointer is on the token, or on a weight of its row or column.
    pub fn is_hovered(&self, sequence: usize, token: usize) -> bool {
        match self.hover {
            Some(Target::Token { sequence: s, token: t }) => (s, t) == (sequence, token),
            Some(Target::Cell { query, key }) => {
                (self.block.query, query) == (sequence, token) || (self.block.key, key) == (sequence, token)
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

/// `layer 2 · head 1`.
pub(super) fn place(inputs: &Inputs<'_>) -> String {
    let layer = match inputs.selection.layer {
        Pick::One(layer) => format!("layer {layer}"),
        Pick::Mean => "mean of layers".to_owned(),
    };
    let head = match inputs.selection.head {
        Pick::One(head) => format!("head {head}"),
        Pick::Mean => "mean of heads".to_owned(),
    };
    format!("{layer} · {head}")
}

/// `Attention of color, shape · layer 2 · head 1`.
pub(super) fn headline(inputs: &Inputs<'_>, sides: &Sides<'_>) -> String {
    format!("{} · {}", tokens_line(inputs, sides), place(inputs))
}

/// `Attention of color, shape`.
pub(super) fn tokens_line(inputs: &Inputs<'_>, sides: &Sides<'_>) -> String {
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
    let verb = match inputs.selection.direction {
        Direction::AttendsTo => "Attention of",
        Direction::AttendedBy => "Attention to",
    };
    format!("{verb} {}", names.join(", "))
}

/// The largest of the values that are numbers; 0 if there is none.
pub(super) fn largest(values: impl IntoIterator<Item = f32>) -> f32 {
    values.into_iter().fold(0.0, f32::max)
}

/// The values at the ends of the colours of weights.
pub(super) fn weight_range(inputs: &Inputs<'_>, largest: f32) -> [f32; 2] {
    inputs.options.range.unwrap_or([0.0, if largest > 0.0 { largest } else { 1.0 }])
}

/// What the colours of weights mean.
pub(super) fn weight_label(inputs: &Inputs<'_>) -> String {
    match inputs.options.normalization.as_str() {
        "" => "attention weight".to_owned(),
        normalization => format!("attention, {normalization}"),
    }
}
