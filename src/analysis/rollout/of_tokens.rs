//! The rollout of some tokens alone, without its matrix: their rows, or columns, times one layer after the other.
//!
//! `row q of Â(l) … Â(s) = ((e_q Â(l)) Â(l − 1)) … Â(s)`, and a column from the other end. So each layer's rows are made
//! once, a few at a time, and what is kept is one number per token for each selected token. Of a few thousand tokens the matrix is
//! better: it is made once, whichever tokens are selected next.

use rayon::prelude::*;

use super::cpu::add_residual;
use crate::analysis::gather::{self, LayerHeads};
use crate::analysis::{Direction, LayerWeights, Pick, RowBuffers};

/// The most tokens of which the matrix is made: 67 MB.
pub const MATRIX_TOKENS: usize = 4096;

/// Parts of a layer that are summed apart, so that sums do not depend on the number of threads.
const PARTS: usize = 16;

/// Sums over rows (`AttendsTo`) or columns (`AttendedBy`) of the rollout: `factors` are one or several lists, `[tokens]`, of what each
/// row or column is multiplied with; so is the result. `heads` are those that take part, from the first layer on; `residual` is
/// the share of the identity. `None` if `goes_on` says no.
pub fn of_tokens(
    layers: &[LayerWeights<'_>],
    heads: &[LayerHeads],
    head: Pick,
    residual: f32,
    direction: Direction,
    factors: Vec<Vec<f32>>,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Option<Vec<Vec<f32>>> {
    let step = |factors: Vec<Vec<f32>>, of_layer: &LayerHeads| {
        let layer = Layer { layers, of_layer: std::slice::from_ref(of_layer), head, residual };
        match direction {
            Direction::AttendsTo => layer.times_rows(&factors, goes_on),
            Direction::AttendedBy => layer.times_columns(&factors, goes_on),
        }
    };
    match direction {
        Direction::AttendsTo => heads.iter().rev().try_fold(factors, step),
        Direction::AttendedBy => heads.iter().try_fold(factors, step),
    }
}

struct Layer<'a> {
    layers: &'a [LayerWeights<'a>],
    /// One.
    of_layer: &'a [LayerHeads],
    head: Pick,
    residual: f32,
}

impl Layer<'_> {
    /// `v Â` of each.
    fn times_rows(&self, factors: &[Vec<f32>], goes_on: &(dyn Fn() -> bool + Sync)) -> Option<Vec<Vec<f32>>> {
        let tokens = factors.first().map_or(0, Vec::len);
        let is_needed = |query: &usize| factors.iter().any(|factors| factors[*query] != 0.0);
        let queries: Vec<usize> = (0..tokens).filter(is_needed).collect();
        let of_part = |queries: &[usize]| {
            let mut sums = vec![vec![0.0; tokens]; factors.len()];
            self.walk(queries, tokens, goes_on, &mut |query, row| {
                for (sums, factors) in sums.iter_mut().zip(factors).filter(|(_, factors)| factors[query] != 0.0) {
                    sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += factors[query] * weight);
                }
            })?;
            Some(sums)
        };
        let parts: Option<Vec<Vec<Vec<f32>>>> =
            queries.par_chunks(queries.len().div_ceil(PARTS).max(1)).map(of_part).collect();
        let mut parts = parts?.into_iter();
        let mut total = parts.next().unwrap_or_else(|| factors.to_vec());
        for part in parts {
            for (total, part) in total.iter_mut().zip(part) {
                total.iter_mut().zip(part).for_each(|(total, sum)| *total += sum);
            }
        }
        Some(total)
    }

    /// `Â v` of each.
    fn times_columns(&self, factors: &[Vec<f32>], goes_on: &(dyn Fn() -> bool + Sync)) -> Option<Vec<Vec<f32>>> {
        let tokens = factors.first().map_or(0, Vec::len);
        let queries: Vec<usize> = (0..tokens).collect();
        let of_part = |queries: &[usize]| {
            let mut sums = vec![Vec::with_capacity(queries.len()); factors.len()];
            self.walk(queries, tokens, goes_on, &mut |_, row| {
                for (sums, factors) in sums.iter_mut().zip(factors) {
                    let seen = factors.iter().zip(row).filter(|(_, weight)| **weight != 0.0);
                    let products = seen.map(|(factor, weight)| f64::from(*factor) * f64::from(*weight));
                    sums.push(products.sum::<f64>() as f32);
                }
            })?;
            Some(sums)
        };
        let parts: Option<Vec<Vec<Vec<f32>>>> =
            queries.par_chunks(queries.len().div_ceil(PARTS).max(1)).map(of_part).collect();
        let parts = parts?;
        Some(
            (0..factors.len())
                .map(|number| parts.iter().flat_map(|part| part[number].iter()).copied().collect())
                .collect(),
        )
    }

    /// Rows of `Â`, each with its query.
    fn walk(
        &self,
        queries: &[usize],
        tokens: usize,
        goes_on: &(dyn Fn() -> bool + Sync),
        of_row: &mut dyn FnMut(usize, &[f32]),
    ) -> Option<()> {
        let at_once = gather::cpu::rows_at_once(self.layers, self.of_layer);
        let mut buffers = RowBuffers::default();
        for queries in queries.chunks(at_once) {
            if !goes_on() {
                return None;
            }
            let mut rows = vec![0.0; queries.len() * tokens];
            let layer = Pick::One(self.of_layer.first().map_or(0, |(layer, _)| *layer));
            gather::cpu::head_rows(self.layers, self.of_layer, layer, self.head, queries, &mut buffers, &mut rows);
            for (&query, row) in queries.iter().zip(rows.chunks_mut(tokens)) {
                add_residual(row, query, self.residual);
                of_row(query, row);
            }
        }
        Some(())
    }
}
