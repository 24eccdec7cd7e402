//! The pooling on the processor: a task is one row of a tile. The rows of a band are folded element by element, which the
//! compiler turns into vector instructions, and the folded row is cut into cells once.

use std::ops::Range;

use rayon::prelude::*;

use super::{Pooling, Rectangle, Tiling, span};
use crate::trace::TensorView;

/// `[heads, rows, columns]` of a layer's `[heads, queries, keys]`.
pub fn pool(layer: &TensorView<'_>, tiling: &Tiling) -> Vec<f32> {
    let [heads, queries, keys] = [0, 1, 2].map(|axis| layer.shape.get(axis).copied().unwrap_or(0));
    pool_heads(layer, &(0..heads), &(0..queries), &(0..keys), tiling)
}

/// `[rows, columns]` of a part of a head of a layer's `[heads, queries, keys]`.
pub fn rectangle(layer: &TensorView<'_>, part: &Rectangle) -> Vec<f32> {
    pool_heads(layer, &(part.head..part.head + 1), &part.queries, &part.keys, &part.tiling)
}

fn pool_heads(
    layer: &TensorView<'_>,
    heads: &Range<usize>,
    queries: &Range<usize>,
    keys: &Range<usize>,
    tiling: &Tiling,
) -> Vec<f32> {
    let mut tiles = vec![0.0; heads.len() * tiling.cells()];
    if tiles.is_empty() {
        return tiles;
    }
    tiles.par_chunks_mut(tiling.columns).enumerate().for_each_init(
        || Band::new(keys.len()),
        |band, (number, cells)| {
            let (head, row) = (heads.start + number / tiling.rows, number % tiling.rows);
            let rows = span(row, tiling.rows, queries.len());
            let rows = queries.start + rows.start..queries.start + rows.end;
            // Of the keys in question.
            let unmasked = |query| tiling.unmasked(query, layer.shape[2]).clamp(keys.start, keys.end) - keys.start;
            band.clear();
            for query in rows.clone() {
                let first = (head * layer.shape[1] + query) * layer.shape[2] + keys.start;
                band.add(layer, first, unmasked(query));
            }
            for (column, cell) in cells.iter_mut().enumerate() {
                let columns = span(column, tiling.columns, keys.len());
                let of_query = |query| unmasked(query).clamp(columns.start, columns.end) - columns.start;
                let count: usize = rows.clone().map(of_query).sum();
                *cell = band.cell(columns, count, tiling.pooling);
            }
        },
    );
    tiles
}

/// Some rows of a head, folded into one.
struct Band {
    row: Vec<f32>,
    maximum: Vec<f32>,
    /// Also tells whether all were finite.
    sums: Vec<f32>,
}

impl Band {
    fn new(keys: usize) -> Self {
        Self { row: vec![0.0; keys], maximum: vec![0.0; keys], sums: vec![0.0; keys] }
    }

    fn clear(&mut self) {
        self.maximum.fill(f32::NEG_INFINITY);
        self.sums.fill(0.0);
    }

    fn add(&mut self, layer: &TensorView<'_>, first: usize, unmasked: usize) {
        let row = &mut self.row[..unmasked];
        layer.read(first, row);
        for ((&mut weight, maximum), sum) in row.iter_mut().zip(&mut self.maximum).zip(&mut self.sums) {
            *maximum = if weight > *maximum { weight } else { *maximum };
            *sum += weight;
        }
    }

    /// Of the keys in `columns`, where `count` weights are unmasked.
    fn cell(&self, columns: Range<usize>, count: usize, pooling: Pooling) -> f32 {
        let sum: f32 = self.sums[columns.clone()].iter().sum();
        match pooling {
            _ if count == 0 => 0.0,
            _ if !sum.is_finite() => f32::NAN,
            Pooling::Maximum => self.maximum[columns].iter().copied().fold(f32::NEG_INFINITY, f32::max),
            Pooling::Mean => sum / count as f32,
        }
    }
}
