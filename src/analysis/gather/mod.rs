//! The attention of selected tokens under a selection of heads and layers: one weight per token of the other side.
//!
//! `AttendsTo`: the weight of key k is the mean of a[q, k] over the selected queries, heads and layers; it still sums
//! to 1 over keys where rows do. `AttendedBy`: the weight of query q is the mean of a[q, k] over the selected keys,
//! heads and layers. Every pair of a layer and a head weighs the same, and a mask is not looked at: a query that does
//! not see a key gives it 0. Instead of the mean over tokens there may be their sum or their maximum.
//!
//! A row that holds a weight that is NaN or infinite is left out, unless there is no other: then each weight stays what it
//! is. Of columns, weights are left out one by one.
//!
//! Means and sums may be taken in any order, so weights are added as they are read, without a matrix in between. A
//! maximum may not: the rows of the heads become one first, then those of the layers ([`cpu::head_rows`]), then rows or columns are
//! combined ([`HeadRows::gather`](super::HeadRows::gather)). So it is with a rollout.

pub mod cpu;
pub mod gpu;

use std::ops::Range;

use super::{
    BlockLayout, Combine, Direction, LayerRelevance, LayerWeights, NoSuchWeights, Pick, Selection, WeightKind,
};

/// Why a selection selects nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// No layer of that number, or none with that head.
    #[error("nothing is selected: no selected layer has head {head}, of {layers} layers with up to {heads} heads")]
    NoHead {
        /// As selected.
        head: Pick,
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
    /// A rollout multiplies matrices, so rows and columns have to be the same tokens.
    #[error("rollout needs self-attention: the queries of this block are not its keys")]
    NoSelfAttention,
    /// A rollout that begins behind its end.
    #[error("rollout begins after the selected layer")]
    NoStart,
    /// The side has none.
    #[error("nothing is selected: the sequence has no tokens")]
    NoTokens,
    /// A relevance of other outputs than those of the selected tokens.
    #[error("{0}")]
    NoTarget(String),
    /// The trace has none of the kind.
    #[error(transparent)]
    Weights(#[from] NoSuchWeights),
}

/// A layer and a run of its heads.
pub type LayerHeads = (usize, Range<usize>);

/// A selection, checked against a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Each layer that takes part, with its heads.
    pub heads: Vec<LayerHeads>,
    /// The tokens that are combined, queries or keys.
    pub tokens: Vec<usize>,
    /// Which side they are on.
    pub direction: Direction,
    /// How they are.
    pub combine: Combine,
}

/// The heads that a selection picks; a layer without the selected head takes no part. A relevance that is not divided among heads
/// is the same whichever are picked.
///
/// # Errors
/// If no head is left.
pub fn heads(layers: &[LayerWeights<'_>], selection: &Selection) -> Result<Vec<LayerHeads>, SelectionError> {
    if layers.first().and_then(LayerWeights::relevance).is_some_and(LayerRelevance::is_undivided) {
        return Ok(vec![(0, 0..1)]);
    }
    heads_of(selection.layer.indices(layers.len()), layers, selection)
}

/// The same of these layers, whichever is selected.
///
/// # Errors
/// If no head is left.
pub fn heads_of(
    range: Range<usize>,
    layers: &[LayerWeights<'_>],
    selection: &Selection,
) -> Result<Vec<LayerHeads>, SelectionError> {
    let heads: Vec<_> = range
        .map(|layer| (layer, selection.head.indices(layers[layer].heads())))
        .filter(|(_, heads)| !heads.is_empty())
        .collect();
    if heads.is_empty() {
        return Err(SelectionError::NoHead {
            head: selection.head,
            layers: layers.len(),
            heads: layers.iter().map(LayerWeights::heads).max().unwrap_or(0),
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
        layers: &[LayerWeights<'_>],
        selection: &Selection,
    ) -> Result<Self, SelectionError> {
        let side = match selection.direction {
            Direction::AttendsTo => layout.queries,
            Direction::AttendedBy => layout.keys,
        };
        if let Some(&token) = selection.tokens.iter().find(|&&token| token >= side.len()) {
            return Err(SelectionError::NoToken { token, tokens: side.len() });
        }
        let targets = layers.first().and_then(LayerWeights::relevance).map(|relevance| relevance.targets);
        let targets = targets.filter(|_| selection.direction == Direction::AttendsTo);
        let tokens = match (selection.tokens.as_slice(), targets) {
            ([], Some(targets)) => targets.to_vec(),
            // What is no output has no row.
            (tokens, Some(targets)) => {
                let outputs = tokens.iter().copied().filter(|token| targets.contains(token)).collect::<Vec<_>>();
                if outputs.is_empty() {
                    return Err(no_target(&selection.weights, targets));
                }
                outputs
            }
            // Where all are special, they are all there is to look at.
            ([], None) if side.iter().all(|token| token.special) => (0..side.len()).collect(),
            ([], None) => (0..side.len()).filter(|&token| !side[token].special).collect(),
            (tokens, None) => tokens.to_vec(),
        };
        if tokens.is_empty() {
            return Err(SelectionError::NoTokens);
        }
        let heads = heads(layers, selection)?;
        Ok(Self { heads, tokens, direction: selection.direction, combine: selection.combine })
    }

    /// The same without selected keys that are left out: they say nothing. If all of them are, they stay selected, without
    /// weights.
    pub fn without(mut self, left_out: &[usize]) -> Self {
        if self.direction == Direction::AttendedBy && !self.tokens.iter().all(|token| left_out.contains(token)) {
            self.tokens.retain(|token| !left_out.contains(token));
        }
        self
    }

    /// How many heads take part, over all layers.
    pub fn head_count(&self) -> usize {
        self.heads.iter().map(|(_, heads)| heads.len()).sum()
    }

    /// The bytes of the rows, or columns, that it is gathered of, or of the keys that they have to be computed with; `layers` are all of
    /// the block.
    pub fn bytes_of_rows(&self, layers: &[LayerWeights<'_>]) -> usize {
        let of_heads = |(layer, heads): &LayerHeads| {
            let others = layers[*layer].shape()[if self.direction == Direction::AttendsTo { 2 } else { 1 }];
            match &layers[*layer] {
                LayerWeights::Stored(view, _) => heads.len() * self.tokens.len() * others * view.dtype.bytes(),
                LayerWeights::Computed(computed) => {
                    let key = &computed.tensors.key;
                    let key_heads = layers[*layer].together(heads.clone()).count();
                    key_heads * self.tokens.len() * key.bytes.len() / key.shape[0].max(1)
                }
                // No device has them.
                LayerWeights::NormWeighted(..) | LayerWeights::Relevance(_) => 0,
            }
        };
        self.heads.iter().map(of_heads).sum()
    }

    /// By what the sum of the weights of a token of the other side is divided.
    pub fn divisor(&self) -> usize {
        match self.combine {
            Combine::Mean => self.head_count() * self.tokens.len(),
            Combine::Sum | Combine::Max => self.head_count(),
        }
    }

    /// Whether the weights can be gathered head by head; else the heads have to become one matrix first.
    pub fn is_by_head(&self, selection: &Selection) -> bool {
        let has_maximum = [selection.layer, selection.head].contains(&Pick::Max);
        let adds_up = self.combine != Combine::Max || self.head_count() == 1;
        selection.rollout().is_none() && !has_maximum && adds_up
    }
}

/// Targets that are named before the others are counted.
const NAMED_TARGETS: usize = 4;

fn no_target(kind: &WeightKind, targets: &[usize]) -> SelectionError {
    let mut named: Vec<String> = targets.iter().take(NAMED_TARGETS).map(usize::to_string).collect();
    if targets.len() > NAMED_TARGETS {
        named.push(format!("{} more", targets.len() - NAMED_TARGETS));
    }
    let at = if targets.len() == 1 { "the output at token" } else { "the outputs at tokens" };
    let of = kind.quantity();
    SelectionError::NoTarget(format!("{of} is for {at} {}, not for what is selected", named.join(", ")))
}

/// The heads' weights added up, `[length]` each, and divided by `count`.
fn mean<'a>(heads: impl Iterator<Item = &'a [f32]>, length: usize, count: usize) -> Vec<f32> {
    let mut total = vec![0.0_f64; length];
    for sums in heads {
        total.iter_mut().zip(sums).for_each(|(total, &sum)| *total += f64::from(sum));
    }
    // An infinite weight is as broken as a NaN.
    let mean = |sum: f64| if sum.is_finite() { (sum / count as f64) as f32 } else { f32::NAN };
    total.into_iter().map(mean).collect()
}
