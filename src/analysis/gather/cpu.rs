//! The gathering on the processor: a task is one head of one layer, or a row of the heads' matrix.

use rayon::prelude::*;

use super::{LayerHeads, Resolved};
use crate::analysis::{Combine, Direction, Pick};
use crate::trace::TensorView;

/// One weight per token of the other side; `layers` are all of the block, `[heads, queries, keys]` each. Of a maximum
/// over tokens, only of one head.
pub fn gather(layers: &[TensorView<'_>], part: &Resolved) -> Vec<f32> {
    let mut weights = combined(layers, part, false);
    if part.combine == Combine::Mean && weights.iter().any(|weight| weight.is_nan()) {
        let finite = combined(layers, part, true);
        weights
            .iter_mut()
            .zip(finite)
            .filter(|(_, finite)| finite.is_finite())
            .for_each(|(weight, finite)| *weight = finite);
    }
    weights
}

/// With or without what is not finite; NaN where that leaves nothing.
fn combined(layers: &[TensorView<'_>], part: &Resolved, leaves_out: bool) -> Vec<f32> {
    let [queries, keys] = sides(layers);
    let others = if part.direction == Direction::AttendsTo { keys } else { queries };
    let pairs = pairs(&part.heads);
    let is_maximum = part.combine == Combine::Max;
    let per_head = pairs.par_iter().map(|&(layer, head)| {
        let view = &layers[layer];
        let (mut sums, mut left_out) = (vec![0.0_f32; others], vec![0_usize; others]);
        match part.direction {
            Direction::AttendsTo => {
                let mut row = vec![0.0; keys];
                for (number, &query) in part.tokens.iter().enumerate() {
                    view.read((head * queries + query) * keys, &mut row);
                    if leaves_out && !row.iter().all(|weight| weight.is_finite()) {
                        left_out.iter_mut().for_each(|count| *count += 1);
                    } else {
                        fold(&mut sums, &row, is_maximum && number > 0);
                    }
                }
            }
            Direction::AttendedBy => {
                for (query, (sum, left_out)) in sums.iter_mut().zip(&mut left_out).enumerate() {
                    for (number, &key) in part.tokens.iter().enumerate() {
                        let mut weight = [0.0];
                        view.read((head * queries + query) * keys + key, &mut weight);
                        if leaves_out && !weight[0].is_finite() {
                            *left_out += 1;
                        } else {
                            fold(std::slice::from_mut(sum), &weight, is_maximum && number > 0);
                        }
                    }
                }
            }
        }
        (sums, left_out)
    });
    mean_of_rest(&per_head.collect::<Vec<_>>(), others, part.divisor())
}

/// The matrix of heads and layers, `[queries, keys]`: the mean over all pairs of a layer and a head, or where `head` or
/// `layer` asks for it the maximum, over the heads of a layer first. Not a number where a weight is none. `goes_on` is
/// asked before each query; `None` if it says no.
pub fn head_matrix(
    layers: &[TensorView<'_>],
    heads: &[LayerHeads],
    layer: Pick,
    head: Pick,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Option<Vec<f32>> {
    let [queries, keys] = sides(layers);
    let mut matrix = vec![0.0; queries * keys];
    let fill = |(query, out): (usize, &mut [f32])| goes_on().then(|| head_row(layers, heads, layer, head, query, out));
    matrix.par_chunks_mut(keys.max(1)).enumerate().try_for_each(fill).map(|()| matrix)
}

/// One row of [`head_matrix`], `[keys]`.
pub fn head_row(
    layers: &[TensorView<'_>],
    heads: &[LayerHeads],
    layer: Pick,
    head: Pick,
    query: usize,
    out: &mut [f32],
) {
    let keys = out.len();
    let queries = layers.first().map_or(0, |layer| layer.shape[1]);
    if let [(index, run)] = heads
        && run.len() == 1
    {
        return layers[*index].read((run.start * queries + query) * keys, out);
    }
    let pairs: usize = heads.iter().map(|(_, heads)| heads.len()).sum();
    let mut row = vec![0.0; keys];
    let mut of_layer = vec![0.0; keys];
    out.fill(0.0);
    for (number, (index, run)) in heads.iter().enumerate() {
        of_layer.fill(0.0);
        for (number, one) in run.clone().enumerate() {
            layers[*index].read((one * queries + query) * keys, &mut row);
            fold(&mut of_layer, &row, head == Pick::Max && number > 0);
        }
        let terms = match (layer, head) {
            (Pick::Max, Pick::Max) => 1,
            (Pick::Max, _) => run.len(),
            (_, Pick::Max) => heads.len(),
            _ => pairs,
        };
        of_layer.iter_mut().for_each(|weight| *weight /= terms as f32);
        fold(out, &of_layer, layer == Pick::Max && number > 0);
    }
}

fn sides(layers: &[TensorView<'_>]) -> [usize; 2] {
    layers.first().map_or([0; 2], |layer| [layer.shape[1], layer.shape[2]])
}

fn pairs(heads: &[LayerHeads]) -> Vec<(usize, usize)> {
    heads.iter().flat_map(|(layer, heads)| heads.clone().map(move |head| (*layer, head))).collect()
}

/// Adds, or takes the larger.
fn fold(into: &mut [f32], weights: &[f32], takes_larger: bool) {
    let both = into.iter_mut().zip(weights);
    if takes_larger {
        both.for_each(|(into, &weight)| *into = larger(*into, weight));
    } else {
        both.for_each(|(into, weight)| *into += weight);
    }
}

/// `f32::max` would lose what is not a number.
fn larger(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() { f32::NAN } else { a.max(b) }
}

/// [`super::mean`] of sums of each head, over `count` terms but those that were left out.
fn mean_of_rest(per_head: &[(Vec<f32>, Vec<usize>)], length: usize, count: usize) -> Vec<f32> {
    let mut total = vec![(0.0_f64, count); length];
    for (sums, left_out) in per_head {
        for ((total, count), (&sum, left_out)) in total.iter_mut().zip(sums.iter().zip(left_out)) {
            *total += f64::from(sum);
            *count -= left_out;
        }
    }
    // An infinite weight is as broken as one that is no number.
    let mean = |(sum, count): (f64, usize)| if sum.is_finite() { (sum / count as f64) as f32 } else { f32::NAN };
    total.into_iter().map(mean).collect()
}
