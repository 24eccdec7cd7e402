//! Parts of the matrix of the selected heads.

use std::sync::Arc;

use rayon::prelude::*;

use super::error::QueryError;
use super::request::{Context, Request};
use super::rows::rows;
use super::value::HeapBytes;
use crate::analysis::peaks::usual_maximum_of;
use crate::analysis::token_statistics::entropy;
use crate::analysis::{BlockLayout, Cells, HeadRows, Selection};
use crate::gpu::ResidentMatrix;

/// A part of the matrix of the selected heads: these queries and keys, where a cell of the result is the maximum of
/// `step` × `step` weights. A view asks for no more cells than it has pixels, and for a finer part when it is zoomed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rectangle {
    matrix: Selection,
    queries: Cells,
    keys: Cells,
    step: usize,
}

/// What a [`Rectangle`] is.
#[derive(Clone, Debug, PartialEq)]
pub struct RectangleCells {
    /// Of the result.
    pub rows: usize,
    /// Of the result.
    pub columns: usize,
    /// Queries, and keys, of a cell.
    pub step: usize,
    /// `[rows, columns]`; NaN where every weight is.
    pub values: Arc<Vec<f32>>,
    /// The same where it lies on the device already, and can be drawn from there.
    pub on_device: Option<ResidentMatrix>,
    /// The largest weight.
    pub maximum: f32,
    /// The weight that few exceed ([`usual_maximum_of`]).
    pub usual_maximum: f32,
}

/// One weight of the matrix of the selected heads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    matrix: Selection,
    query: usize,
    key: usize,
}

/// The mean of each key's weights over the queries that may attend to it: `[keys]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Received {
    matrix: Selection,
}

/// The entropy of each query's row, in nats: `[queries]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowEntropy {
    matrix: Selection,
}

impl Rectangle {
    /// Of these queries and keys, so many of each a cell.
    pub fn cells(selection: &Selection, queries: Cells, keys: Cells, step: usize) -> Self {
        Self { matrix: selection.matrix(), queries, keys, step: step.max(1) }
    }

    /// Queries, and keys, of a cell.
    pub fn step(&self) -> usize {
        self.step
    }

    /// Of the result: rows and columns.
    pub fn size(&self) -> [usize; 2] {
        [&self.queries, &self.keys].map(|cells| cells.len().div_ceil(self.step))
    }
}

impl Cell {
    /// The weight of a query on a key.
    pub fn of(selection: &Selection, query: usize, key: usize) -> Self {
        Self { matrix: selection.matrix(), query, key }
    }
}

impl Received {
    /// In a selection's heads.
    pub fn of(selection: &Selection) -> Self {
        Self { matrix: selection.matrix() }
    }
}

impl RowEntropy {
    /// In a selection's heads.
    pub fn of(selection: &Selection) -> Self {
        Self { matrix: selection.matrix() }
    }
}

impl Request for Rectangle {
    type Result = RectangleCells;

    fn compute(&self, context: &Context<'_>) -> Result<RectangleCells, QueryError> {
        let source = rows(context, &self.matrix)?;
        if !(self.queries.fit(source.queries()) && self.keys.fit(source.keys())) {
            return Err(QueryError::failed("the block has no such queries or keys"));
        }
        let cells = self.of(&source, &|| context.goes_on()).ok_or(QueryError::Stopped)?;
        let on_device = match self.is_whole(&source) {
            true => context.engine().resident_matrix(context.trace(), &self.matrix)?,
            false => None,
        };
        Ok(RectangleCells { on_device, ..cells })
    }
}

impl Rectangle {
    /// The same of these rows, on the host; `None` if `goes_on` says no.
    pub fn of(&self, source: &HeadRows<'_>, goes_on: &(dyn Fn() -> bool + Sync)) -> Option<RectangleCells> {
        let [rows, columns] = self.size();
        let mut values = vec![f32::NEG_INFINITY; rows * columns];
        let fill = |(row, out): (usize, &mut [f32])| {
            let mut weights = vec![0.0; source.keys()];
            for cell in row * self.step..((row + 1) * self.step).min(self.queries.len()) {
                if !goes_on() {
                    return None;
                }
                source.read(self.queries.token(cell), &mut weights);
                for (place, out) in out.iter_mut().enumerate() {
                    for key in place * self.step..((place + 1) * self.step).min(self.keys.len()) {
                        *out = out.max(weights[self.keys.token(key)]);
                    }
                }
            }
            out.iter_mut().filter(|value| **value == f32::NEG_INFINITY).for_each(|value| *value = f32::NAN);
            Some(())
        };
        values.par_chunks_mut(columns.max(1)).enumerate().try_for_each(fill)?;
        let maximum = values.iter().copied().fold(0.0, f32::max);
        let (usual_maximum, step) = (usual_maximum_of(&values), self.step);
        Some(RectangleCells { rows, columns, step, values: Arc::new(values), on_device: None, maximum, usual_maximum })
    }
}

impl Rectangle {
    /// Whether it is the matrix as it is stored.
    fn is_whole(&self, source: &HeadRows<'_>) -> bool {
        self.step == 1
            && self.queries == Cells::Run(0..source.queries())
            && self.keys == Cells::Run(0..source.keys())
            && !self.matrix.sinks.leaves_out()
    }
}

impl Request for Cell {
    type Result = f32;

    fn compute(&self, context: &Context<'_>) -> Result<f32, QueryError> {
        let rows = rows(context, &self.matrix)?;
        match self.query < rows.queries() && self.key < rows.keys() {
            true => Ok(rows.cell(self.query, self.key)),
            false => Err(QueryError::failed(format!("there is no weight of query {} on key {}", self.query, self.key))),
        }
    }
}

impl Request for Received {
    type Result = Vec<f32>;

    fn compute(&self, context: &Context<'_>) -> Result<Vec<f32>, QueryError> {
        let layout = BlockLayout::of(context.trace(), self.matrix.block);
        rows(context, &self.matrix)?.received(&layout, &|| context.goes_on()).ok_or(QueryError::Stopped)
    }
}

impl Request for RowEntropy {
    type Result = Vec<f32>;

    fn compute(&self, context: &Context<'_>) -> Result<Vec<f32>, QueryError> {
        let of_row = |_: usize, row: &[f32]| entropy(row);
        rows(context, &self.matrix)?.map(of_row, &|| context.goes_on()).ok_or(QueryError::Stopped)
    }
}

impl RectangleCells {
    /// The same, with nothing to be drawn from a device.
    pub fn on_host(&self) -> Self {
        Self { on_device: None, ..self.clone() }
    }
}

impl HeapBytes for RectangleCells {
    fn heap_bytes(&self) -> usize {
        self.values.heap_bytes()
    }
}
