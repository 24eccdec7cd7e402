//! Whether a statistic differs between two groups of examples, head by head.
//!
//! The effect is Cohen's d: the difference of the means in units of the pooled deviation (Cohen 1988, chapter 2). Whether it
//! could be chance is asked of permutations: the examples are dealt to the two groups at random, of every head Student's |t|
//! is taken, and of all heads together the largest. The p-value of a head is the share of the permutations whose largest |t|
//! reaches its own, (1 + count) / (1 + permutations): the single-step max-T method of Westfall and Young (1993, section 2.3),
//! which holds the chance of any false mark among all heads at 5 % and, unlike Bonferroni's correction, does not pay for heads
//! that say the same. |t| rather than the difference, since else the heads that vary most would hide the others.
//!
//! A permutation costs one pass over the smaller group: the sums of the other are the rest. Each has random numbers of its
//! own, so that the result depends neither on the number of threads nor on their order. Rejected: tables of Student's t, which
//! trust in normal values that shares are not; the step-down method, which is a little stronger and needs a sorted pass a head.

use rayon::prelude::*;

use super::{Aggregate, HeadValues, aggregate};
use crate::analysis::random::Random;

/// What lies closer to the observed |t| than this share of it is equal to it: sums of the same numbers in another order.
const ROUNDING: f64 = 1e-9;

/// Two groups compared, `[cells]` each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Difference {
    /// Group A.
    pub a: Aggregate,
    /// Group B.
    pub b: Aggregate,
    /// The mean of A minus that of B.
    pub difference: Vec<f32>,
    /// Cohen's d; not a number where neither group varies, be their means the same or apart without end.
    pub effect: Vec<f32>,
    /// Corrected for the number of heads; not a number where all values are the same, or without permutations.
    pub p: Vec<f32>,
    /// How many there were.
    pub permutations: u32,
}

/// All of both groups, of one head.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    count: f64,
    sum: f64,
    /// Σ (x − mean)².
    spread: f64,
}

/// A group, of one head.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    count: f64,
    sum: f64,
}

/// Compares two groups that share no example. `goes_on` is told after each permutation; once it says no, the answer is
/// `None`. Without permutations there are no p-values.
pub fn difference(
    values: &HeadValues,
    [a, b]: [&[u32]; 2],
    permutations: u32,
    seed: u64,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Option<Difference> {
    let (of_a, of_b) = (aggregate(values, a), aggregate(values, b));
    let means = of_a.mean.iter().zip(&of_b.mean);
    let difference = means.map(|(a, b)| a - b).collect();
    let mut all: Vec<u32> = a.iter().chain(b).copied().collect();
    all.sort_unstable();
    let totals = totals(values, &all);
    let observed = parts(values, a.iter());
    let pooled = |cell: usize| deviation(&totals[cell], &observed[cell]);
    let effect = (0..values.cells)
        .map(|cell| (f64::from(of_a.mean[cell]) - f64::from(of_b.mean[cell])) / pooled(cell))
        .map(|d| if d.is_finite() { d as f32 } else { f32::NAN })
        .collect();
    let size = a.len().min(b.len());
    let largest = |number: u32| {
        let mut random = Random::new(seed ^ u64::from(number).wrapping_mul(0xD1B5_4A32_D192_ED03));
        let dealt = deal(&mut random, &all, size);
        let largest = student(&totals, &parts(values, dealt)).fold(0.0, f64::max);
        goes_on().then_some(largest)
    };
    let largest: Vec<f64> = (0..permutations).into_par_iter().map(largest).collect::<Option<_>>()?;
    let p = student(&totals, &observed).map(|t| {
        let count = largest.iter().filter(|&&other| other >= t - t * ROUNDING).count();
        let is_known = !t.is_nan() && permutations > 0;
        if is_known { (1.0 + count as f64) as f32 / (1.0 + permutations as f32) } else { f32::NAN }
    });
    let p = p.collect();
    Some(Difference { a: of_a, b: of_b, difference, effect, p, permutations })
}

/// `size` of the rows, every choice equally likely, in their order (Knuth, volume 2, algorithm 3.4.2 S): so the values are
/// read in the order in which they lie.
fn deal<'a>(random: &'a mut Random, rows: &'a [u32], size: usize) -> impl Iterator<Item = &'a u32> {
    let (mut left, mut wanted) = (rows.len() as u64, size as u64);
    rows.iter().filter(move |_| {
        let below = ((u128::from(random.bits()) * u128::from(left)) >> 64) as u64;
        left -= 1;
        let is_chosen = below < wanted;
        wanted -= u64::from(is_chosen);
        is_chosen
    })
}

fn totals(values: &HeadValues, rows: &[u32]) -> Vec<Total> {
    let parts = parts(values, rows.iter());
    let mut totals: Vec<Total> =
        parts.iter().map(|part| Total { count: part.count, sum: part.sum, spread: 0.0 }).collect();
    for &row in rows {
        for (total, &value) in totals.iter_mut().zip(values.row(row as usize)) {
            if value.is_finite() {
                total.spread += (f64::from(value) - total.sum / total.count).powi(2);
            }
        }
    }
    totals
}

fn parts<'a>(values: &HeadValues, rows: impl Iterator<Item = &'a u32>) -> Vec<Part> {
    let mut parts = vec![Part::default(); values.cells];
    for &row in rows {
        for (part, &value) in parts.iter_mut().zip(values.row(row as usize)) {
            // No branch: this loop is what a permutation costs.
            let is_there = value.is_finite();
            part.count += f64::from(u8::from(is_there));
            part.sum += f64::from(if is_there { value } else { 0.0 });
        }
    }
    parts
}

/// Of both groups together, each around its own mean: √(Σ (x − mean of its group)² / (n − 2)).
fn deviation(total: &Total, part: &Part) -> f64 {
    let rest = Part { count: total.count - part.count, sum: total.sum - part.sum };
    if part.count < 1.0 || rest.count < 1.0 || total.count < 3.0 {
        return f64::NAN;
    }
    let mean = total.sum / total.count;
    let between = |part: &Part| part.count * (part.sum / part.count - mean).powi(2);
    let within = (total.spread - between(part) - between(&rest)).max(0.0);
    (within / (total.count - 2.0)).sqrt()
}

/// |t| of each head for a group against the rest; not a number where a group is empty, or nothing varies at all.
fn student<'a>(totals: &'a [Total], parts: &'a [Part]) -> impl Iterator<Item = f64> + 'a {
    totals.iter().zip(parts).map(|(total, part)| {
        let rest = Part { count: total.count - part.count, sum: total.sum - part.sum };
        let apart = (part.sum / part.count - rest.sum / rest.count).abs();
        // Groups of one value each are apart without end; the floor lets them compare with each other.
        let floor = (total.spread / total.count).sqrt() * ROUNDING;
        let t = apart / (deviation(total, part).max(floor) * (1.0 / part.count + 1.0 / rest.count).sqrt());
        if total.spread > 0.0 && deviation(total, part).is_finite() { t } else { f64::NAN }
    })
}
