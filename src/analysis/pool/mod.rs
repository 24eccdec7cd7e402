//! Every head's matrix as a small tile: `[heads, queries, keys]` becomes `[heads, rows, columns]`.
//!
//! A cell of a tile stands for a rectangle of the matrix, cut at whole queries and keys so that each weight belongs to
//! one cell and no cell is empty: row r stands for the queries from ⌊r · queries / rows⌋ up to the next row's first. The
//! cell is the maximum or the mean of the unmasked weights; 0 where all are masked, NaN where
//! one is not finite. The maximum keeps a single bright column of a long sequence, which a mean would dilute.
//! Rejected: resampling by the heatmap's own pass, which would walk over all weights at every drawing.

pub mod cpu;
pub mod gpu;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What a cell says of its weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The maximum.
    #[default]
    #[value(name = "max", alias = "maximum")]
    Maximum,
    /// The mean of the unmasked ones.
    Mean,
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
    /// Whether query `q` sees only the keys `0..=q`.
    pub causal: bool,
}

impl Pooling {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Maximum, Self::Mean];

    /// As it is offered.
    pub fn name(self) -> &'static str {
        match self {
            Self::Maximum => "maximum",
            Self::Mean => "mean",
        }
    }
}

impl Tiling {
    /// Tiles of at most `side` cells a side for a matrix of `[queries, keys]`; a smaller matrix stays as it is.
    pub fn within(side: usize, [queries, keys]: [usize; 2], pooling: Pooling, causal: bool) -> Self {
        Self { rows: side.min(queries), columns: side.min(keys), pooling, causal }
    }

    /// Cells of a tile.
    pub fn cells(&self) -> usize {
        self.rows * self.columns
    }

    /// How many keys, from the first on, are unmasked for a query.
    fn unmasked(&self, query: usize, keys: usize) -> usize {
        if self.causal { (query + 1).min(keys) } else { keys }
    }
}

/// The queries of a row, or the keys of a column: number `cell` of `cells` that share `length` tokens.
pub fn span(cell: usize, cells: usize, length: usize) -> Range<usize> {
    cell * length / cells..(cell + 1) * length / cells
}
