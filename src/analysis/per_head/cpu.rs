//! Every head's weights on the processor: a task is one head of one layer.

use rayon::prelude::*;

use super::{HeadWeights, finish};
use crate::analysis::Direction;
use crate::analysis::gather::Resolved;
use crate::trace::TensorView;

/// `[heads, others]`; `layers` are all of the block, `[heads, queries, keys]` each.
pub fn per_head(layers: &[TensorView<'_>], part: &Resolved) -> HeadWeights {
    let [queries, keys] = layers.first().map_or([0; 2], |layer| [layer.shape[1], layer.shape[2]]);
    let others = if part.direction == Direction::AttendsTo { keys } else { queries };
    let sums = part.heads.iter().map(|(layer, heads)| {
        let view = &layers[*layer];
        let mut sums = vec![0.0_f32; heads.len() * others];
        if others > 0 {
            sums.par_chunks_mut(others).enumerate().for_each(|(head, sums)| {
                add(view, head * queries * keys, keys, part, sums);
            });
        }
        sums
    });
    finish(part, others, sums)
}

fn add(view: &TensorView<'_>, first: usize, keys: usize, part: &Resolved, sums: &mut [f32]) {
    let mut row = vec![0.0; keys];
    match part.direction {
        Direction::AttendsTo => {
            for &query in &part.tokens {
                view.read(first + query * keys, &mut row);
                sums.iter_mut().zip(&row).for_each(|(sum, weight)| *sum += weight);
            }
        }
        Direction::AttendedBy => {
            for (query, sum) in sums.iter_mut().enumerate() {
                for &key in &part.tokens {
                    let mut weight = [0.0];
                    view.read(first + query * keys + key, &mut weight);
                    *sum += weight[0];
                }
            }
        }
    }
}
