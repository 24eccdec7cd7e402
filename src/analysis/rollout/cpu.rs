//! The rollout on the processor: blocks of rows are multiplied in parallel by ndarray's matrix product.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};
use rayon::prelude::*;

use crate::analysis::gather::{self, LayerHeads};
use crate::analysis::{LayerWeights, Pick};

/// `[tokens, tokens]`; `layers` are all of the block, `[heads, tokens, tokens]` each, `heads` those that take part, and
/// `residual` is the share of the identity. `None` if `goes_on` says no.
pub fn rollout(
    layers: &[LayerWeights<'_>],
    heads: &[LayerHeads],
    head: Pick,
    residual: f32,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Option<Vec<f32>> {
    let tokens = layers.first().map_or(0, |layer| layer.shape()[1]);
    let mut rolled: Option<Vec<f32>> = None;
    for of_layer in heads {
        let one = std::slice::from_ref(of_layer);
        let mut attention = gather::cpu::head_matrix(layers, one, Pick::One(of_layer.0), head, goes_on)?;
        with_residual(&mut attention, tokens, residual);
        rolled = Some(match rolled {
            Some(before) => product(&attention, &before, tokens),
            None => attention,
        });
    }
    Some(rolled.unwrap_or_default())
}

/// `(1 - r) A + r I`, rows divided by their sums.
fn with_residual(attention: &mut [f32], tokens: usize, residual: f32) {
    attention.par_chunks_mut(tokens.max(1)).enumerate().for_each(|(query, row)| add_residual(row, query, residual));
}

/// The same of one row.
pub(super) fn add_residual(row: &mut [f32], query: usize, residual: f32) {
    row.iter_mut().for_each(|weight| *weight *= 1.0 - residual);
    row[query] += residual;
    let sum: f64 = row.iter().map(|&weight| f64::from(weight)).sum();
    if sum != 0.0 {
        // Infinite or no number: the row is broken, not only the weight.
        let scale = if sum.is_finite() { (1.0 / sum) as f32 } else { f32::NAN };
        row.iter_mut().for_each(|weight| *weight *= scale);
    }
}

/// Of two matrices `[tokens, tokens]`. A row that is not finite is in no row that has nothing of it: 0 times NaN is 0 here.
fn product(left: &[f32], right: &[f32], tokens: usize) -> Vec<f32> {
    let is_broken = |row: &&[f32]| !row.iter().all(|weight| weight.is_finite());
    let rows = right.chunks(tokens.max(1)).enumerate();
    let broken: Vec<usize> = rows.filter(|(_, row)| is_broken(row)).map(|(query, _)| query).collect();
    if broken.is_empty() {
        return finite_product(left, right, tokens);
    }
    let mut finite = right.to_vec();
    broken.iter().for_each(|query| finite[query * tokens..][..tokens].fill(0.0));
    let mut out = finite_product(left, &finite, tokens);
    for (out, left) in out.chunks_mut(tokens).zip(left.chunks(tokens)) {
        if broken.iter().any(|&query| left[query] != 0.0) {
            out.fill(f32::NAN);
        }
    }
    out
}

fn finite_product(left: &[f32], right: &[f32], tokens: usize) -> Vec<f32> {
    let mut out = vec![0.0; tokens * tokens];
    let rows = tokens.div_ceil(rayon::current_num_threads()).max(16);
    let block = (rows * tokens).max(1);
    out.par_chunks_mut(block).zip(left.par_chunks(block)).for_each(|(out, left)| {
        let shape = (out.len() / tokens, tokens);
        let of_shape = (ArrayView2::from_shape(shape, left), ArrayView2::from_shape((tokens, tokens), right));
        // Shapes are those of the slices, so this always holds.
        if let ((Ok(left), Ok(right)), Ok(mut out)) = (of_shape, ArrayViewMut2::from_shape(shape, out)) {
            general_mat_mul(1.0, &left, &right, 0.0, &mut out);
        }
    });
    out
}
