//! The pass on the processor: a task is a run of rows in a run of heads. It takes a row at a time and walks it, while
//! it is in the first cache, with vector loops (`row.rs`). What depends on the rows alone, such as the distances
//! between their patches and all others, is made once a task. Tasks are cut by size and added in order, so the sums do
//! not depend on the number of threads.

use std::ops::Range;

use rayon::prelude::*;

use super::Parts;
use super::plan::{COUNTED_IMAGE, COUNTED_TEXT, Place, Plan, VLI_PATCH, VLI_TEXT, modality_of};
use super::row::{Shape, add, distances, is_finite, shape, two_dots};
use super::sums::{self, SLOTS, Sums};
use crate::trace::TensorView;

/// Weights of a run of rows in one head: their distances stay in the second cache from head to head.
const RUN_WEIGHTS: usize = 1 << 15;
/// Weights that a task walks over: long enough to be worth a task, short enough for a balance between cores.
const TASK_WEIGHTS: usize = 1 << 18;

/// The sums of each head of a layer, `[heads, queries, keys]`; `None` if `goes_on` says no, which tasks ask.
pub fn layer_sums(plan: &Plan, layer: &TensorView<'_>, goes_on: &(dyn Fn() -> bool + Sync)) -> Option<Vec<Sums>> {
    let columns = Columns::new(&plan.keys);
    let [queries, keys] = [plan.queries.len(), plan.keys.len()];
    let rows_per_run = (RUN_WEIGHTS / keys.max(1)).clamp(1, queries.max(1));
    let heads_per_task = (TASK_WEIGHTS / (rows_per_run * keys).max(1)).max(1);
    let heads = layer.shape[0];
    let runs = queries.div_ceil(rows_per_run);
    let tasks: Vec<(usize, usize)> =
        (0..heads).step_by(heads_per_task).flat_map(|head| (0..runs).map(move |run| (head, run))).collect();
    let run_task = |&(head, run): &(usize, usize)| {
        let rows = run * rows_per_run..((run + 1) * rows_per_run).min(queries);
        let heads = head..(head + heads_per_task).min(heads);
        goes_on().then(|| run_of_rows(plan, &columns, layer, &heads, &rows))
    };
    let parts: Vec<Vec<Part>> = tasks.par_iter().map(run_task).collect::<Option<_>>()?;
    let merge = |head: usize| {
        let first = head / heads_per_task * runs;
        let of_head = parts[first..first + runs].iter().map(|part| &part[head % heads_per_task]);
        merge(of_head, &columns)
    };
    Some((0..heads).map(merge).collect())
}

fn merge<'a>(parts: impl Iterator<Item = &'a Part>, columns: &Columns) -> Sums {
    let mut total = [0.0; SLOTS];
    let mut received = vec![0.0_f64; columns.counted.len()];
    for part in parts {
        total.iter_mut().zip(&part.sums).for_each(|(total, sum)| *total += sum);
        received.iter_mut().zip(&part.columns).for_each(|(total, &sum)| *total += f64::from(sum));
    }
    let counted = received.iter().zip(&columns.counted).map(|(sum, &counted)| sum * f64::from(counted));
    total[sums::STRONGEST] = counted.fold(0.0, f64::max);
    total
}

/// The keys, one array a property, with 0 where a key does not count.
struct Columns {
    text: Vec<f32>,
    image: Vec<f32>,
    counted: Vec<f32>,
    overlap: Vec<f32>,
    x: Vec<f32>,
    y: Vec<f32>,
    /// Those on each image.
    on_image: Vec<Vec<f32>>,
    vli_text: Vec<f32>,
    vli_patch: Vec<f32>,
    /// By a VLI patch's number: its column.
    patch_column: Vec<usize>,
}

impl Columns {
    fn new(keys: &[Place]) -> Self {
        let with =
            |flag: u32| -> Vec<f32> { keys.iter().map(|key| if key.flags & flag == 0 { 0.0 } else { 1.0 }).collect() };
        let mut patches: Vec<usize> = (0..keys.len()).filter(|&key| keys[key].flags & VLI_PATCH != 0).collect();
        patches.sort_by_key(|&key| keys[key].patch);
        let is_counted = |key: &&Place| key.flags & COUNTED_IMAGE != 0;
        let images = keys.iter().filter(is_counted).map(|key| key.image + 1).max().unwrap_or(0);
        let on_image = |key: &Place, image| if is_counted(&key) && key.image == image { 1.0 } else { 0.0 };
        Self {
            text: with(COUNTED_TEXT),
            image: with(COUNTED_IMAGE),
            counted: with(COUNTED_TEXT | COUNTED_IMAGE),
            overlap: keys.iter().map(|key| key.overlap).collect(),
            x: keys.iter().map(|key| key.at[0]).collect(),
            y: keys.iter().map(|key| key.at[1]).collect(),
            on_image: (0..images).map(|image| keys.iter().map(|key| on_image(key, image)).collect()).collect(),
            vli_text: with(VLI_TEXT),
            vli_patch: with(VLI_PATCH),
            patch_column: patches,
        }
    }
}

/// What a query is in every head.
struct Row<'a> {
    index: usize,
    query: &'a Place,
    /// Of an image query, where it is asked for: the distances to the keys on its image, and which keys these are.
    distances: Option<(Vec<f32>, &'a [f32])>,
}

impl<'a> Row<'a> {
    fn new(plan: &'a Plan, columns: &'a Columns, index: usize) -> Self {
        let query = &plan.queries[index];
        let is_asked = plan.parts.distance && query.flags & COUNTED_IMAGE != 0;
        // An image that only queries lie on has no keys to be far from.
        let on_image = columns.on_image.get(query.image as usize).filter(|_| is_asked);
        let distances = on_image.map(|on_image| {
            let mut distances_of_keys = vec![0.0; plan.seen(index)];
            distances(query.at, &columns.x, &columns.y, on_image, &mut distances_of_keys);
            (distances_of_keys, on_image.as_slice())
        });
        Self { index, query, distances }
    }
}

/// What a run of rows of one head adds.
struct Part {
    sums: Sums,
    /// `[keys]`; empty where nobody asks.
    columns: Vec<f32>,
}

fn run_of_rows(
    plan: &Plan,
    columns: &Columns,
    layer: &TensorView<'_>,
    heads: &Range<usize>,
    rows: &Range<usize>,
) -> Vec<Part> {
    let [queries, keys] = [plan.queries.len(), plan.keys.len()];
    let rows: Vec<Row<'_>> = rows.clone().map(|index| Row::new(plan, columns, index)).collect();
    let mut decoded = vec![0.0; keys];
    let mut of_head = |head: usize| {
        let received = if plan.parts.columns { keys } else { 0 };
        let mut part = Part { sums: [0.0; SLOTS], columns: vec![0.0; received] };
        for row in &rows {
            let weights = layer.decoded((head * queries + row.index) * keys, &mut decoded);
            if is_finite(weights) {
                part.add_vl_interpret(plan.parts, row.query, columns, weights);
                let next = layer.bytes_of((head * queries + row.index + 1) * keys, keys);
                part.add_row(plan, columns, row, &weights[..plan.seen(row.index)], next);
            } else {
                part.sums[sums::BROKEN] += 1.0;
            }
        }
        part
    };
    heads.clone().map(&mut of_head).collect()
}

impl Part {
    fn add_vl_interpret(&mut self, parts: Parts, query: &Place, columns: &Columns, row: &[f32]) {
        let first = match query.flags & (VLI_TEXT | VLI_PATCH) {
            VLI_TEXT if parts.vl_interpret => sums::VLI,
            VLI_PATCH if parts.vl_interpret => sums::VLI + 2,
            _ => return,
        };
        let [on_text, on_patches] = two_dots(row, [&columns.vli_text, &columns.vli_patch]).map(f64::from);
        self.sums[first] += on_text;
        self.sums[first + 1] += on_patches;
        if query.flags & VLI_PATCH != 0 {
            let patch = query.patch as usize;
            let near = patch.saturating_sub(1)..(patch + 2).min(columns.patch_column.len());
            let on_near: f64 = columns.patch_column[near].iter().map(|&column| f64::from(row[column])).sum();
            self.sums[sums::VLI_WITHOUT_SELF] += on_patches - on_near;
        }
    }

    /// Adds the part of a row that its query sees.
    fn add_row(&mut self, plan: &Plan, columns: &Columns, of: &Row<'_>, row: &[f32], next: &[u8]) {
        let (query, index) = (of.query, of.index);
        let Some(modality) = modality_of(query.flags) else { return };
        let [text, image] = two_dots(row, [&columns.text, &columns.image]);
        let mut add_to = |slot: usize, value: f32| self.sums[slot] += f64::from(value);
        add_to(sums::MASS + 2 * modality, text);
        add_to(sums::MASS + 2 * modality + 1, image);
        if plan.parts.region {
            let [inside, _] = two_dots(row, [&columns.overlap, &columns.image]);
            add_to(sums::REGION, inside);
        }
        if plan.same_sequence {
            add_to(sums::DIAGONAL, row[index]);
            if index > 0 && modality_of(plan.keys[index - 1].flags).is_some() {
                add_to(sums::PREVIOUS, row[index - 1]);
            }
        }
        if let Some((distances, on_image)) = &of.distances {
            let [moment, weight] = two_dots(row, [distances, on_image]);
            if weight > 0.0 {
                add_to(sums::DISTANCE, moment / weight);
                add_to(sums::DISTANCE_ROWS, 1.0);
            }
        }
        if plan.parts.shape {
            self.add_shape(&shape(row, &columns.counted, next), text + image, query.visible as f32);
        }
        add(row, &mut self.columns);
    }

    fn add_shape(&mut self, shape: &Shape, total: f32, visible: f32) {
        let mut add_to = |slot: usize, value: f32| self.sums[slot] += f64::from(value);
        add_to(sums::LARGEST, shape.largest);
        if total > 0.0 {
            let entropy = (total.ln() - shape.weight_log_weight / total).max(0.0);
            add_to(sums::ENTROPY, entropy);
            add_to(sums::ENTROPY_ROWS, 1.0);
            if visible > 1.0 {
                add_to(sums::RELATIVE, entropy / visible.ln());
                add_to(sums::RELATIVE_ROWS, 1.0);
                let root = visible.sqrt();
                add_to(sums::HOYER, (root - total / shape.squares.sqrt()) / (root - 1.0));
                add_to(sums::HOYER_ROWS, 1.0);
            }
        }
    }
}
