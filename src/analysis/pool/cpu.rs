//! The pooling on the processor: a task is one row of a tile. The rows of a band are folded element by element, which the
//! compiler turns into vector instructions, and the folded row is cut into cells once.

use std::ops::Range;

use rayon::prelude::*;

use super::{Pooling, Tiling, span};
use crate::analysis::{LayerWeights, RowBuffers};
use crate::trace::TensorView;

/// `[heads, rows, columns]` of a layer's `[heads, queries, keys]`; `None` if `goes_on`, which is asked before each row, says no.
pub fn pool(layer: &LayerWeights<'_>, tiling: &Tiling, goes_on: &(dyn Fn() -> bool + Sync)) -> Option<Vec<f32>> {
    let [heads, queries, keys] = layer.shape();
    let mut tiles = vec![0.0; heads * tiling.cells()];
    if tiles.is_empty() {
        return Some(tiles);
    }
    let mask = layer.mask();
    let fill = |(band, buffers): &mut (Band, RowBuffers), (number, cells): (usize, &mut [f32])| {
        let (head, row) = (number / tiling.rows, number % tiling.rows);
        let rows = span(row, tiling.rows, queries);
        band.clear();
        for tile in layer.tiles(rows.clone()) {
            if !goes_on() {
                return None;
            }
            let part = layer.rows(head, tile.clone(), buffers);
            for query in tile.clone() {
                for unmasked in mask.keys_of(query) {
                    band.add(&part, (query - tile.start) * keys, unmasked);
                }
            }
        }
        for (column, cell) in cells.iter_mut().enumerate() {
            let columns = span(column, tiling.columns, keys);
            let count = rows.clone().map(|query| mask.row(query).count_in(columns.clone())).sum();
            *cell = band.cell(columns, count, tiling.pooling);
        }
        Some(())
    };
    let rows = tiles.par_chunks_mut(tiling.columns).enumerate();
    rows.map_init(|| (Band::new(keys), RowBuffers::default()), fill).collect::<Option<()>>()?;
    Some(tiles)
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

    /// A run of a row, which begins at `first`.
    fn add(&mut self, rows: &TensorView<'_>, first: usize, unmasked: Range<usize>) {
        let row = &mut self.row[..unmasked.len()];
        rows.read(first + unmasked.start, row);
        let cells = self.maximum[unmasked.clone()].iter_mut().zip(&mut self.sums[unmasked]);
        for (&mut weight, (maximum, sum)) in row.iter_mut().zip(cells) {
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
