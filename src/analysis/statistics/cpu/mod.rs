//! The pass on the processor: a task is a run of rows, or a few, in some heads. It takes a row at a time and walks it once,
//! while it is in the first cache, with vector loops (`row.rs`). Whatever is a sum over weights, such as a mass, is not
//! made of each row: rows of one kind of query are added up, column by column, and the run's columns are summed at its
//! end. What depends on the rows alone, such as the distances between their patches and all others, is made once for all
//! layers, or once a task where it would take much memory. Tasks are cut by size and added in order, so the sums do not
//! depend on the number of threads.

mod columns;
mod queries;
mod row;
mod run;
mod total;
mod walk;

use std::ops::Range;

use rayon::prelude::*;

use self::columns::Columns;
use self::queries::Queries;
use self::run::Run;
use self::total::Total;
use self::walk::{Buffers, Rows};
use super::plan::Plan;
use super::sums::Sums;
use crate::analysis::{LayerWeights, RowBuffers};
use crate::trace::LayerMask;

/// Weights of a run of rows in one head: their distances stay in the second cache from head to head.
const RUN_WEIGHTS: usize = 1 << 15;
/// Rows of a run at least, if they have to be computed.
const COMPUTED_ROWS: usize = 48;
/// Rows of a run: its columns are added up in f32.
const RUN_ROWS: usize = 128;
/// Weights that a task walks over: long enough to be worth a task, short enough for a balance between cores.
const TASK_WEIGHTS: usize = 1 << 18;
/// The largest head whose runs are kept from layer to layer: a weight has a distance.
const KEPT_WEIGHTS: usize = 1 << 21;
/// The memory of columns that wait until all rows of their heads are added. Where it does not hold one set for each run of a
/// head, a task takes several runs.
const WAITING_BYTES: usize = 64 << 20;

/// Weights that a task computes, if they have to be: the keys of its heads are turned once for all of them.
const COMPUTED_WEIGHTS: usize = 1 << 22;

/// Over layers of a block, and what they have in common.
pub struct Pass<'a> {
    layers: &'a [LayerWeights<'a>],
    columns: Columns<'a>,
    rows_per_run: usize,
    /// All runs, or none where they take much memory: then each task makes its own.
    runs: Vec<Run>,
    /// Of each mask that differs from the others.
    queries: Vec<Queries<'a>>,
    /// Of each layer: which of them.
    masks: Vec<usize>,
}

/// What a task walks over.
struct Task {
    heads: Range<usize>,
    runs: Range<usize>,
}

impl<'a> Pass<'a> {
    /// Over layers, `[heads, queries, keys]` each, between the tokens of a plan. Where they have to be computed, a run holds several
    /// rows, however long they are.
    pub fn new(plan: &'a Plan, layers: &'a [LayerWeights<'a>]) -> Self {
        let [count, keys] = [plan.queries.len(), plan.keys.len()];
        let columns = Columns::new(plan);
        let least = if layers.iter().any(LayerWeights::is_computed) { COMPUTED_ROWS } else { 1 };
        let rows_per_run = (RUN_WEIGHTS / keys.max(1)).max(least).clamp(1, count.clamp(1, RUN_ROWS));
        let (distinct, masks) = LayerMask::distinct(layers.iter().map(LayerWeights::mask));
        let queries = distinct.into_iter().map(|mask| Queries::new(plan, mask)).collect();
        let mut pass = Self { layers, columns, rows_per_run, runs: Vec::new(), queries, masks };
        if count * keys <= KEPT_WEIGHTS {
            pass.runs = (0..count.div_ceil(rows_per_run)).into_par_iter().map(|run| pass.run(run)).collect();
        }
        pass
    }

    fn run(&self, index: usize) -> Run {
        let first = index * self.rows_per_run;
        Run::new(&self.columns, first..(first + self.rows_per_run).min(self.columns.plan.queries.len()))
    }

    /// The sums of each head of a layer, by its number; `None` if `goes_on` says no, which tasks ask. Panics if there is no such layer.
    pub fn layer_sums(&self, number: usize, goes_on: &(dyn Fn() -> bool + Sync)) -> Option<Vec<Sums>> {
        let (layer, queries) = (&self.layers[number], &self.queries[self.masks[number]]);
        let tasks = if layer.is_computed() { self.tasks_to_compute(layer) } else { self.tasks(layer.heads()) };
        let of_task = |task: &Task| self.of_task(layer, queries, task, goes_on);
        let totals = tasks.par_iter().map(of_task).collect::<Option<Vec<_>>>()?;
        let mut sums: Vec<Sums> = Vec::with_capacity(layer.heads());
        // Tasks of the same heads follow one another.
        let mut totals = tasks.iter().zip(totals).peekable();
        while let Some((task, mut of_heads)) = totals.next() {
            while let Some((_, more)) = totals.next_if(|(next, _)| next.heads == task.heads) {
                of_heads.iter_mut().zip(&more).for_each(|(total, part)| total.add(part));
            }
            sums.extend(of_heads.iter_mut().map(|total| total.close(&self.columns)));
        }
        Some(sums)
    }

    fn tasks(&self, heads: usize) -> Vec<Task> {
        let keys = self.columns.plan.keys.len();
        let runs = self.columns.plan.queries.len().div_ceil(self.rows_per_run);
        let heads_per_task = (TASK_WEIGHTS / (self.rows_per_run * keys).max(1)).max(1);
        let runs_per_task = runs.div_ceil(self.waiting(heads)).max(1);
        let of_heads = |head: usize| {
            let heads = head..(head + heads_per_task).min(heads);
            let of_runs = move |run: usize| Task { heads: heads.clone(), runs: run..(run + runs_per_task).min(runs) };
            // Without rows there are heads all the same.
            (0..runs.max(1)).step_by(runs_per_task).map(of_runs)
        };
        (0..heads).step_by(heads_per_task).flat_map(of_heads).collect()
    }

    /// Heads that share their keys, and as many runs as are worth the turning of these.
    fn tasks_to_compute(&self, layer: &LayerWeights<'_>) -> Vec<Task> {
        let runs = self.columns.plan.queries.len().div_ceil(self.rows_per_run);
        let together = layer.together(0..layer.heads());
        let of_heads = |heads: Range<usize>| {
            let weights = heads.len() * self.rows_per_run * self.columns.plan.keys.len();
            let least = runs.div_ceil(self.waiting(layer.heads()));
            let runs_per_task = (COMPUTED_WEIGHTS / weights.max(1)).max(least).max(1);
            let of_runs = move |run: usize| Task { heads: heads.clone(), runs: run..(run + runs_per_task).min(runs) };
            (0..runs.max(1)).step_by(runs_per_task).map(of_runs)
        };
        together.flat_map(of_heads).collect()
    }

    /// How many sets of columns of so many heads may wait.
    fn waiting(&self, heads: usize) -> usize {
        let keys = self.columns.plan.keys.len();
        (WAITING_BYTES / (heads * keys * size_of::<f64>()).max(1)).max(1)
    }

    /// A total a head.
    fn of_task(
        &self,
        layer: &LayerWeights<'_>,
        queries: &Queries<'_>,
        task: &Task,
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Option<Vec<Total>> {
        let mut totals: Vec<Total> = task.heads.clone().map(|_| Total::new()).collect();
        let mut row_buffers = RowBuffers::default();
        for index in task.runs.clone() {
            if !goes_on() {
                return None;
            }
            let made;
            let run = match self.runs.get(index) {
                Some(kept) => kept,
                None => {
                    made = self.run(index);
                    &made
                }
            };
            let rows = Rows { run, queries, counts: queries.counts(run.queries()) };
            let mut buffers = Buffers::new(&self.columns, &rows);
            for (head, total) in task.heads.clone().zip(&mut totals) {
                let weights = layer.rows(head, run.queries(), &mut row_buffers);
                walk::add_rows(&self.columns, &rows, &weights, &mut buffers, total);
            }
        }
        if task.runs.len() == self.columns.plan.queries.len().div_ceil(self.rows_per_run) {
            totals.iter_mut().for_each(|total| total.sums = total.close(&self.columns));
        }
        Some(totals)
    }
}
