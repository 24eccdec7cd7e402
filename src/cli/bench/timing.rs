//! How long something takes, several times over.

use std::time::Instant;

use anyhow::Result;
use serde::Serialize;

/// Runs whose time is not counted: they fill caches and compile pipelines.
const WARM_UP_RUNS: usize = 2;
/// After so long no further run begins, warm-up runs and all; one is always counted.
const MOST_SECONDS: f64 = 4.0;

/// Times of equal runs, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Timing {
    /// Half of the runs took longer.
    pub median: f64,
    /// The fastest run.
    pub min: f64,
    /// The slowest run.
    pub max: f64,
    /// Number of runs.
    pub n: usize,
}

impl Timing {
    /// Of times in milliseconds; all 0 if there are none.
    pub fn of(mut times_ms: Vec<f64>) -> Self {
        times_ms.sort_by(f64::total_cmp);
        let at = |place: usize| times_ms.get(place).copied().unwrap_or_default();
        let n = times_ms.len();
        Self { median: (at(n.saturating_sub(1) / 2) + at(n / 2)) / 2.0, min: at(0), max: at(n.saturating_sub(1)), n }
    }
}

/// Times up to `n` runs, each of which is given its number.
///
/// # Errors
/// That of the first run that fails.
pub fn measure(n: usize, mut run: impl FnMut(usize) -> Result<()>) -> Result<Timing> {
    let first = Instant::now();
    let is_late = || first.elapsed().as_secs_f64() > MOST_SECONDS;
    let mut times_ms = Vec::with_capacity(n);
    for number in 0..WARM_UP_RUNS + n {
        let is_counted = number >= WARM_UP_RUNS || (number > 0 && is_late());
        let begin = Instant::now();
        run(number)?;
        if is_counted {
            times_ms.push(milliseconds_since(begin));
            if is_late() {
                break;
            }
        }
    }
    Ok(Timing::of(times_ms))
}

/// The time that has passed, in milliseconds.
pub fn milliseconds_since(begin: Instant) -> f64 {
    begin.elapsed().as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_in_the_middle() {
        let timing = Timing::of(vec![4.0, 1.0, 2.0, 9.0]);
        assert_eq!((timing.median, timing.min, timing.max, timing.n), (3.0, 1.0, 9.0, 4));
        assert_eq!(Timing::of(vec![5.0]).median, 5.0);
        assert_eq!(Timing::of(Vec::new()).n, 0);
    }
}
