//! Every head's matrix as a small tile: `[heads, queries, keys]` becomes `[heads, rows, columns]`.
//!
//! A cell of a tile stands for a rectangle of the matrix, cut at whole queries and keys so that each weight belongs to
//! one cell and no cell is empty: row r stands for the queries from ⌊r · queries / rows⌋ up to the next row's first. The
//! cell is the maximum or the mean of the unmasked weights; 0 where all are masked, NaN where
//! one is not finite. The maximum keeps a single bright column of a long sequence, which a mean would dilute.
//! Rejected: resampling by the heatmap's own pass, which would walk over all weights at every drawing.

pub mod cpu;
pub mod gpu;

use std::ops::Range;

use crate::typed::choice;

choice! {
    /// What a cell says of its weights.
    #[derive(Default)]
    pub enum Pooling {
        /// The maximum.
        #[default]
        Maximum = "max" | "maximum", "maximum";
        /// The mean of the unmasked ones.
        Mean = "mean";
    }
}

/// The tiles of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tiling {
    /// Of a tile, at most the number of queries.
    pub rows: usize,
    /// Of a tile, at most the number of keys.
    pub columns: usize,
    /// What a cell says.
    pub pooling: Pooling,
}

impl Tiling {
    /// Tiles of at most `side` cells a side for a matrix of `[queries, keys]`; a smaller matrix stays as it is.
    pub fn within(side: usize, [queries, keys]: [usize; 2], pooling: Pooling) -> Self {
        Self { rows: side.min(queries), columns: side.min(keys), pooling }
    }

    /// Cells of a tile.
    pub fn cells(&self) -> usize {
        self.rows * self.columns
    }
}

/// The queries of a row, or the keys of a column: number `cell` of `cells` that share `length` tokens.
pub fn span(cell: usize, cells: usize, length: usize) -> Range<usize> {
    cell * length / cells..(cell + 1) * length / cells
}
