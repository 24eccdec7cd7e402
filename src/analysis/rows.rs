//! The rows of the matrix that a selection's heads make together: their mean or maximum, or a rollout, without sinks where those
//! are left out. Rows are made as they are asked for, so that whoever wants a few touches no more of the file than those, and
//! nobody who streams over all of them holds a matrix `[queries, keys]`.
//!
//! A rollout is the exception: it multiplies whole matrices, so it comes as one.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::gather::{self, LayerHeads, Resolved, SelectionError};
use super::{Combine, Direction, LayerWeights, Pick, RowBuffers, Selection, SinkTreatment, sinks};

/// Queries whose rows are added before they are added to those of others: sums do not depend on the number of threads.
const CHUNK: usize = 64;
/// Rows of other tasks.
const TASK_ROWS: usize = 64;

/// The rows of a matrix `[queries, keys]`.
#[derive(Clone, Debug)]
pub struct HeadRows<'a> {
    source: Source<'a>,
    queries: usize,
    keys: usize,
    left_out: Vec<usize>,
    renormalises: bool,
}

#[derive(Clone, Debug)]
enum Source<'a> {
    Heads { layers: Vec<LayerWeights<'a>>, heads: Vec<LayerHeads>, layer: Pick, head: Pick },
    Matrix(Arc<Vec<f32>>),
}

impl<'a> HeadRows<'a> {
    /// Of the selected heads; `layers` are all of the block, `[heads, queries, keys]` each. `left_out` are the keys that the
    /// selection's treatment of sinks leaves out.
    ///
    /// # Errors
    /// If no head is left.
    pub fn new(
        layers: Vec<LayerWeights<'a>>,
        selection: &Selection,
        left_out: Vec<usize>,
    ) -> Result<Self, SelectionError> {
        let heads = gather::heads(&layers, selection)?;
        let [queries, keys] = layers.first().map_or([0; 2], |layer| [layer.shape()[1], layer.shape()[2]]);
        let source = Source::Heads { layers, heads, layer: selection.layer, head: selection.head };
        Ok(Self { source, queries, keys, left_out, renormalises: selection.sinks == SinkTreatment::Renormalise })
    }

    /// Of a rollout, `[queries, keys]`.
    pub fn of_rollout(matrix: Arc<Vec<f32>>, keys: usize, selection: &Selection, left_out: Vec<usize>) -> Self {
        let queries = matrix.len().checked_div(keys).unwrap_or(0);
        let renormalises = selection.sinks == SinkTreatment::Renormalise;
        Self { source: Source::Matrix(matrix), queries, keys, left_out, renormalises }
    }

    /// How many there are.
    pub fn queries(&self) -> usize {
        self.queries
    }

    /// How long each is.
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// The keys that are left out: their weights are NaN.
    pub fn left_out(&self) -> &[usize] {
        &self.left_out
    }

    /// How many rows are best read at once: more than one where they are computed.
    pub fn at_once(&self) -> usize {
        match &self.source {
            Source::Heads { layers, heads, .. } => gather::cpu::rows_at_once(layers, heads),
            Source::Matrix(_) => 1,
        }
    }

    /// Some rows, `[queries, keys]`.
    pub fn read(&self, queries: &[usize], buffers: &mut RowBuffers, out: &mut [f32]) {
        let keys = self.keys.max(1);
        match &self.source {
            Source::Heads { layers, heads, layer, head } => {
                gather::cpu::head_rows(layers, heads, *layer, *head, queries, buffers, out);
            }
            Source::Matrix(matrix) => {
                let rows = out.chunks_mut(keys).zip(queries);
                rows.for_each(|(row, query)| row.copy_from_slice(&matrix[query * keys..][..keys]));
            }
        }
        if !self.left_out.is_empty() {
            out.chunks_mut(keys).for_each(|row| sinks::leave_out_of_row(row, &self.left_out, self.renormalises));
        }
    }

    /// These rows one by one: `of_row` hears of each its number among the queries, and the row. `None` if `goes_on`, which is
    /// asked before each reading, says no.
    pub fn walk(
        &self,
        queries: &[usize],
        goes_on: &(dyn Fn() -> bool + Sync),
        of_row: &mut dyn FnMut(usize, &[f32]),
    ) -> Option<()> {
        let at_once = self.at_once();
        let (mut buffers, mut rows) = (RowBuffers::default(), vec![0.0; at_once.min(queries.len()) * self.keys]);
        for (chunk, queries) in queries.chunks(at_once).enumerate() {
            if !goes_on() {
                return None;
            }
            let rows = &mut rows[..queries.len() * self.keys];
            self.read(queries, &mut buffers, rows);
            for place in 0..queries.len() {
                of_row(chunk * at_once + place, &rows[place * self.keys..][..self.keys]);
            }
        }
        Some(())
    }

    /// One weight.
    pub fn cell(&self, query: usize, key: usize) -> f32 {
        let mut row = vec![0.0; self.keys];
        self.read(&[query], &mut RowBuffers::default(), &mut row);
        row[key]
    }

    /// All rows, one after another: `[queries, keys]`. `None` if `goes_on`, which is asked before each reading, says no.
    pub fn to_matrix(&self, goes_on: &(dyn Fn() -> bool + Sync)) -> Option<Vec<f32>> {
        let mut matrix = vec![0.0; self.queries * self.keys];
        let fill = |(task, rows): (usize, &mut [f32])| {
            let queries: Vec<usize> = (0..rows.len() / self.keys).map(|place| task * TASK_ROWS + place).collect();
            let mut copy = |place: usize, row: &[f32]| rows[place * self.keys..][..self.keys].copy_from_slice(row);
            self.walk(&queries, goes_on, &mut copy)
        };
        let tasks = matrix.par_chunks_mut((TASK_ROWS * self.keys).max(1)).enumerate();
        tasks.try_for_each(fill).map(|()| matrix)
    }

    /// A number of each query's row: `[queries]`.
    pub fn map(
        &self,
        of_row: impl Fn(usize, &[f32]) -> f32 + Sync,
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Option<Vec<f32>> {
        let all: Vec<usize> = (0..self.queries).collect();
        let of_task = |queries: &[usize]| {
            let mut numbers = Vec::with_capacity(queries.len());
            self.walk(queries, goes_on, &mut |place, row| numbers.push(of_row(queries[place], row)))?;
            Some(numbers)
        };
        let numbers: Option<Vec<Vec<f32>>> = all.par_chunks(TASK_ROWS).map(of_task).collect();
        Some(numbers?.concat())
    }

    /// What the tokens of a selection attend to, or what attends to them: one weight per token of the other side, as
    /// [`gather`] defines it. `None` if `goes_on` says no.
    pub fn gather(&self, part: &Resolved, goes_on: &(dyn Fn() -> bool + Sync)) -> Option<Vec<f32>> {
        let divisor = if part.combine == Combine::Mean { part.tokens.len() as f64 } else { 1.0 };
        let finish = |total: f64| {
            let value = total / divisor;
            if value.is_finite() { value as f32 } else { f32::NAN }
        };
        match part.direction {
            Direction::AttendsTo => {
                let chunks: Option<Vec<Vec<f64>>> = part
                    .tokens
                    .par_chunks(CHUNK)
                    .map(|queries| self.combined(queries, part.combine, goes_on))
                    .collect();
                let total = chunks?.into_iter().reduce(|total, chunk| fold(total, &chunk, part.combine))?;
                Some(total.into_iter().map(finish).collect())
            }
            Direction::AttendedBy => {
                let of_row = |_: usize, row: &[f32]| {
                    let weights = part.tokens.iter().map(|&key| f64::from(row[key]));
                    finish(weights.reduce(|total, weight| add(total, weight, part.combine)).unwrap_or(f64::NAN))
                };
                self.map(of_row, goes_on)
            }
        }
    }

    /// `[keys]`: the sums, or the maxima, of these queries' rows.
    fn combined(&self, queries: &[usize], combine: Combine, goes_on: &(dyn Fn() -> bool + Sync)) -> Option<Vec<f64>> {
        let mut total: Option<Vec<f64>> = None;
        self.walk(queries, goes_on, &mut |_, row| {
            let row: Vec<f64> = row.iter().map(|&weight| f64::from(weight)).collect();
            total = Some(match total.take() {
                Some(total) => fold(total, &row, combine),
                None => row,
            });
        })?;
        Some(total.unwrap_or_default())
    }

    /// The mean of each key's weights over the queries that see it, of which there are so many ([`seen_by`](super::seen_by())):
    /// `[keys]`; NaN for a key that none sees.
    pub fn received(&self, seen_by: &[usize], goes_on: &(dyn Fn() -> bool + Sync)) -> Option<Vec<f32>> {
        let all: Vec<usize> = (0..self.queries).collect();
        let chunks: Option<Vec<Vec<f64>>> =
            all.par_chunks(CHUNK).map(|queries| self.combined(queries, Combine::Sum, goes_on)).collect();
        let total = chunks?.into_iter().reduce(|total, chunk| fold(total, &chunk, Combine::Sum)).unwrap_or_default();
        Some(total.iter().zip(seen_by).map(|(sum, &queries)| (sum / queries as f64) as f32).collect())
    }
}

fn fold(mut total: Vec<f64>, row: &[f64], combine: Combine) -> Vec<f64> {
    total.iter_mut().zip(row).for_each(|(total, &weight)| *total = add(*total, weight, combine));
    total
}

fn add(total: f64, weight: f64, combine: Combine) -> f64 {
    match combine {
        Combine::Mean | Combine::Sum => total + weight,
        Combine::Max if total.is_nan() || weight.is_nan() => f64::NAN,
        Combine::Max => total.max(weight),
    }
}

/// Queries or keys: the cells along one side of a part of a matrix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cells {
    /// These tokens, one after another.
    Run(Range<usize>),
    /// These tokens.
    Listed(Arc<Vec<usize>>),
}

impl Cells {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::Run(run) => run.len(),
            Self::Listed(tokens) => tokens.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether all are among so many tokens.
    pub fn fit(&self, tokens: usize) -> bool {
        match self {
            Self::Run(run) => run.is_empty() || run.end <= tokens,
            Self::Listed(listed) => listed.iter().all(|&token| token < tokens),
        }
    }

    /// The token of a cell, which has to exist.
    pub fn token(&self, cell: usize) -> usize {
        match self {
            Self::Run(run) => run.start + cell,
            Self::Listed(tokens) => tokens[cell],
        }
    }
}
