//! One number a head over many examples.

use rayon::prelude::*;

use super::HeadValues;

/// Examples that are added up at a time; the parts are then added in their order, so that the sums do not depend on the
/// number of threads.
const CHUNK: usize = 4096;

/// What a statistic is over some examples, `[cells]` each; not a number where no example has a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aggregate {
    /// How many examples have a value.
    pub count: Vec<u32>,
    /// Σ x / n.
    pub mean: Vec<f32>,
    /// √(Σ (x − mean)² / (n − 1)), of a sample.
    pub deviation: Vec<f32>,
    /// The smallest.
    pub minimum: Vec<f32>,
    /// The largest.
    pub maximum: Vec<f32>,
}

#[derive(Clone, Copy)]
struct Sums {
    count: u32,
    sum: f64,
    squares: f64,
    low: f32,
    high: f32,
}

impl Sums {
    const NONE: Self = Self { count: 0, sum: 0.0, squares: 0.0, low: f32::INFINITY, high: f32::NEG_INFINITY };

    fn add(&mut self, value: f32) {
        if value.is_finite() {
            let exact = f64::from(value);
            self.count += 1;
            self.sum += exact;
            self.squares += exact * exact;
            self.low = self.low.min(value);
            self.high = self.high.max(value);
        }
    }

    fn join(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.squares += other.squares;
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
    }
}

/// The mean, deviation, minimum and maximum of each head over these examples. Squares are added in double precision, where
/// single-precision values lose nothing that the deviation would show.
pub fn aggregate(values: &HeadValues, rows: &[u32]) -> Aggregate {
    let chunks: Vec<Vec<Sums>> = rows
        .par_chunks(CHUNK)
        .map(|rows| {
            let mut sums = vec![Sums::NONE; values.cells];
            for &row in rows {
                sums.iter_mut().zip(values.row(row as usize)).for_each(|(sums, &value)| sums.add(value));
            }
            sums
        })
        .collect();
    let mut sums = vec![Sums::NONE; values.cells];
    for chunk in &chunks {
        sums.iter_mut().zip(chunk).for_each(|(sums, chunk)| sums.join(chunk));
    }
    let each = |number: fn(&Sums) -> f64| sums.iter().map(|sums| number(sums) as f32).collect();
    Aggregate {
        count: sums.iter().map(|sums| sums.count).collect(),
        mean: each(|sums| sums.sum / f64::from(sums.count)),
        deviation: each(|sums| match sums.count {
            0 | 1 => f64::NAN,
            count => {
                let spread = sums.squares - sums.sum * sums.sum / f64::from(count);
                (spread.max(0.0) / f64::from(count - 1)).sqrt()
            }
        }),
        minimum: each(|sums| if sums.count == 0 { f64::NAN } else { f64::from(sums.low) }),
        maximum: each(|sums| if sums.count == 0 { f64::NAN } else { f64::from(sums.high) }),
    }
}

/// The examples with the highest and those with the lowest values of a head, at most `count` each, the most extreme first,
/// as (row, value).
pub fn extremes(values: &HeadValues, rows: &[u32], cell: usize, count: usize) -> [Vec<(u32, f32)>; 2] {
    let value = |row: u32| values.row(row as usize).get(cell).copied().filter(|value| value.is_finite());
    let mut found: Vec<(u32, f32)> = rows.iter().filter_map(|&row| Some((row, value(row)?))).collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    let highest = found.iter().take(count).copied().collect();
    found.sort_by(|a, b| a.1.total_cmp(&b.1));
    found.truncate(count);
    [highest, found]
}
