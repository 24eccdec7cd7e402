//! The attention of selected tokens in every head apart: `[heads, others]`, one weight per token of the other side.
//!
//! The same weights as [`gather`](super::gather)'s, but averaged over the selected tokens alone, for all heads of the
//! selected layer at once. Where a selection means several layers, each head number is averaged over the layers that
//! have such a head.

pub mod cpu;
pub mod gpu;

use super::Selection;
use super::gather::{Resolved, SelectionError};
use super::{BlockLayout, LayerWeights, Pick};

/// The weights of all heads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeadWeights {
    /// Number of heads.
    pub heads: usize,
    /// `[heads, others]`.
    pub values: Vec<f32>,
}

impl HeadWeights {
    /// Of one head; empty if there is no such head.
    pub fn of_head(&self, head: usize) -> &[f32] {
        let others = self.values.len() / self.heads.max(1);
        self.values.get(head * others..(head + 1) * others).unwrap_or_default()
    }
}

/// The selection with all heads of its layers.
///
/// # Errors
/// As [`Resolved::new`].
pub fn resolve(
    layout: &BlockLayout<'_>,
    layers: &[LayerWeights<'_>],
    selection: &Selection,
) -> Result<Resolved, SelectionError> {
    Resolved::new(layout, layers, &Selection { head: Pick::Mean, ..selection.clone() })
}

/// How many head numbers there are in its layers.
fn heads_of(part: &Resolved) -> usize {
    part.heads.iter().map(|(_, heads)| heads.end).max().unwrap_or(0)
}
