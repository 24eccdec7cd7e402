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
mod head_statistics;
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

pub use first::{applies, first_choice, is_constant};
pub use head_statistics::{HeadStatistics, mean, strongest};
pub use lack::{why_left_out, why_none};
pub use metrics::{head_metrics, metric_names};
pub use need::Need;
pub use parts::{Options, Part, Parts};
pub use table::{Group, Statistic, TABLE, statistic};
pub use z_score::{Over, Rounding, z_score};

use std::sync::Arc;

use self::plan::Plan;
use self::sums::{ROWS_LEFT_OUT, Sums};

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
