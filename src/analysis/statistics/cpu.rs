//! The pass on the processor: tasks are runs of rows of one head; each decodes a row at a time and walks it, while it
//! is in the first cache, with loops that the compiler turns into vector code. Tasks are cut by size and added in
//! order, so the sums do not depend on the number of threads.

use rayon::prelude::*;

use super::plan::{COUNTED_IMAGE, COUNTED_TEXT, Place, Plan, VLI_PATCH, VLI_TEXT, modality_of};
use super::sums::{self, SLOTS, Sums};
use crate::trace::TensorView;

/// Independent sums in a loop, so that it need not wait for the addition before.
const LANES: usize = 8;
/// Weights that a task walks over: long enough to be worth a task, short enough for a balance between cores.
const TASK_WEIGHTS: usize = 1 << 17;

/// The sums of each head of a layer, `[heads, queries, keys]`.
pub fn layer_sums(plan: &Plan, layer: &TensorView<'_>) -> Vec<Sums> {
    let columns = Columns::new(&plan.keys);
    let [queries, keys] = [plan.queries.len(), plan.keys.len()];
    let rows_per_task = (TASK_WEIGHTS / keys.max(1)).max(1);
    let tasks_per_head = queries.div_ceil(rows_per_task);
    let heads = layer.shape[0];
    let tasks: Vec<Task> = (0..heads * tasks_per_head)
        .into_par_iter()
        .map(|task| {
            let first = task % tasks_per_head * rows_per_task;
            let rows = first..(first + rows_per_task).min(queries);
            Task::run(plan, &columns, layer, task / tasks_per_head, rows)
        })
        .collect();
    (0..heads).map(|head| merge(&tasks[head * tasks_per_head..(head + 1) * tasks_per_head], keys)).collect()
}

fn merge(tasks: &[Task], keys: usize) -> Sums {
    let mut total = [0.0; SLOTS];
    let mut columns = vec![0.0_f64; keys];
    for task in tasks {
        total.iter_mut().zip(&task.sums).for_each(|(total, sum)| *total += sum);
        columns.iter_mut().zip(&task.columns).for_each(|(total, &sum)| *total += f64::from(sum));
    }
    total[sums::STRONGEST] = columns.into_iter().fold(0.0, f64::max);
    total
}

/// The keys, one array a property, with 0 where a key does not count.
struct Columns {
    text: Vec<f32>,
    image: Vec<f32>,
    counted: Vec<f32>,
    overlap: Vec<f32>,
    /// Which image an image token that counts lies on; no image has the number `u32::MAX`.
    on_image: Vec<u32>,
    x: Vec<f32>,
    y: Vec<f32>,
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
        Self {
            text: with(COUNTED_TEXT),
            image: with(COUNTED_IMAGE),
            counted: with(COUNTED_TEXT | COUNTED_IMAGE),
            overlap: keys.iter().map(|key| key.overlap).collect(),
            on_image: keys
                .iter()
                .map(|key| if key.flags & COUNTED_IMAGE == 0 { u32::MAX } else { key.image })
                .collect(),
            x: keys.iter().map(|key| key.at[0]).collect(),
            y: keys.iter().map(|key| key.at[1]).collect(),
            vli_text: with(VLI_TEXT),
            vli_patch: with(VLI_PATCH),
            patch_column: patches,
        }
    }
}

/// What a run of rows adds.
struct Task {
    sums: Sums,
    columns: Vec<f32>,
}

impl Task {
    fn run(plan: &Plan, columns: &Columns, layer: &TensorView<'_>, head: usize, rows: std::ops::Range<usize>) -> Self {
        let [queries, keys] = [plan.queries.len(), plan.keys.len()];
        let mut task = Self { sums: [0.0; SLOTS], columns: vec![0.0; keys] };
        let mut row = vec![0.0; keys];
        for query in rows {
            layer.read((head * queries + query) * keys, &mut row);
            if row.iter().fold(false, |broken, weight| broken | !weight.is_finite()) {
                task.sums[sums::BROKEN] += 1.0;
                continue;
            }
            task.add_vl_interpret(&plan.queries[query], columns, &row);
            task.add_row(plan, columns, query, &row[..plan.seen(query)]);
        }
        task
    }

    fn add_vl_interpret(&mut self, query: &Place, columns: &Columns, row: &[f32]) {
        let first = match query.flags & (VLI_TEXT | VLI_PATCH) {
            VLI_TEXT => sums::VLI,
            VLI_PATCH => sums::VLI + 2,
            _ => return,
        };
        let on_patches = f64::from(dot(row, &columns.vli_patch));
        self.sums[first] += f64::from(dot(row, &columns.vli_text));
        self.sums[first + 1] += on_patches;
        if query.flags & VLI_PATCH != 0 {
            let patch = query.patch as usize;
            let near = patch.saturating_sub(1)..(patch + 2).min(columns.patch_column.len());
            let on_near: f64 = columns.patch_column[near].iter().map(|&column| f64::from(row[column])).sum();
            self.sums[sums::VLI_WITHOUT_SELF] += on_patches - on_near;
        }
    }

    /// Adds the part of a row that its query sees.
    fn add_row(&mut self, plan: &Plan, columns: &Columns, index: usize, row: &[f32]) {
        let query = &plan.queries[index];
        let Some(modality) = modality_of(query.flags) else { return };
        let (text, image) = (dot(row, &columns.text), dot(row, &columns.image));
        let shape = shape(row, &columns.counted);
        let total = text + image;
        let visible = query.visible as f32;
        let mut add = |slot: usize, value: f32| self.sums[slot] += f64::from(value);
        add(sums::MASS + 2 * modality, text);
        add(sums::MASS + 2 * modality + 1, image);
        add(sums::LARGEST, shape.largest);
        add(sums::REGION, dot(row, &columns.overlap));
        if total > 0.0 {
            let entropy = (total.ln() - shape.weight_log_weight / total).max(0.0);
            add(sums::ENTROPY, entropy);
            add(sums::ENTROPY_ROWS, 1.0);
            if visible > 1.0 {
                add(sums::RELATIVE, entropy / visible.ln());
                add(sums::RELATIVE_ROWS, 1.0);
                let root = visible.sqrt();
                add(sums::HOYER, (root - total / shape.squares.sqrt()) / (root - 1.0));
                add(sums::HOYER_ROWS, 1.0);
            }
        }
        if plan.same_sequence {
            add(sums::DIAGONAL, row[index]);
            if index > 0 && modality_of(plan.keys[index - 1].flags).is_some() {
                add(sums::PREVIOUS, row[index - 1]);
            }
        }
        if query.flags & COUNTED_IMAGE != 0 {
            let (moment, weight) = distance(row, query, columns);
            if weight > 0.0 {
                add(sums::DISTANCE, moment / weight);
                add(sums::DISTANCE_ROWS, 1.0);
            }
        }
        let weights = row.iter().zip(&columns.counted);
        self.columns.iter_mut().zip(weights).for_each(|(sum, (weight, counted))| *sum += weight * counted);
    }
}

/// What entropy, largest weight and sparsity are made of.
struct Shape {
    weight_log_weight: f32,
    squares: f32,
    largest: f32,
}

fn shape(row: &[f32], counted: &[f32]) -> Shape {
    let mut logs = [0.0_f32; LANES];
    let mut squares = [0.0_f32; LANES];
    let mut largest = [0.0_f32; LANES];
    let mut add = |lane: usize, weight: f32| {
        logs[lane] += weight * ln(weight);
        squares[lane] += weight * weight;
        largest[lane] = if weight > largest[lane] { weight } else { largest[lane] };
    };
    let (rows, row_rest) = row.as_chunks::<LANES>();
    let (counts, count_rest) = counted[..row.len()].as_chunks::<LANES>();
    for (weights, counted) in rows.iter().zip(counts) {
        for lane in 0..LANES {
            add(lane, weights[lane] * counted[lane]);
        }
    }
    row_rest.iter().zip(count_rest).for_each(|(weight, counted)| add(0, weight * counted));
    Shape {
        weight_log_weight: logs.iter().sum(),
        squares: squares.iter().sum(),
        largest: largest.into_iter().fold(0.0, f32::max),
    }
}

/// Weight times distance, and weight, over the keys on the query's image.
fn distance(row: &[f32], query: &Place, columns: &Columns) -> (f32, f32) {
    let mut moments = [0.0_f32; LANES];
    let mut weights = [0.0_f32; LANES];
    for (first, block) in row.chunks(LANES).enumerate() {
        let at = first * LANES..first * LANES + block.len();
        let (x, y, image) = (&columns.x[at.clone()], &columns.y[at.clone()], &columns.on_image[at]);
        for lane in 0..block.len() {
            let weight = if image[lane] == query.image { block[lane] } else { 0.0 };
            let (dx, dy) = (x[lane] - query.at[0], y[lane] - query.at[1]);
            moments[lane] += weight * (dx * dx + dy * dy).sqrt();
            weights[lane] += weight;
        }
    }
    (moments.iter().sum(), weights.iter().sum())
}

/// The sum of products; `y` may be longer.
fn dot(x: &[f32], y: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let (xs, x_rest) = x.as_chunks::<LANES>();
    let (ys, y_rest) = y[..x.len()].as_chunks::<LANES>();
    for (x, y) in xs.iter().zip(ys) {
        for lane in 0..LANES {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    lanes.iter().sum::<f32>() + x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum::<f32>()
}

/// The natural logarithm of a positive normal number to about 2 units in the last place; anything smaller counts as
/// the smallest such number. The polynomial is that of Cephes' `logf`. Unlike `f32::ln` it has no branch and no call,
/// so that a loop over it becomes vector code.
fn ln(x: f32) -> f32 {
    let bits = x.max(f32::MIN_POSITIVE).to_bits();
    // Split at √½, so that the mantissa lies in √½..√2.
    let shifted = bits.wrapping_add(0x3f80_0000 - 0x3f35_04f3);
    let exponent = ((shifted >> 23) as i32 - 127) as f32;
    let m = f32::from_bits((shifted & 0x007f_ffff) + 0x3f35_04f3) - 1.0;
    let mut p = 7.037_683_6e-2_f32;
    for coefficient in [
        -1.151_461e-1,
        1.167_699_9e-1,
        -1.242_014_1e-1,
        1.424_932_3e-1,
        -1.666_805_8e-1,
        2.000_071_5e-1,
        -2.499_999_4e-1,
        3.333_333e-1,
    ] {
        p = p * m + coefficient;
    }
    let square = m * m;
    let fraction = m * square * p - 2.121_944_4e-4 * exponent - 0.5 * square;
    m + fraction + 0.693_359_4 * exponent
}

#[cfg(test)]
mod tests {
    use super::ln;

    #[test]
    fn the_fast_logarithm_is_accurate() {
        for step in 0..200_000_u32 {
            let x = f32::from_bits(0x0080_0000 + step * 5_347);
            let exact = f64::from(x).ln();
            let error = (f64::from(ln(x)) - exact).abs();
            assert!(error <= 2e-7 * exact.abs().max(1.0), "ln({x}) is {} instead of {exact}", ln(x));
        }
        assert!(ln(0.0).is_finite());
    }
}
