//! One number per head, for every statistic of [`TABLE`], in one pass over the weights.
//!
//! Both backends walk the rows of a head once and leave sums ([`sums::Sums`]) of which the formulas of [`TABLE`] make the
//! statistics, so a formula that divides, or that z-scores over layers, exists once. What depends on tokens alone
//! (modalities, overlaps, in which means a row is) is in the [`plan::Plan`].
//!
//! A row of which a weight is NaN or infinite is left out of everything and counted: one token that overflowed takes no
//! head's statistics.
//! Rejected: one kernel per statistic (20 walks over gigabytes), and atomics for the column sums (WGSL has none for
//! floats, and the order of addition would change from run to run).

pub mod cpu;
mod first;
pub mod gpu;
mod lack;
mod metrics;
mod need;
mod parts;
pub mod plan;
mod regions;
pub mod sums;
mod table;
pub mod vl_interpret;
mod z_score;

pub use first::{applies, first_choice};
pub use lack::{why_left_out, why_none};
pub use metrics::{head_metrics, metric_names};
pub use need::Need;
pub use parts::{Part, Parts};
pub use table::{Group, Statistic, TABLE, statistic};
pub use z_score::{Over, Rounding, z_score};

use std::borrow::Cow;
use std::sync::Arc;

use self::plan::Plan;
use self::sums::{ROWS_LEFT_OUT, Sums};

/// What the user may choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Options {
    /// Whether rows and columns of special tokens count in vlscope's own statistics. They are left out by default,
    /// and the weights that remain are not scaled up for it: a mass stays a share of the whole row.
    pub specials: bool,
    /// What is computed; other statistics have no value.
    pub parts: Parts,
}

/// One statistic of every head of a block.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadStatistics {
    /// Its name in [`TABLE`], or that of the trace's `head_metric.<i>`.
    pub name: Cow<'static, str>,
    /// Number of layers.
    pub layers: usize,
    /// The largest number of heads in a layer.
    pub heads: usize,
    /// `[layers, heads]`; NaN where there is no value or no such head.
    pub values: Vec<f32>,
    /// `[layers]`: the mean over the heads that have a value.
    pub layer_mean: Vec<f32>,
    /// `[layers, heads]`: how many rows are in no statistic, since a weight of them is NaN or infinite. Empty where nobody
    /// counted.
    pub rows_left_out: Arc<[u32]>,
}

impl HeadStatistics {
    /// From `[layers, heads]`.
    pub fn new(name: impl Into<Cow<'static, str>>, layers: usize, heads: usize, values: Vec<f32>) -> Self {
        let layer_mean = (0..layers).map(|layer| mean(&values[layer * heads..(layer + 1) * heads])).collect();
        Self { name: name.into(), layers, heads, values, layer_mean, rows_left_out: Arc::default() }
    }

    /// The same relative to its group, in standard deviations ([`z_score()`]).
    pub fn z_scored(&self, over: Over) -> Self {
        let mut values: Vec<f64> = self.values.iter().copied().map(f64::from).collect();
        let rounding = statistic(&self.name).map_or(Rounding::STORED, |statistic| statistic.rounding);
        z_score(&mut values, self.heads, over, rounding);
        let values = values.into_iter().map(|value| value as f32).collect();
        let rows_left_out = Arc::clone(&self.rows_left_out);
        Self { rows_left_out, ..Self::new(self.name.clone(), self.layers, self.heads, values) }
    }

    /// How many rows of a head are in no statistic, if they were counted.
    pub fn rows_left_out(&self, layer: usize, head: usize) -> Option<u32> {
        self.rows_left_out.get(layer * self.heads + head).copied()
    }

    /// `[heads]`: the mean over the layers that have a value.
    pub fn head_mean(&self) -> Vec<f32> {
        let of_head = |head| self.values.iter().skip(head).step_by(self.heads.max(1)).copied().collect::<Vec<_>>();
        (0..self.heads).map(|head| mean(&of_head(head))).collect()
    }

    /// Layer, head and value of the `count` highest, the highest first; of equal ones the earlier first.
    pub fn strongest(&self, count: usize) -> Vec<(usize, usize, f32)> {
        strongest(&self.values, self.heads, count)
    }

    /// The value of one head.
    pub fn value(&self, layer: usize, head: usize) -> f32 {
        self.values[layer * self.heads + head]
    }

    /// The smallest and the largest value, or `None` if no head has one.
    pub fn range(&self) -> Option<[f32; 2]> {
        let present = self.values.iter().filter(|value| !value.is_nan());
        present.fold(None, |range, &value| {
            Some(range.map_or([value; 2], |[low, high]: [f32; 2]| [low.min(value), high.max(value)]))
        })
    }
}

/// Turns each layer's sums, one entry a head, into all statistics of [`TABLE`], in its order.
pub fn finish(plan: &Plan, layers: &[Vec<Sums>]) -> Vec<HeadStatistics> {
    let heads = layers.iter().map(Vec::len).max().unwrap_or(0);
    let mut values = vec![vec![f64::NAN; layers.len() * heads]; TABLE.len()];
    let mut rows_left_out = vec![0; layers.len() * heads];
    for (layer, of_layer) in layers.iter().enumerate() {
        for (head, sums) in of_layer.iter().enumerate() {
            let at = layer * heads + head;
            rows_left_out[at] = sums[ROWS_LEFT_OUT] as u32;
            let given = values.iter_mut().zip(&TABLE).filter(|(_, statistic)| plan.gives(statistic.part));
            given.for_each(|(values, statistic)| values[at] = (statistic.value)(&plan.head(sums)));
        }
    }
    vl_interpret::standardize(&mut values, heads);
    let rows_left_out: Arc<[u32]> = rows_left_out.into();
    let as_statistics = |(statistic, values): (&Statistic, Vec<f64>)| {
        let values = values.into_iter().map(|value| value as f32).collect();
        let rows_left_out = Arc::clone(&rows_left_out);
        HeadStatistics { rows_left_out, ..HeadStatistics::new(statistic.name, layers.len(), heads, values) }
    };
    TABLE.iter().zip(values).map(as_statistics).collect()
}

/// Layer, head and value of the `count` highest of `[layers, heads]`, the highest first; of equal ones the earlier first.
pub fn strongest(values: &[f32], heads: usize, count: usize) -> Vec<(usize, usize, f32)> {
    let present = values.iter().copied().enumerate().filter(|(_, value)| !value.is_nan());
    let mut ranked: Vec<(usize, f32)> = present.collect();
    ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    ranked.into_iter().take(count).map(|(at, value)| (at / heads.max(1), at % heads.max(1), value)).collect()
}

/// The mean of the values that are not NaN; NaN if there is none.
pub fn mean(values: &[f32]) -> f32 {
    let present = values.iter().copied().filter(|value| !value.is_nan()).map(f64::from);
    let (sum, count) = present.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (sum / count) as f32
}
