//! One number per head, and what is read off it.

use std::borrow::Cow;
use std::sync::Arc;

use super::table::statistic;
use super::z_score::{Over, Rounding, z_score};

/// One statistic of every head of a block.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadStatistics {
    /// Its name in [`TABLE`](super::TABLE), or that of the trace's `head_metric.<i>`.
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

    /// The mean, if the values differ from it by rounding alone, as in a share that is 1 whatever the head does; `None` of less than two.
    pub fn flat(&self) -> Option<f32> {
        let [low, high] = self.range().filter(|_| self.values.iter().filter(|value| !value.is_nan()).count() > 1)?;
        let mean = mean(&self.values);
        let Rounding { absolute, relative } = statistic(&self.name).map_or(Rounding::STORED, |of| of.rounding);
        let error = absolute + relative * f64::from(mean).abs();
        // Each of the two ends may be off by as much, in sums over thousands of weights by twice that.
        (f64::from(high) - f64::from(low) <= 4.0 * error).then_some(mean)
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
