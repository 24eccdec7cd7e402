//! The attention of selected tokens under a selection of heads and layers: one weight per token of the other side.
//!
//! `AttendsTo`: the weight of key k is the mean of a[q, k] over the selected queries, heads and layers; it still sums
//! to 1 over keys where rows do. `AttendedBy`: the weight of query q is the mean of a[q, k] over the selected keys,
//! heads and layers. Every pair of a layer and a head weighs the same, and a mask is not looked at: a query that does
//! not see a key gives it 0.

pub mod cpu;
pub mod gpu;

use std::ops::Range;

use super::{BlockLayout, Direction, Selection};
use crate::trace::TensorView;

/// Why a selection selects nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// No layer of that number, or none with that head.
    #[error("nothing is selected: layer {layer} and head {head} of {layers} layers with {heads} heads")]
    NoHead {
        /// As selected.
        layer: super::Pick,
        /// As selected.
        head: super::Pick,
        /// Of the block.
        layers: usize,
        /// The most in a layer of the block.
        heads: usize,
    },
    /// A token beyond the end of its sequence.
    #[error("token {token} does not exist: the sequence has {tokens} tokens")]
    NoToken {
        /// As selected.
        token: usize,
        /// Of that side of the block.
        tokens: usize,
    },
    /// No token is selected and all are special.
    #[error("nothing is selected: all tokens of the sequence are special")]
    OnlySpecial,
}

/// A layer and a run of its heads.
pub type LayerHeads = (usize, Range<usize>);

/// A selection, checked against a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Each layer that takes part, with its heads.
    pub heads: Vec<LayerHeads>,
    /// The tokens that are averaged over, queries or keys.
    pub tokens: Vec<usize>,
    /// Which side they are on.
    pub direction: Direction,
}

/// The heads that a selection picks; a layer without the selected head takes no part.
///
/// # Errors
/// If no head is left.
pub fn heads(layers: &[TensorView<'_>], selection: &Selection) -> Result<Vec<LayerHeads>, SelectionError> {
    let heads: Vec<_> = selection
        .layer
        .indices(layers.len())
        .map(|layer| (layer, selection.head.indices(layers[layer].shape[0])))
        .filter(|(_, heads)| !heads.is_empty())
        .collect();
    if heads.is_empty() {
        return Err(SelectionError::NoHead {
            layer: selection.layer,
            head: selection.head,
            layers: layers.len(),
            heads: layers.iter().map(|layer| layer.shape[0]).max().unwrap_or(0),
        });
    }
    Ok(heads)
}

impl Resolved {
    /// Checks a selection.
    ///
    /// # Errors
    /// If no head or no token is left, or a token does not exist.
    pub fn new(
        layout: &BlockLayout<'_>,
        layers: &[TensorView<'_>],
        selection: &Selection,
    ) -> Result<Self, SelectionError> {
        let side = match selection.direction {
            Direction::AttendsTo => layout.queries,
            Direction::AttendedBy => layout.keys,
        };
        if let Some(&token) = selection.tokens.iter().find(|&&token| token >= side.len()) {
            return Err(SelectionError::NoToken { token, tokens: side.len() });
        }
        let tokens = match selection.tokens.as_slice() {
            [] => (0..side.len()).filter(|&token| !side[token].special).collect(),
            tokens => tokens.to_vec(),
        };
        if tokens.is_empty() {
            return Err(SelectionError::OnlySpecial);
        }
        Ok(Self { heads: heads(layers, selection)?, tokens, direction: selection.direction })
    }

    /// How many weights are averaged for each token of the other side.
    pub fn weights_per_value(&self) -> usize {
        self.heads.iter().map(|(_, heads)| heads.len()).sum::<usize>() * self.tokens.len()
    }
}
