//! The pooling on the processor: a task is one head. The rows of a band are folded element by element, which the
//! compiler turns into vector instructions, and the folded row is cut into cells once.

use rayon::prelude::*;

use super::{Pooling, Tiling, span};
use crate::trace::TensorView;

/// `[heads, rows, columns]` of a layer's `[heads, queries, keys]`.
pub fn pool(layer: &TensorView<'_>, tiling: &Tiling) -> Vec<f32> {
    let [heads, queries, keys] = [0, 1, 2].map(|axis| layer.shape.get(axis).copied().unwrap_or(0));
    let mut tiles = vec![0.0; heads * tiling.cells()];
    if tiles.is_empty() {
        return tiles;
    }
    tiles.par_chunks_mut(tiling.cells()).enumerate().for_each(|(head, tile)| {
        let mut band = Band::new(keys);
        for (row, cells) in tile.chunks_mut(tiling.columns).enumerate() {
            let rows = span(row, tiling.rows, queries);
            band.clear();
            for query in rows.clone() {
                band.add(layer, (head * queries + query) * keys, tiling.seen(query, keys));
            }
            for (column, cell) in cells.iter_mut().enumerate() {
                let columns = span(column, tiling.columns, keys);
                let visible = |query| tiling.seen(query, keys).clamp(columns.start, columns.end) - columns.start;
                let count: usize = rows.clone().map(visible).sum();
                *cell = band.cell(columns, count, tiling.pooling);
            }
        }
    });
    tiles
}

/// Some rows of a head, folded into one.
struct Band {
    row: Vec<f32>,
    greatest: Vec<f32>,
    /// Also tells whether all were finite.
    sums: Vec<f32>,
}

impl Band {
    fn new(keys: usize) -> Self {
        Self { row: vec![0.0; keys], greatest: vec![0.0; keys], sums: vec![0.0; keys] }
    }

    fn clear(&mut self) {
        self.greatest.fill(f32::NEG_INFINITY);
        self.sums.fill(0.0);
    }

    fn add(&mut self, layer: &TensorView<'_>, first: usize, seen: usize) {
        let row = &mut self.row[..seen];
        layer.read(first, row);
        for ((&mut weight, greatest), sum) in row.iter_mut().zip(&mut self.greatest).zip(&mut self.sums) {
            *greatest = if weight > *greatest { weight } else { *greatest };
            *sum += weight;
        }
    }

    /// Of the keys in `columns`, where the mask lets `count` weights through.
    fn cell(&self, columns: std::ops::Range<usize>, count: usize, pooling: Pooling) -> f32 {
        let sum: f32 = self.sums[columns.clone()].iter().sum();
        match pooling {
            _ if count == 0 => 0.0,
            _ if !sum.is_finite() => f32::NAN,
            Pooling::Maximum => self.greatest[columns].iter().copied().fold(f32::NEG_INFINITY, f32::max),
            Pooling::Mean => sum / count as f32,
        }
    }
}
