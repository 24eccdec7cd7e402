//! What a trace holds of its own numbers, computed anew: log-sum-exp from its queries and keys, statistics from its weights.
//!
//! Whoever captured them had numbers that were not yet rounded to what is stored, so they agree within what that rounding can do. Norms
//! of values cannot be computed anew: the values are not there.

use super::attention::{ComputedLayer, cpu};
use super::statistics::plan::Plan;
use super::statistics::{self, Group, Options, statistic};
use super::{BlockLayout, LayerWeights};
use crate::trace::check::{Finding, Problem};
use crate::trace::{Block, Dtype, LayerTensors, Trace, TraceError};

/// How far a number may be from the one that is computed anew, for each unit of its size, at least for one.
fn tolerance(stored: Dtype) -> f64 {
    match stored {
        Dtype::F32 => 1e-4,
        Dtype::F16 => 1e-2,
        Dtype::Bf16 => 5e-2,
    }
}

/// Z-scores divide by a deviation that may be a hundredth of what it is of.
const Z_SCORE: f64 = 100.0;

/// The numbers of a tensor that are compared: how many differ, and which the most.
#[derive(Default)]
struct Compared {
    total: u64,
    count: u64,
    worst: Option<Difference>,
}

struct Difference {
    position: Vec<usize>,
    stored: f64,
    computed: f64,
    size: f64,
}

impl Compared {
    /// What is stored, and what is computed. NaN is NaN, and what is infinite is itself alone.
    fn add(&mut self, position: impl FnOnce() -> Vec<usize>, [stored, computed]: [f32; 2], tolerance: f64) {
        self.total += 1;
        if stored == computed || (stored.is_nan() && computed.is_nan()) {
            return;
        }
        let [stored, computed] = [stored, computed].map(f64::from);
        let apart = (stored - computed).abs();
        let size = if apart.is_nan() { f64::INFINITY } else { apart / computed.abs().max(1.0) };
        if size <= tolerance {
            return;
        }
        self.count += 1;
        if self.worst.as_ref().is_none_or(|worst| size > worst.size) {
            self.worst = Some(Difference { position: position(), stored, computed, size });
        }
    }

    fn finding(self, tensor: String, problem: Problem, place: impl FnOnce(&[usize]) -> String) -> Option<Finding> {
        let Self { total, count, worst } = self;
        let Difference { position, stored: value, computed, .. } = worst?;
        let place = place(&position);
        let message = format!(
            "{count} of {total} values of `{tensor}` are not what is computed anew: the farthest, {place}, is {value} and not {computed}"
        );
        Some(Finding { problem, tensor, position, value, count, total, message })
    }
}

/// Layers that have something to be computed anew.
pub fn layers(trace: &Trace) -> usize {
    let blocks = trace.document().attention.iter().enumerate();
    let of = |(block, described): (usize, &Block)| {
        let has_sums = (0..described.layers).filter(|&layer| stored_sums(trace, block, layer).is_some()).count();
        has_sums + if trace.statistics(block).is_some() { described.layers } else { 0 }
    };
    blocks.map(of).sum()
}

/// Compares log-sum-exp and the statistics of capture with what the trace gives; one finding for each tensor that differs. `on_layer`
/// hears of each layer that is done.
///
/// # Errors
/// If the file is no longer the one that was opened.
pub fn recompute(trace: &Trace, on_layer: &mut dyn FnMut()) -> Result<Vec<Finding>, TraceError> {
    let mut findings = Vec::new();
    for block in 0..trace.document().attention.len() {
        for layer in 0..trace.document().attention[block].layers {
            if let Some(computed) = stored_sums(trace, block, layer) {
                findings.extend(check_sums(trace, block, layer, &computed));
                trace.check_unchanged()?;
                on_layer();
            }
        }
        findings.extend(check_statistics(trace, block, on_layer)?);
    }
    Ok(findings)
}

/// A layer whose log-sum-exp is stored.
fn stored_sums(trace: &Trace, block: usize, layer: usize) -> Option<ComputedLayer<'_>> {
    match LayerWeights::of(trace, block, layer) {
        LayerWeights::Computed(computed) if computed.tensors.lse.is_some() => Some(*computed),
        _ => None,
    }
}

fn check_sums(trace: &Trace, block: usize, layer: usize, computed: &ComputedLayer<'_>) -> Option<Finding> {
    let described = &trace.document().attention[block];
    let number = described.layer_number(layer);
    let stored = computed.tensors.lse.as_ref()?;
    let mut compared = Compared::default();
    for head in 0..computed.shape()[0] {
        let sums = cpu::log_sum_exp(computed, head, &|| !trace.is_torn())?;
        for (query, (&sum, stored)) in sums.iter().zip(stored.entry(head).to_f32()).enumerate() {
            compared.add(|| vec![head, query], [stored, sum], tolerance(computed.tensors.query.dtype));
        }
    }
    let tensor = format!("lse.{}.{number}", described.name);
    let place = |at: &[usize]| format!("of layer {number}, head {}, row {}", at[0], at[1]);
    compared.finding(tensor, Problem::LogSumExp, place)
}

fn check_statistics(trace: &Trace, block: usize, on_layer: &mut dyn FnMut()) -> Result<Option<Finding>, TraceError> {
    let Some(stored) = trace.statistics(block) else { return Ok(None) };
    let described = &trace.document().attention[block];
    let layers = LayerWeights::of_block(trace, block);
    let dtype = match trace.layer(block, 0) {
        LayerTensors::Weights(view) => view.dtype,
        LayerTensors::QueriesKeys(tensors) => tensors.query.dtype,
    };
    let plan = Plan::new(&BlockLayout::of(trace, block), &Options::default());
    let pass = statistics::cpu::Pass::new(&plan, &layers);
    let mut sums = Vec::new();
    for layer in 0..layers.len() {
        sums.extend(pass.layer_sums(layer, &|| !trace.is_torn()));
        trace.check_unchanged()?;
        on_layer();
    }
    let computed = statistics::finish(&plan, &sums);
    let stored = stored.to_f32();
    let (names, heads) = (&described.statistics, trace.max_heads(block));
    let mut compared = Compared::default();
    for (place, name) in names.iter().enumerate() {
        // What others call their statistics is not ours to compute.
        let Some(found) = computed.iter().find(|found| found.name == *name) else { continue };
        let is_z_score = statistic(name).is_some_and(|of| of.group == Group::VlInterpret);
        let tolerance = tolerance(dtype) * if is_z_score { Z_SCORE } else { 1.0 };
        for (cell, &value) in found.values.iter().enumerate() {
            let Some(&stored) = stored.get(cell * names.len() + place) else { continue };
            compared.add(|| vec![cell / heads, cell % heads, place], [stored, value], tolerance);
        }
    }
    let tensor = format!("statistics.{}", described.name);
    let place = |at: &[usize]| format!("`{}` of layer {}, head {}", names[at[2]], described.layer_number(at[0]), at[1]);
    Ok(compared.finding(tensor, Problem::Statistic, place))
}
