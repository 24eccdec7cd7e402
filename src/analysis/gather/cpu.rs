//! The gathering on the processor: a task is one head of one layer.

use rayon::prelude::*;

use super::{LayerHeads, Resolved};
use crate::analysis::Direction;
use crate::trace::TensorView;

/// One weight per token of the other side; `layers` are all of the block, `[heads, queries, keys]` each.
pub fn gather(layers: &[TensorView<'_>], part: &Resolved) -> Vec<f32> {
    let [queries, keys] = sides(layers);
    let others = if part.direction == Direction::AttendsTo { keys } else { queries };
    let pairs = pairs(&part.heads);
    let per_head = pairs.par_iter().map(|&(layer, head)| {
        let view = &layers[layer];
        let mut sums = vec![0.0_f32; others];
        match part.direction {
            Direction::AttendsTo => {
                let mut row = vec![0.0; keys];
                for &query in &part.tokens {
                    view.read((head * queries + query) * keys, &mut row);
                    sums.iter_mut().zip(&row).for_each(|(sum, weight)| *sum += weight);
                }
            }
            Direction::AttendedBy => {
                for (query, sum) in sums.iter_mut().enumerate() {
                    for &key in &part.tokens {
                        let mut weight = [0.0];
                        view.read((head * queries + query) * keys + key, &mut weight);
                        *sum += weight[0];
                    }
                }
            }
        }
        sums
    });
    mean(&per_head.collect::<Vec<_>>(), others, part.weights_per_value())
}

/// The mean of heads, `[queries, keys]`.
pub fn head_matrix(layers: &[TensorView<'_>], heads: &[LayerHeads]) -> Vec<f32> {
    let [queries, keys] = sides(layers);
    let pairs = pairs(heads);
    let mut matrix = vec![0.0; queries * keys];
    if keys == 0 {
        return matrix;
    }
    matrix.par_chunks_mut(keys).enumerate().for_each(|(query, out)| {
        let mut row = vec![0.0; keys];
        for &(layer, head) in &pairs {
            layers[layer].read((head * queries + query) * keys, &mut row);
            out.iter_mut().zip(&row).for_each(|(out, weight)| *out += weight / pairs.len() as f32);
        }
    });
    matrix
}

fn sides(layers: &[TensorView<'_>]) -> [usize; 2] {
    layers.first().map_or([0; 2], |layer| [layer.shape[1], layer.shape[2]])
}

fn pairs(heads: &[LayerHeads]) -> Vec<(usize, usize)> {
    heads.iter().flat_map(|(layer, heads)| heads.clone().map(move |head| (*layer, head))).collect()
}

fn mean(per_head: &[Vec<f32>], length: usize, count: usize) -> Vec<f32> {
    let mut total = vec![0.0_f64; length];
    for sums in per_head {
        total.iter_mut().zip(sums).for_each(|(total, &sum)| *total += f64::from(sum));
    }
    // An infinite weight is as broken as one that is no number.
    let mean = |sum: f64| if sum.is_finite() { (sum / count as f64) as f32 } else { f32::NAN };
    total.into_iter().map(mean).collect()
}
