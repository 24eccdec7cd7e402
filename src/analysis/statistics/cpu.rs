//! The pass on the processor: a task is a run of rows in a run of heads. It takes a row at a time and walks it once, while
//! it is in the first cache, with vector loops (`row.rs`). Whatever is a sum over weights, such as a mass, is not made of
//! each row: rows of one kind of query are added up, column by column, and the run's columns are summed at its end. What
//! depends on the rows alone, such as the distances between their patches and all others, is made once for all layers, or
//! once a task where it would take much memory. Tasks are cut by size and added in order, so the sums do not depend on
//! the number of threads.

use std::ops::Range;

use rayon::prelude::*;

use super::plan::{COUNTED_IMAGE, COUNTED_TEXT, Place, Plan, VLI_PATCH, VLI_TEXT, modality_of};
use super::row::{LANES, Lanes, Shape, Walk, add, distances, lanes, two_dots, walk};
use super::sums::{self, SLOTS, Sums};
use crate::trace::TensorView;

/// Weights of a run of rows in one head: their distances stay in the second cache from head to head.
const RUN_WEIGHTS: usize = 1 << 15;
/// Rows of a run: its columns are added up in f32.
const RUN_ROWS: usize = 128;
/// Weights that a task walks over: long enough to be worth a task, short enough for a balance between cores.
const TASK_WEIGHTS: usize = 1 << 18;
/// The largest head whose runs are kept from layer to layer: a weight has a distance.
const KEPT_WEIGHTS: usize = 1 << 21;

/// What the layers of a block have in common.
pub struct Pass<'a> {
    plan: &'a Plan,
    columns: Columns,
    rows_per_run: usize,
    /// All runs, or none where they take much memory: then each task makes its own.
    runs: Vec<Run<'a>>,
}

impl<'a> Pass<'a> {
    /// Over the tokens of a plan.
    pub fn new(plan: &'a Plan) -> Self {
        let [queries, keys] = [plan.queries.len(), plan.keys.len()];
        let columns = Columns::new(&plan.keys);
        let rows_per_run = (RUN_WEIGHTS / keys.max(1)).clamp(1, queries.clamp(1, RUN_ROWS));
        let mut pass = Self { plan, columns, rows_per_run, runs: Vec::new() };
        if queries * keys <= KEPT_WEIGHTS {
            pass.runs = (0..queries.div_ceil(rows_per_run)).into_par_iter().map(|run| pass.run(run)).collect();
        }
        pass
    }

    fn run(&self, index: usize) -> Run<'a> {
        let first = index * self.rows_per_run;
        Run::new(self.plan, &self.columns, first..(first + self.rows_per_run).min(self.plan.queries.len()))
    }

    /// The sums of each head of a layer, `[heads, queries, keys]`; `None` if `goes_on` says no, which tasks ask.
    pub fn layer_sums(&self, layer: &TensorView<'_>, goes_on: &(dyn Fn() -> bool + Sync)) -> Option<Vec<Sums>> {
        let heads = layer.shape[0];
        let heads_per_task = (TASK_WEIGHTS / (self.rows_per_run * self.plan.keys.len()).max(1)).max(1);
        let runs = self.plan.queries.len().div_ceil(self.rows_per_run);
        let tasks: Vec<(usize, usize)> =
            (0..heads).step_by(heads_per_task).flat_map(|head| (0..runs).map(move |run| (head, run))).collect();
        let run_task = |&(head, run): &(usize, usize)| {
            let heads = head..(head + heads_per_task).min(heads);
            goes_on().then(|| {
                let made;
                let run = match self.runs.get(run) {
                    Some(kept) => kept,
                    None => {
                        made = self.run(run);
                        &made
                    }
                };
                let mut buffers = Buffers::new(self, run);
                heads.map(|head| self.of_head(run, layer, head, &mut buffers)).collect()
            })
        };
        let parts: Vec<Vec<Part>> = tasks.par_iter().map(run_task).collect::<Option<_>>()?;
        let merge = |head: usize| {
            let first = head / heads_per_task * runs;
            let of_head = parts[first..first + runs].iter().map(|part| &part[head % heads_per_task]);
            merge(of_head, &self.columns)
        };
        Some((0..heads).map(merge).collect())
    }

    /// What the rows of one head add.
    fn of_head(&self, run: &Run<'_>, layer: &TensorView<'_>, head: usize, buffers: &mut Buffers) -> Part {
        let [queries, keys] = [self.plan.queries.len(), self.plan.keys.len()];
        let vectors = self.columns.vectors();
        let mut part = Part { sums: [0.0; SLOTS], columns: Vec::new() };
        buffers.received.fill([0.0; LANES]);
        buffers.unseen.fill([0.0; LANES]);
        for row in &run.rows {
            let first = (head * queries + row.index) * keys;
            let weights = if first + vectors * LANES <= (head + 1) * queries * keys {
                // The last vector ends with what comes next in the head, which no column counts; if that is not finite,
                // the head is broken in any case.
                layer.decoded(first, buffers.decoded.as_flattened_mut())
            } else {
                let (decoded, behind) = buffers.decoded.as_flattened_mut().split_at_mut(keys);
                behind.fill(0.0);
                layer.read(first, decoded);
                buffers.decoded.as_flattened()
            };
            part.add_single_weights(self, row, weights);
            let of_kind = row.kind * vectors..(row.kind + 1) * vectors;
            let mut in_vectors = weights.as_chunks().0;
            if row.seen < keys {
                add(&weights[row.seen..keys], &mut buffers.unseen[of_kind.clone()].as_flattened_mut()[row.seen..]);
                let seen = &mut buffers.seen[..row.seen.div_ceil(LANES)];
                seen.copy_from_slice(&in_vectors[..seen.len()]);
                seen.as_flattened_mut()[row.seen..].fill(0.0);
                in_vectors = seen;
            }
            let next = layer.bytes_of(first + keys, keys);
            part.add_row(self, run, row, in_vectors, next, &mut buffers.received[of_kind]);
        }
        let mut is_sound = true;
        for (kind, &flags) in run.kinds.iter().enumerate() {
            let of_kind = kind * vectors..(kind + 1) * vectors;
            part.add_seen(self, flags, &buffers.received[of_kind.clone()]);
            is_sound &= part.add_all(self, flags, &buffers.received[of_kind.clone()]);
            is_sound &= buffers.unseen.get(of_kind).is_none_or(|unseen| part.add_all(self, flags, unseen));
        }
        if !is_sound && !self.is_finite(run, layer, head) {
            part.sums[sums::BROKEN] += 1.0;
        }
        part
    }

    /// Whether no weight of the rows is infinite or NaN; the sum of large ones may be.
    fn is_finite(&self, run: &Run<'_>, layer: &TensorView<'_>, head: usize) -> bool {
        let [queries, keys] = [self.plan.queries.len(), self.plan.keys.len()];
        let mut decoded = vec![0.0; keys];
        run.rows.iter().all(|row| {
            let weights = layer.decoded((head * queries + row.index) * keys, &mut decoded);
            weights.iter().all(|weight| weight.is_finite())
        })
    }
}

fn merge<'a>(parts: impl Iterator<Item = &'a Part>, columns: &Columns) -> Sums {
    let mut total = [0.0; SLOTS];
    let counted = columns.counted.as_flattened();
    let mut received = vec![0.0_f64; counted.len()];
    for part in parts {
        total.iter_mut().zip(&part.sums).for_each(|(total, sum)| *total += sum);
        let of_part = part.columns.as_flattened();
        received.iter_mut().zip(of_part).for_each(|(total, &sum)| *total += f64::from(sum));
    }
    let counted = received.iter().zip(counted).map(|(sum, &counted)| sum * f64::from(counted));
    total[sums::STRONGEST] = counted.fold(0.0, f64::max);
    total
}

/// The keys, one array a property, with 0 where a key does not count.
struct Columns {
    text: Vec<Lanes>,
    image: Vec<Lanes>,
    counted: Vec<Lanes>,
    overlap: Vec<Lanes>,
    x: Vec<Lanes>,
    y: Vec<Lanes>,
    /// Those on each image.
    on_image: Vec<Vec<Lanes>>,
    vli_text: Vec<Lanes>,
    vli_patch: Vec<Lanes>,
    /// By a VLI patch's number: its column.
    patch_column: Vec<usize>,
}

impl Columns {
    fn new(keys: &[Place]) -> Self {
        let with = |flag: u32| lanes(keys.iter().map(|key| if key.flags & flag == 0 { 0.0 } else { 1.0 }));
        let mut patches: Vec<usize> = (0..keys.len()).filter(|&key| keys[key].flags & VLI_PATCH != 0).collect();
        patches.sort_by_key(|&key| keys[key].patch);
        let is_counted = |key: &&Place| key.flags & COUNTED_IMAGE != 0;
        let images = keys.iter().filter(is_counted).map(|key| key.image + 1).max().unwrap_or(0);
        let on_image = |key: &Place, image| if is_counted(&key) && key.image == image { 1.0 } else { 0.0 };
        Self {
            text: with(COUNTED_TEXT),
            image: with(COUNTED_IMAGE),
            counted: with(COUNTED_TEXT | COUNTED_IMAGE),
            overlap: lanes(keys.iter().map(|key| key.overlap)),
            x: lanes(keys.iter().map(|key| key.at[0])),
            y: lanes(keys.iter().map(|key| key.at[1])),
            on_image: (0..images).map(|image| lanes(keys.iter().map(|key| on_image(key, image)))).collect(),
            vli_text: with(VLI_TEXT),
            vli_patch: with(VLI_PATCH),
            patch_column: patches,
        }
    }

    /// Vectors of a row.
    fn vectors(&self) -> usize {
        self.counted.len()
    }
}

/// A run of rows, as they are in every head.
struct Run<'a> {
    rows: Vec<Row<'a>>,
    /// The flags by which the rows' queries differ.
    kinds: Vec<u32>,
    /// Of image queries, where they are asked for: the distances to the keys on their image.
    distances: Vec<Lanes>,
}

/// What a query is in every head.
struct Row<'a> {
    index: usize,
    query: &'a Place,
    /// The number of its flags in [`Run::kinds`].
    kind: usize,
    /// How many keys it sees.
    seen: usize,
    /// Where its distances are in [`Run::distances`].
    distances: Option<usize>,
    ln_visible: f32,
    root_visible: f32,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, columns: &Columns, rows: Range<usize>) -> Self {
        let mut run = Self { rows: Vec::with_capacity(rows.len()), kinds: Vec::new(), distances: Vec::new() };
        for index in rows {
            let query = &plan.queries[index];
            let kind = run.kinds.iter().position(|&flags| flags == query.flags).unwrap_or_else(|| {
                run.kinds.push(query.flags);
                run.kinds.len() - 1
            });
            let is_asked = plan.parts.distance && query.flags & COUNTED_IMAGE != 0;
            // An image that only queries lie on has no keys to be far from.
            let on_image = columns.on_image.get(query.image as usize).filter(|_| is_asked);
            let distances = on_image.map(|on_image| run.add_distances(query.at, columns, on_image));
            let visible = query.visible as f32;
            let (ln_visible, root_visible) = (visible.ln(), visible.sqrt());
            run.rows.push(Row { index, query, kind, seen: plan.seen(index), distances, ln_visible, root_visible });
        }
        run
    }

    fn add_distances(&mut self, from: [f32; 2], columns: &Columns, on_image: &[Lanes]) -> usize {
        let first = self.distances.len();
        self.distances.resize(first + columns.vectors(), [0.0; LANES]);
        distances(from, [&columns.x, &columns.y], on_image, &mut self.distances[first..]);
        first
    }
}

/// What a task uses for one head after the other.
struct Buffers {
    decoded: Vec<Lanes>,
    /// What the query sees of a row.
    seen: Vec<Lanes>,
    /// By kind of query, what each key receives from queries that see it,
    received: Vec<Lanes>,
    /// and from those that do not, where there is a mask.
    unseen: Vec<Lanes>,
}

impl Buffers {
    fn new(pass: &Pass<'_>, run: &Run<'_>) -> Self {
        let zeros = |rows: usize| vec![[0.0; LANES]; rows * pass.columns.vectors()];
        let masked = usize::from(pass.plan.causal);
        let kinds = run.kinds.len();
        Self { decoded: zeros(1), seen: zeros(masked), received: zeros(kinds), unseen: zeros(masked * kinds) }
    }
}

/// What a run of rows of one head adds.
struct Part {
    sums: Sums,
    /// What each key receives; empty where nobody asks.
    columns: Vec<Lanes>,
}

impl Part {
    /// Adds what is said of some weights apart.
    fn add_single_weights(&mut self, pass: &Pass<'_>, row: &Row<'_>, weights: &[f32]) {
        let (plan, index) = (pass.plan, row.index);
        if plan.same_sequence && modality_of(row.query.flags).is_some() {
            self.sums[sums::DIAGONAL] += f64::from(weights[index]);
            if index > 0 && modality_of(plan.keys[index - 1].flags).is_some() {
                self.sums[sums::PREVIOUS] += f64::from(weights[index - 1]);
            }
        }
        if plan.parts.vl_interpret && row.query.flags & VLI_PATCH != 0 {
            let (patch, columns) = (row.query.patch as usize, &pass.columns.patch_column);
            let near = patch.saturating_sub(1)..(patch + 2).min(columns.len());
            let on_near: f64 = columns[near].iter().map(|&column| f64::from(weights[column])).sum();
            self.sums[sums::VLI_WITHOUT_SELF] -= on_near;
        }
    }

    /// Adds the part of a row that its query sees.
    fn add_row(
        &mut self,
        pass: &Pass<'_>,
        run: &Run<'_>,
        row: &Row<'_>,
        weights: &[Lanes],
        next: &[u8],
        received: &mut [Lanes],
    ) {
        let counts = modality_of(row.query.flags).is_some();
        let counted = (counts && pass.plan.parts.shape).then_some(pass.columns.counted.as_slice());
        let on_image = |query: &Place| pass.columns.on_image[query.image as usize].as_slice();
        let factors = row.distances.map(|first| [&run.distances[first..], on_image(row.query)]);
        let walked = walk(weights, Walk { counted, factors, next }, received);
        if counted.is_some() {
            self.add_shape(row, &walked.shape());
        }
        if factors.is_some() {
            let [moment, weight] = walked.dots();
            if weight > 0.0 {
                self.sums[sums::DISTANCE] += f64::from(moment / weight);
                self.sums[sums::DISTANCE_ROWS] += 1.0;
            }
        }
    }

    fn add_shape(&mut self, row: &Row<'_>, shape: &Shape) {
        let mut add_to = |slot: usize, value: f32| self.sums[slot] += f64::from(value);
        add_to(sums::LARGEST, shape.largest);
        if shape.total > 0.0 {
            let entropy = (shape.total.ln() - shape.weight_log_weight / shape.total).max(0.0);
            add_to(sums::ENTROPY, entropy);
            add_to(sums::ENTROPY_ROWS, 1.0);
            if row.query.visible > 1 {
                add_to(sums::RELATIVE, entropy / row.ln_visible);
                add_to(sums::RELATIVE_ROWS, 1.0);
                let root = row.root_visible;
                add_to(sums::HOYER, (root - shape.total / shape.squares.sqrt()) / (root - 1.0));
                add_to(sums::HOYER_ROWS, 1.0);
            }
        }
    }

    /// Adds what keys receive from the queries of one kind that see them.
    fn add_seen(&mut self, pass: &Pass<'_>, flags: u32, received: &[Lanes]) {
        let (columns, parts) = (&pass.columns, pass.plan.parts);
        let Some(modality) = modality_of(flags) else { return };
        let [text, image] = two_dots(received, [&columns.text, &columns.image]).map(f64::from);
        self.sums[sums::MASS + 2 * modality] += text;
        self.sums[sums::MASS + 2 * modality + 1] += image;
        if parts.region {
            let [inside, _] = two_dots(received, [&columns.overlap, &columns.image]);
            self.sums[sums::REGION] += f64::from(inside);
        }
        if parts.columns {
            self.columns.resize(received.len(), [0.0; LANES]);
            add(received.as_flattened(), self.columns.as_flattened_mut());
        }
    }

    /// Adds what they receive, seen or not; `false` if that is not finite: then a product with zero is not finite either.
    fn add_all(&mut self, pass: &Pass<'_>, flags: u32, received: &[Lanes]) -> bool {
        let columns = &pass.columns;
        let [on_text, on_patches] = two_dots(received, [&columns.vli_text, &columns.vli_patch]).map(f64::from);
        let first = match flags & (VLI_TEXT | VLI_PATCH) {
            VLI_TEXT => Some(sums::VLI),
            VLI_PATCH => Some(sums::VLI + 2),
            _ => None,
        };
        if let Some(first) = first.filter(|_| pass.plan.parts.vl_interpret) {
            self.sums[first] += on_text;
            self.sums[first + 1] += on_patches;
        }
        if flags & VLI_PATCH != 0 {
            self.sums[sums::VLI_WITHOUT_SELF] += on_patches;
        }
        (on_text + on_patches).is_finite()
    }
}
