//! The gathering on the processor: a task is one head of one layer, or those that share their keys, or a row of the heads' matrix.

use std::ops::Range;

use rayon::prelude::*;

use super::{LayerHeads, Resolved};
use crate::analysis::{Combine, Direction, LayerWeights, Pick, RowBuffers};

/// Tokens of a task where their rows have to be computed. The sums of tasks are added in their order.
const TASK_TOKENS: usize = 512;
/// Rows of a task of [`head_matrix`] at least.
const TASK_ROWS: usize = 8;

/// What the rows, or columns, of some selected tokens add up to in one head.
struct HeadSums {
    /// A layer and a head of it.
    of: (usize, usize),
    /// `[others]`: the sums, or the maxima.
    sums: Vec<f32>,
    /// `[others]`: how many weights are in none, where any may be left out.
    left_out: Vec<u32>,
}

/// One weight per token of the other side; `layers` are all of the block, `[heads, queries, keys]` each. Of a maximum
/// over tokens, only of one head. `None` if `goes_on`, which is asked now and then, says no.
pub fn gather(layers: &[LayerWeights<'_>], part: &Resolved, goes_on: &(dyn Fn() -> bool + Sync)) -> Option<Vec<f32>> {
    Some(apart(layers, part, &|_, _| 0, goes_on)?.into_iter().next().unwrap_or_default())
}

/// The same of some heads apart: `number` says of a layer and a head which of the results it is in, counted from 0.
pub fn apart(
    layers: &[LayerWeights<'_>],
    part: &Resolved,
    number: &dyn Fn(usize, usize) -> usize,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Option<Vec<Vec<f32>>> {
    let others = others(layers, part);
    let mut counts: Vec<usize> = Vec::new();
    for (layer, head) in pairs(&part.heads) {
        let number = number(layer, head);
        counts.resize(counts.len().max(number + 1), 0);
        counts[number] += if part.combine == Combine::Mean { part.tokens.len() } else { 1 };
    }
    let means = |all: &[HeadSums]| -> Vec<Vec<f32>> {
        let mut lists: Vec<Vec<&HeadSums>> = counts.iter().map(|_| Vec::new()).collect();
        all.iter().for_each(|one| lists[number(one.of.0, one.of.1)].push(one));
        lists.into_iter().zip(&counts).map(|(list, &count)| mean_of_rest(&list, others, count)).collect()
    };
    let mut results = means(&sums(layers, part, false, goes_on)?);
    let is_broken: Vec<bool> = results.iter().map(|weights| weights.iter().any(|weight| weight.is_nan())).collect();
    if part.combine == Combine::Mean && is_broken.contains(&true) {
        let again = pairs(&part.heads).into_iter().filter(|&(layer, head)| is_broken[number(layer, head)]);
        let heads = again.map(|(layer, head)| (layer, head..head + 1)).collect();
        let finite = means(&sums(layers, &Resolved { heads, ..part.clone() }, true, goes_on)?);
        for ((weights, finite), _) in results.iter_mut().zip(finite).zip(is_broken).filter(|(_, is_broken)| *is_broken)
        {
            let sound = weights.iter_mut().zip(finite).filter(|(_, finite)| finite.is_finite());
            sound.for_each(|(weight, finite)| *weight = finite);
        }
    }
    Some(results)
}

/// Of each head in its order, once or several times, with or without what is not finite.
fn sums(
    layers: &[LayerWeights<'_>],
    part: &Resolved,
    leaves_out: bool,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Option<Vec<HeadSums>> {
    let others = others(layers, part);
    let is_maximum = part.combine == Combine::Max;
    let new = |layer: usize, head: usize| {
        let left_out = if leaves_out { vec![0; others] } else { Vec::new() };
        HeadSums { of: (layer, head), sums: vec![0.0; others], left_out }
    };
    let of_rows = |(layer, heads, tokens): &(usize, Range<usize>, &[usize])| {
        let mut found: Vec<HeadSums> = heads.clone().map(|head| new(*layer, head)).collect();
        let mut add = |head: usize, number: usize, row: &[f32]| {
            let HeadSums { sums, left_out, .. } = &mut found[head - heads.start];
            if leaves_out && !is_finite(row) {
                left_out.iter_mut().for_each(|count| *count += 1);
            } else {
                fold(sums, row, is_maximum && number > 0);
            }
        };
        layers[*layer].walk(heads.clone(), tokens, goes_on, &mut add)?;
        Some(found)
    };
    let of_columns = |&(layer, head): &(usize, usize)| {
        let mut found = new(layer, head);
        let mut add = |query: usize, weights: &[f32]| {
            for (number, weight) in weights.iter().enumerate() {
                if leaves_out && !weight.is_finite() {
                    found.left_out[query] += 1;
                } else {
                    fold(&mut found.sums[query..=query], std::slice::from_ref(weight), is_maximum && number > 0);
                }
            }
        };
        layers[layer].columns(head, &part.tokens, &mut RowBuffers::default(), goes_on, &mut add)?;
        Some(found)
    };
    match part.direction {
        Direction::AttendsTo => {
            let mut tasks = Vec::new();
            for (layer, heads) in &part.heads {
                let is_cut = layers[*layer].is_computed() && !is_maximum;
                let length = if is_cut { TASK_TOKENS } else { part.tokens.len().max(1) };
                for heads in layers[*layer].together(heads.clone()) {
                    tasks.extend(part.tokens.chunks(length).map(|tokens| (*layer, heads.clone(), tokens)));
                }
            }
            let found: Option<Vec<Vec<HeadSums>>> = tasks.par_iter().map(of_rows).collect();
            Some(found?.into_iter().flatten().collect())
        }
        Direction::AttendedBy => pairs(&part.heads).par_iter().map(of_columns).collect(),
    }
}

/// The matrix of heads and layers, `[queries, keys]`: the mean over all pairs of a layer and a head, or where `head` or
/// `layer` asks for it the maximum, over the heads of a layer first. Rows of heads that hold a weight that is NaN or infinite are
/// left out, unless there is no other. `goes_on` is asked before each query, or a few; `None` if it says no.
pub fn head_matrix(
    layers: &[LayerWeights<'_>],
    heads: &[LayerHeads],
    layer: Pick,
    head: Pick,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Option<Vec<f32>> {
    let [queries, keys] = sides(layers);
    let mut matrix = vec![0.0; queries * keys];
    let at_once = rows_at_once(layers, heads);
    let task_rows = at_once.max(TASK_ROWS);
    let fill = |buffers: &mut RowBuffers, (task, out): (usize, &mut [f32])| {
        for (number, out) in out.chunks_mut(at_once * keys).enumerate() {
            if !goes_on() {
                return None;
            }
            let first = task * task_rows + number * at_once;
            let queries: Vec<usize> = (first..first + out.len() / keys).collect();
            head_rows(layers, heads, layer, head, &queries, buffers, out);
        }
        Some(())
    };
    let tasks = matrix.par_chunks_mut((task_rows * keys).max(1)).enumerate();
    tasks.map_init(RowBuffers::default, fill).collect::<Option<()>>()?;
    Some(matrix)
}

/// How many rows of [`head_matrix`] are best made at once.
pub fn rows_at_once(layers: &[LayerWeights<'_>], heads: &[LayerHeads]) -> usize {
    let of_layer = |(index, heads): &LayerHeads| {
        let together = layers[*index].together(heads.clone()).map(|heads| heads.len()).max().unwrap_or(1);
        (layers[*index].rows_at_once() / together).max(1)
    };
    heads.iter().map(of_layer).min().unwrap_or(1)
}

/// Rows of [`head_matrix`], `[queries, keys]` of these queries.
pub fn head_rows(
    layers: &[LayerWeights<'_>],
    heads: &[LayerHeads],
    layer: Pick,
    head: Pick,
    queries: &[usize],
    buffers: &mut RowBuffers,
    out: &mut [f32],
) {
    if let [(index, run)] = heads
        && run.len() == 1
    {
        return layers[*index].read(run.clone(), queries, buffers, out);
    }
    let pairs: usize = heads.iter().map(|(_, heads)| heads.len()).sum();
    let mut rows = Vec::new();
    let mut of_layer = vec![0.0; out.len()];
    out.fill(0.0);
    for (number, (index, run)) in heads.iter().enumerate() {
        of_layer.fill(0.0);
        for together in layers[*index].together(run.clone()) {
            rows.resize(together.len() * out.len(), 0.0);
            layers[*index].read(together.clone(), queries, buffers, &mut rows);
            for (one, rows) in together.zip(rows.chunks(out.len().max(1))) {
                fold(&mut of_layer, rows, head == Pick::Max && one > run.start);
            }
        }
        let terms = match (layer, head) {
            (Pick::Max, Pick::Max) => 1,
            (Pick::Max, _) => run.len(),
            (_, Pick::Max) => heads.len(),
            _ => pairs,
        };
        of_layer.iter_mut().for_each(|weight| *weight /= terms as f32);
        fold(out, &of_layer, layer == Pick::Max && number > 0);
    }
    for (query, row) in queries.iter().zip(out.chunks_mut((out.len() / queries.len().max(1)).max(1))) {
        if !is_finite(row) {
            leave_out(layers, heads, [layer, head], *query, buffers, row);
        }
    }
}

/// Makes a row of [`head_rows`] of the heads whose rows are finite; where none is, it stays as it is.
fn leave_out(
    layers: &[LayerWeights<'_>],
    heads: &[LayerHeads],
    [layer, head]: [Pick; 2],
    query: usize,
    buffers: &mut RowBuffers,
    out: &mut [f32],
) {
    let (mut row, mut of_layer, mut total) = (vec![0.0; out.len()], vec![0.0; out.len()], vec![0.0; out.len()]);
    let (mut in_total, mut taken) = (0, 0);
    for (index, run) in heads {
        let mut in_layer = 0;
        for one in run.clone() {
            layers[*index].read(one..one + 1, &[query], buffers, &mut row);
            if is_finite(&row) {
                if in_layer == 0 {
                    of_layer.fill(0.0);
                }
                fold(&mut of_layer, &row, head == Pick::Max && in_layer > 0);
                in_layer += 1;
            }
        }
        if in_layer == 0 {
            continue;
        }
        if layer == Pick::Max && head != Pick::Max {
            of_layer.iter_mut().for_each(|weight| *weight /= in_layer as f32);
        }
        fold(&mut total, &of_layer, layer == Pick::Max && taken > 0);
        in_total += if head == Pick::Max { 1 } else { in_layer };
        taken += 1;
    }
    if taken > 0 {
        let terms = if layer == Pick::Max { 1 } else { in_total };
        out.iter_mut().zip(&total).for_each(|(out, total)| *out = total / terms as f32);
    }
}

fn is_finite(row: &[f32]) -> bool {
    row.iter().all(|weight| weight.is_finite())
}

fn sides(layers: &[LayerWeights<'_>]) -> [usize; 2] {
    layers.first().map_or([0; 2], |layer| [layer.shape()[1], layer.shape()[2]])
}

fn others(layers: &[LayerWeights<'_>], part: &Resolved) -> usize {
    let [queries, keys] = sides(layers);
    if part.direction == Direction::AttendsTo { keys } else { queries }
}

fn pairs(heads: &[LayerHeads]) -> Vec<(usize, usize)> {
    heads.iter().flat_map(|(layer, heads)| heads.clone().map(move |head| (*layer, head))).collect()
}

/// Adds, or takes the larger.
fn fold(into: &mut [f32], weights: &[f32], takes_larger: bool) {
    let both = into.iter_mut().zip(weights);
    if takes_larger {
        both.for_each(|(into, &weight)| *into = larger(*into, weight));
    } else {
        both.for_each(|(into, weight)| *into += weight);
    }
}

/// `f32::max` would lose what is not a number.
fn larger(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() { f32::NAN } else { a.max(b) }
}

/// [`super::mean`] of sums of heads, over `count` terms but those that were left out.
fn mean_of_rest(heads: &[&HeadSums], length: usize, count: usize) -> Vec<f32> {
    let mut total = vec![(0.0_f64, count); length];
    for HeadSums { sums, left_out, .. } in heads {
        total.iter_mut().zip(sums).for_each(|((total, _), &sum)| *total += f64::from(sum));
        total.iter_mut().zip(left_out).for_each(|((_, count), &left_out)| *count -= left_out as usize);
    }
    // An infinite weight is as broken as one that is no number.
    let mean = |(sum, count): (f64, usize)| if sum.is_finite() { (sum / count as f64) as f32 } else { f32::NAN };
    total.into_iter().map(mean).collect()
}
