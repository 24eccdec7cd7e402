//! The attention of selected tokens in every head apart: `[heads, others]`, one weight per token of the other side.
//!
//! The same weights as [`gather`](super::gather)'s, but averaged over the selected tokens alone, for all heads of the
//! selected layer at once. Where a selection means several layers, each head number is averaged over the layers that
//! have such a head.

pub mod cpu;
pub mod gpu;

use super::Selection;
use super::gather::{Resolved, SelectionError};
use super::{BlockLayout, Pick};
use crate::trace::TensorView;

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
    layers: &[TensorView<'_>],
    selection: &Selection,
) -> Result<Resolved, SelectionError> {
    Resolved::new(layout, layers, &Selection { head: Pick::Mean, ..selection.clone() })
}

/// Per layer sums over the selected tokens, `[heads of the layer, others]`, to means of each head number.
fn finish(part: &Resolved, others: usize, sums: impl Iterator<Item = Vec<f32>>) -> HeadWeights {
    let heads = part.heads.iter().map(|(_, heads)| heads.end).max().unwrap_or(0);
    let mut values = vec![0.0_f32; heads * others];
    for of_layer in sums {
        values.iter_mut().zip(of_layer).for_each(|(value, sum)| *value += sum);
    }
    if others == 0 {
        return HeadWeights { heads, values };
    }
    for (head, values) in values.chunks_mut(others).enumerate() {
        let layers = part.heads.iter().filter(|(_, heads)| heads.contains(&head)).count();
        let count = (layers * part.tokens.len()) as f32;
        // An infinite weight is as broken as one that is no number.
        values.iter_mut().for_each(|value| *value = if value.is_finite() { *value / count } else { f32::NAN });
    }
    HeadWeights { heads, values }
}
