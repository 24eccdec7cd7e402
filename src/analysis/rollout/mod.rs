//! Attention rollout: the attention of several layers, multiplied through (Abnar & Zuidema 2020, "Quantifying Attention
//! Flow in Transformers", arXiv 2005.00928, section 3, equation 1).
//!
//! Of each layer from the start on, `A` is the mean of its heads (or the one that is selected, or their maximum). The
//! residual connection counts as attention of each token to itself, with the share r, half in the paper:
//!
//! ```text
//! Â = rows of (1 - r) A + r I, each divided by its sum
//! rollout(start) = Â(start)        rollout(l) = Â(l) rollout(l - 1)
//! ```
//!
//! Rows are queries: row q says which of the start layer's inputs ended up in token q, and sums to 1. A row of nothing but
//! zeros (r = 0 and a query that sees nothing) stays so. A row with a weight that is NaN or infinite in all selected heads is NaN, and
//! with it every row that a later layer computes of it, which are those that attend to its token: not those that do not see it.
//!
//! Of more than a few thousand tokens there is no matrix, only the rows or columns of those that are selected ([`of_tokens`]).
//!
//! Rejected: attention flow, of the same paper, which solves a maximum flow problem for each pair of tokens.

pub mod cpu;
pub mod gpu;
pub mod of_tokens;

use super::gather::{self, LayerHeads, SelectionError};
use super::{BlockLayout, LayerWeights, Pick, Rollout, Selection};

/// The layers that are multiplied, from the start up to the selected layer (or to the last where the layer is not one),
/// each with its heads; a layer without the selected head takes no part.
///
/// # Errors
/// If the block is not self-attention, the start comes after the end, or no head is left.
pub fn heads(
    layout: &BlockLayout<'_>,
    layers: &[LayerWeights<'_>],
    selection: &Selection,
    rollout: Rollout,
) -> Result<Vec<LayerHeads>, SelectionError> {
    if !layout.same_sequence {
        return Err(SelectionError::NoSelfAttention);
    }
    let last = layers.len().saturating_sub(1);
    let end = match selection.layer {
        Pick::One(layer) => layer.min(last),
        Pick::Mean | Pick::Max => last,
    };
    if rollout.start > end {
        return Err(SelectionError::NoStart);
    }
    gather::heads_of(rollout.start..(end + 1).min(layers.len()), layers, selection)
}

impl Rollout {
    /// The share of the identity, from 0 to 1.
    pub fn residual(self) -> f32 {
        f32::from(self.residual_percent.min(100)) / 100.0
    }
}
