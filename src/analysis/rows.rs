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
        let finish = |total: f64, terms: usize| match part.combine {
            _ if terms == 0 => f32::NAN,
            Combine::Mean => (total / terms as f64) as f32,
            Combine::Sum | Combine::Max => total as f32,
        };
        match part.direction {
            Direction::AttendsTo => {
                let mut found = self.combined(&part.tokens, part.combine, true, goes_on)?;
                if found.left_out.len() == part.tokens.len() {
                    found = self.combined(&part.tokens, part.combine, false, goes_on)?;
                }
                let Combined { total, left_out } = found;
                let terms = part.tokens.len() - left_out.len();
                // Keys that are left out have no weight in any row.
                let mut weights: Vec<f32> = total.into_iter().map(|total| finish(total, terms)).collect();
                self.left_out.iter().filter(|key| **key < self.keys).for_each(|&key| weights[key] = f32::NAN);
                Some(weights)
            }
            Direction::AttendedBy => {
                let of_row = |_: usize, row: &[f32]| {
                    let finite = part.tokens.iter().map(|&key| f64::from(row[key])).filter(|weight| weight.is_finite());
                    let (total, terms) = finite.fold((None, 0), |(total, terms): (Option<f64>, usize), weight| {
                        (Some(total.map_or(weight, |total| add(total, weight, part.combine))), terms + 1)
                    });
                    finish(total.unwrap_or(f64::NAN), terms)
                };
                self.map(of_row, goes_on)
            }
        }
    }

    /// The sums, or the maxima, of these queries' rows, with or without those that are not finite.
    fn combined(
        &self,
        queries: &[usize],
        combine: Combine,
        leaves_out: bool,
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Option<Combined> {
        let new = || Combined { total: vec![0.0; self.keys], left_out: Vec::new() };
        let of_chunk = |queries: &[usize]| {
            let (mut found, mut terms) = (new(), 0);
            self.walk(queries, goes_on, &mut |place, row| {
                let is_sound = |(key, weight): (usize, &f32)| weight.is_finite() || self.left_out.contains(&key);
                // Few rows are broken, and those are asked key by key.
                if !leaves_out || row.iter().all(|weight| weight.is_finite()) || row.iter().enumerate().all(is_sound) {
                    found.fold(row.iter().map(|&weight| f64::from(weight)), combine, terms == 0);
                    terms += 1;
                } else {
                    found.left_out.push(queries[place]);
                }
            })?;
            Some((found, terms))
        };
        let chunks: Option<Vec<(Combined, usize)>> = queries.par_chunks(CHUNK).map(of_chunk).collect();
        let (mut all, mut terms) = (new(), 0);
        for (chunk, of_chunk) in chunks? {
            if of_chunk > 0 {
                all.fold(chunk.total.into_iter(), combine, terms == 0);
            }
            all.left_out.extend(chunk.left_out);
            terms += of_chunk;
        }
        Some(all)
    }

    /// The sum of each key's weights over the queries: `[keys]`; and the queries whose rows are not finite, which are in none.
    pub fn received(&self, goes_on: &(dyn Fn() -> bool + Sync)) -> Option<(Vec<f64>, Vec<usize>)> {
        let all: Vec<usize> = (0..self.queries).collect();
        self.combined(&all, Combine::Sum, true, goes_on).map(|found| (found.total, found.left_out))
    }
}

/// What rows combine to.
struct Combined {
    /// `[keys]`
    total: Vec<f64>,
    /// The queries whose rows are in none of it.
    left_out: Vec<usize>,
}

impl Combined {
    fn fold(&mut self, row: impl Iterator<Item = f64>, combine: Combine, is_first: bool) {
        let both = self.total.iter_mut().zip(row);
        both.for_each(|(total, weight)| *total = if is_first { weight } else { add(*total, weight, combine) });
    }
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
