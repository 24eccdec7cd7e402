//! What is measured: how long something takes, several times over, in a table by part and name.

use std::time::Instant;

use anyhow::Result;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::cli::table::{print_json, print_rows};
use crate::cli::terminal;

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

/// What is said of the machine and the data, and every measurement.
#[derive(Debug, Default)]
pub struct Measurements {
    /// As JSON has them, and as lines above the table.
    pub facts: Vec<(&'static str, Value)>,
    rows: Vec<(&'static str, String, Timing)>,
}

impl Measurements {
    /// Times up to `n` runs of one thing, each of which is given its number. `part` is a key of the report.
    ///
    /// # Errors
    /// That of the first run that fails.
    pub fn time<T>(
        &mut self,
        part: &'static str,
        name: &str,
        n: usize,
        run: impl FnMut(usize) -> Result<T>,
    ) -> Result<Timing> {
        let timing = measure(n, run)?;
        self.rows.push((part, name.to_owned(), timing));
        Ok(timing)
    }

    /// Adds one of `name`'s times, which something else measured.
    pub fn put(&mut self, part: &'static str, name: &str, times_ms: Vec<f64>) {
        self.rows.push((part, name.to_owned(), Timing::of(times_ms)));
    }

    /// Prints facts and measurements.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn print(&self, as_json: bool) -> Result<()> {
        if as_json {
            let mut report: Map<String, Value> =
                self.facts.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
            for (part, name, timing) in &self.rows {
                report.entry(*part).or_insert_with(|| json!({}))[name.as_str()] = json!(timing);
            }
            return print_json(&report);
        }
        for (key, value) in &self.facts {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            terminal::print(format_args!("{}: {text}", key.replace('_', " ")))?;
        }
        let rows: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|(part, name, timing)| {
                let times = [timing.median, timing.min, timing.max].map(|time_ms| format!("{time_ms:.2}"));
                let part = part.trim_end_matches("_ms").replace('_', " ");
                [part, name.clone()].into_iter().chain(times).chain([timing.n.to_string()]).collect()
            })
            .collect();
        print_rows(false, &["", "of", "median ms", "min", "max", "n"], &rows)
    }
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
pub fn measure<T>(n: usize, mut run: impl FnMut(usize) -> Result<T>) -> Result<Timing> {
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
