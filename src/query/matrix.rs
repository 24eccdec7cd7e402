//! Parts of the matrix of the selected heads.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::error::QueryError;
use super::request::{Context, Lane, Request};
use super::rows::rows;
use super::value::HeapBytes;
use crate::analysis::peaks::usual_maximum_of;
use crate::analysis::token_statistics::entropy;
use crate::analysis::{BlockLayout, Cells, HeadRows, Selection, WeightKind, seen_by};
use crate::gpu::ResidentMatrix;

/// How long a part of a result is waited for before it is told.
const PATIENCE: Duration = Duration::from_millis(60);
/// How long until the next part: the picture is drawn anew each time.
const PART_EVERY: Duration = Duration::from_millis(200);
/// Of rows that have to be computed, one in so many comes first.
const COARSE: usize = 8;
/// Rows of the result, of a task.
const TASK_ROWS: usize = 8;
/// Rows of the result between two looks at the clock.
const BAND_ROWS: usize = 256;

/// A part of the matrix of the selected heads: these queries and keys, where a cell of the result is the largest of
/// `step` × `step` weights, whichever sign it has. A view asks for no more cells than it has pixels, and for a finer part when it is zoomed.
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
    /// The largest weight, without its sign.
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

/// The mean of each key's weights over the queries that see it in any of the heads: `[keys]`.
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

/// A relevance is no attention that a key receives, or that a query divides.
fn of_attention(selection: &Selection) -> Selection {
    let matrix = selection.matrix();
    match matrix.weights {
        WeightKind::Relevance(_) => Selection { weights: WeightKind::Raw, ..matrix },
        _ => matrix,
    }
}

impl Received {
    /// In a selection's heads; of a relevance in the raw weights.
    pub fn of(selection: &Selection) -> Self {
        Self { matrix: of_attention(selection) }
    }
}

impl RowEntropy {
    /// In a selection's heads; of a relevance in the raw weights.
    pub fn of(selection: &Selection) -> Self {
        Self { matrix: of_attention(selection) }
    }
}

impl Request for Rectangle {
    type Result = RectangleCells;
    const LANE: Lane = Lane::Matrix;

    fn compute(&self, context: &Context<'_>) -> Result<RectangleCells, QueryError> {
        let source = rows(context, &self.matrix)?;
        if !(self.queries.fit(source.queries()) && self.keys.fit(source.keys())) {
            return Err(QueryError::failed("the block has no such queries or keys"));
        }
        let cells = self.by_parts(&source, &|| context.goes_on(), &mut |part| context.tell(self, part));
        let cells = cells.ok_or(QueryError::Stopped)?;
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
        self.by_parts(source, goes_on, &mut |_| {})
    }

    /// `on_part` hears of what there is, where rows are computed: coarse first, finer with each part.
    fn by_parts(
        &self,
        source: &HeadRows<'_>,
        goes_on: &(dyn Fn() -> bool + Sync),
        on_part: &mut dyn FnMut(RectangleCells),
    ) -> Option<RectangleCells> {
        let [rows, columns] = self.size();
        let mut values = vec![f32::NAN; rows * columns];
        let mut is_known = vec![false; rows];
        let mut next_part = Instant::now() + PATIENCE;
        for pass in self.passes(source.at_once() > 1) {
            for band in pass.chunks(BAND_ROWS) {
                self.add(source, band, &mut values, goes_on)?;
                band.iter().for_each(|(row, _)| is_known[*row] = true);
                if is_known[0] && Instant::now() >= next_part {
                    on_part(self.result(with_unknown_rows(&values, &is_known, columns)));
                    next_part = Instant::now() + PART_EVERY;
                }
            }
        }
        Some(self.result(values))
    }

    /// Rows of the result, each with cells of its queries, in the order in which they are computed; those of a list may be at
    /// once.
    fn passes(&self, is_coarse_first: bool) -> Vec<Vec<(usize, Range<usize>)>> {
        let rows = self.size()[0];
        let cells = |row: usize| row * self.step..((row + 1) * self.step).min(self.queries.len());
        if !is_coarse_first {
            return vec![(0..rows).map(|row| (row, cells(row))).collect()];
        }
        let one =
            |row: usize, place: usize| Some((row, cells(row).nth(place)?)).map(|(row, cell)| (row, cell..cell + 1));
        let coarse = |row: &usize| row.is_multiple_of(COARSE);
        let firsts = [(0..rows).filter(coarse).collect::<Vec<_>>(), (0..rows).filter(|row| !coarse(row)).collect()];
        let firsts = firsts.into_iter().map(|rows| rows.into_iter().filter_map(|row| one(row, 0)).collect());
        firsts.chain((1..self.step).map(|place| (0..rows).filter_map(|row| one(row, place)).collect())).collect()
    }

    /// Adds the weights of some queries to rows of the result.
    fn add(
        &self,
        source: &HeadRows<'_>,
        rows: &[(usize, Range<usize>)],
        values: &mut [f32],
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Option<()> {
        let columns = self.size()[1];
        let of_task = |rows: &[(usize, Range<usize>)]| {
            let cells =
                rows.iter().enumerate().flat_map(|(number, (_, cells))| cells.clone().map(move |at| (number, at)));
            let (of, queries): (Vec<usize>, Vec<usize>) =
                cells.map(|(number, cell)| (number, self.queries.token(cell))).unzip();
            let mut found = vec![f32::NAN; rows.len() * columns];
            source.walk(&queries, goes_on, &mut |place, weights| {
                let found = &mut found[of[place] * columns..][..columns];
                for (place, found) in found.iter_mut().enumerate() {
                    for key in place * self.step..((place + 1) * self.step).min(self.keys.len()) {
                        *found = larger(*found, weights[self.keys.token(key)]);
                    }
                }
            })?;
            Some(found)
        };
        let found: Option<Vec<Vec<f32>>> = rows.par_chunks(source.at_once().max(TASK_ROWS)).map(of_task).collect();
        let found = found?.concat();
        for ((row, _), found) in rows.iter().zip(found.chunks(columns.max(1))) {
            let out = &mut values[row * columns..][..columns];
            out.iter_mut().zip(found).for_each(|(out, found)| *out = larger(*out, *found));
        }
        Some(())
    }

    fn result(&self, values: Vec<f32>) -> RectangleCells {
        let [rows, columns] = self.size();
        let maximum = values.iter().map(|value| value.abs()).fold(0.0, f32::max);
        let (usual_maximum, step) = (usual_maximum_of(&values), self.step);
        RectangleCells { rows, columns, step, values: Arc::new(values), on_device: None, maximum, usual_maximum }
    }
}

/// Of two weights, whichever sign they have; the other one where one is no number.
fn larger(one: f32, other: f32) -> f32 {
    if one.is_nan() || other.abs() > one.abs() { other } else { one }
}

/// Rows that are not known yet are like the last one before them.
fn with_unknown_rows(values: &[f32], is_known: &[bool], columns: usize) -> Vec<f32> {
    let mut values = values.to_vec();
    let mut last = 0;
    for (row, is_known) in is_known.iter().enumerate() {
        match is_known {
            true => last = row,
            false => values.copy_within(last * columns..(last + 1) * columns, row * columns),
        }
    }
    values
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
    const LANE: Lane = Lane::Matrix;

    fn compute(&self, context: &Context<'_>) -> Result<Vec<f32>, QueryError> {
        let rows = rows(context, &self.matrix)?;
        let (layout, layers) = (BlockLayout::of(context.trace(), self.matrix.block), context.layers(&self.matrix)?);
        let (sums, left_out) = rows.received(&|| context.goes_on()).ok_or(QueryError::Stopped)?;
        let seen_by = seen_by(&layout, &layers, &self.matrix, &left_out)?;
        Ok(sums.iter().zip(seen_by).map(|(sum, queries)| (sum / queries as f64) as f32).collect())
    }
}

impl Request for RowEntropy {
    type Result = Vec<f32>;
    const LANE: Lane = Lane::Matrix;

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
