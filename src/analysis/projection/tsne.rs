//! t-SNE with the exact gradient (van der Maaten & Hinton 2008, JMLR 9: equations 1, 2, 4, 5).
//!
//! Neighbour probabilities `p(j|i) ∝ exp(−β_i |x_i − x_j|²)`, where `β_i` gives the perplexity that was asked for;
//! `p_ij = (p(j|i) + p(i|j)) / 2n`. In the plane `q_ij ∝ 1 / (1 + |y_i − y_j|²)`. Gradient descent on `KL(P ‖ Q)`
//! with momentum and gains; it begins with the principal components (Kobak & Berens 2019), `p` twelvefold for the first
//! quarter (early exaggeration), and ends early once nothing moves.
//!
//! One pass over all pairs gives both forces and the sum that normalizes `q`: eight pairs at a time in f32, rows on all
//! cores where that pays. Sums are kept by row and added in order, so that a seed gives the same picture on any
//! number of cores.
//!
//! Rejected: the crate `bhtsne`, whose exact variant adds floats in whatever order threads finish (no seed repeats
//! a picture), cannot be stopped, and panics where the perplexity is too large; Barnes–Hut and interpolation, which
//! approximate what is exact and fast enough at the few thousand tokens that traces have.
//!
//! Measured on two cores, 185 rows of 768 in 8 groups, perplexity 30, KL over all pairs (docs/hidden-states.md): this
//! file 0.21 s and 0.084 to 0.086 nats; scikit-learn 1.9 (exact) 1.5 s and 0.083 to 0.087; openTSNE 1.0 0.54 s and
//! 0.085 to 0.086; bhtsne 0.7 (exact) 0.27 s and 0.115.

use ndarray::Array2;
use rayon::prelude::*;

use super::distances::squared_distances;
use super::pca::Components;
use super::progress::{Progress, Stopped};
use crate::analysis::random::Random;

/// How often `y` moves at most.
const STEPS: usize = 1000;
const EXAGGERATED_STEPS: usize = 250;
const EXAGGERATION: f32 = 12.0;
/// Pairs that are handled at a time.
const LANES: usize = 8;
/// Below this many rows threads cost more than they bring.
const PARALLEL_ROWS: usize = 384;
/// Where padding lies: so far away that its forces vanish.
const NOWHERE: f32 = 1e15;

/// The places of `[rows, dim]` in the plane, and their `KL(P ‖ Q)` in nats. Rows are at least 4 and finite; the perplexity is at
/// most a third of the other rows' number.
///
/// # Errors
/// If `progress` says to stop.
pub(super) fn tsne(
    rows: &Array2<f32>,
    perplexity: f32,
    seed: u64,
    progress: Progress<'_>,
) -> Result<(Vec<[f32; 2]>, f32), Stopped> {
    let count = rows.nrows();
    let stride = count.next_multiple_of(LANES);
    let p = joint(&squared_distances(rows), count, stride, perplexity);
    let mut plane = Plane::begin(rows, stride, seed);
    // Belkina et al. 2019: n over the exaggeration; not below 50, as scikit-learn has it.
    let rate = (count as f32 / EXAGGERATION / 4.0).max(50.0);
    let mut largest_before = f32::INFINITY;
    for step in 0..STEPS {
        let exaggerates = step < EXAGGERATED_STEPS;
        let (exaggeration, momentum) = if exaggerates { (EXAGGERATION, 0.5) } else { (1.0, 0.8) };
        let forces = plane.forces(&p, stride);
        let largest = plane.step(&forces, exaggeration, momentum, rate);
        if step % 10 == 0 {
            if !progress(step as f32 / STEPS as f32) {
                return Err(Stopped);
            }
            // Nothing moves by a thousandth of the picture's typical distance any more.
            if step > EXAGGERATED_STEPS + 100 && largest.max(largest_before) < 1e-4 {
                break;
            }
            largest_before = largest;
        }
    }
    let divergence = plane.divergence(&p, stride);
    Ok((plane.points(), divergence))
}

/// `p_ij`, `[rows, stride]`, 0 on the diagonal and in the padding.
fn joint(squared: &[f32], count: usize, stride: usize, perplexity: f32) -> Vec<f32> {
    let mut conditional = vec![0.0_f32; count * stride];
    conditional.par_chunks_mut(stride).zip(squared.par_chunks(count)).enumerate().for_each(|(row, (out, squared))| {
        neighbour_probabilities(squared, row, perplexity, &mut out[..count]);
    });
    let mut joint = vec![0.0; count * stride];
    for i in 0..count {
        for j in 0..count {
            joint[i * stride + j] = (conditional[i * stride + j] + conditional[j * stride + i]) / (2 * count) as f32;
        }
    }
    joint
}

/// `p(j|i)` for one row, with `β` by bisection so that the entropy is the logarithm of the perplexity.
fn neighbour_probabilities(squared: &[f32], row: usize, perplexity: f32, out: &mut [f32]) {
    let others = || squared.iter().enumerate().filter(|(column, _)| *column != row).map(|(_, distance)| *distance);
    let nearest = others().fold(f32::INFINITY, f32::min);
    let mean = others().map(|distance| f64::from(distance - nearest)).sum::<f64>() / (squared.len() - 1) as f64;
    let wanted = f64::from(perplexity).ln();
    let (mut low, mut high) = (0.0_f64, f64::INFINITY);
    let mut beta = if mean > 0.0 { 1.0 / mean } else { 1.0 };
    for _ in 0..60 {
        let (mut sum, mut moment) = (0.0, 0.0);
        for distance in others() {
            let distance = f64::from(distance - nearest);
            let weight = (-beta * distance).exp();
            sum += weight;
            moment += weight * distance;
        }
        let entropy = f64::ln(sum) + beta * moment / sum;
        if (entropy - wanted).abs() < 1e-6 {
            break;
        }
        if entropy > wanted {
            low = beta;
            beta = if high.is_finite() { f64::midpoint(low, high) } else { beta * 2.0 };
        } else {
            high = beta;
            beta = f64::midpoint(low, high);
        }
    }
    let mut sum = 0.0;
    for (column, (value, distance)) in out.iter_mut().zip(squared).enumerate() {
        *value = if column == row { 0.0 } else { (-beta * f64::from(distance - nearest)).exp() as f32 };
        sum += *value;
    }
    out.iter_mut().for_each(|value| *value /= sum);
}

/// The rows in the plane, and how they move. Coordinates apart, padded to whole lanes.
struct Plane {
    count: usize,
    at: [Vec<f32>; 2],
    velocity: [Vec<f32>; 2],
    gain: [Vec<f32>; 2],
}

/// What acts on one row before normalization.
#[derive(Clone, Copy, Default)]
struct Force {
    attraction: [f32; 2],
    repulsion: [f32; 2],
    sum: f32,
}

impl Plane {
    fn begin(rows: &Array2<f32>, stride: usize, seed: u64) -> Self {
        let components = Components::of(rows);
        let points = components.project(rows);
        let spread = points.iter().map(|point| point[0].abs()).fold(0.0, f32::max);
        let scale = if spread > 0.0 { 3e-4 / spread } else { 0.0 };
        let mut random = Random::new(seed);
        let mut coordinate = |axis: usize| {
            // A little noise, so that equal rows can part.
            let mut at: Vec<f32> = points.iter().map(|point| point[axis] * scale + random.normal() * 1e-6).collect();
            at.resize(stride, NOWHERE);
            at
        };
        let at = [coordinate(0), coordinate(1)];
        let still = || [vec![0.0; stride], vec![0.0; stride]];
        Self { count: rows.nrows(), at, velocity: still(), gain: [vec![1.0; stride], vec![1.0; stride]] }
    }

    fn forces(&self, p: &[f32], stride: usize) -> Vec<Force> {
        let force = |row: usize| self.force(row, &p[row * stride..(row + 1) * stride]);
        if self.count < PARALLEL_ROWS {
            (0..self.count).map(force).collect()
        } else {
            (0..self.count).into_par_iter().with_min_len(32).map(force).collect()
        }
    }

    fn force(&self, row: usize, p: &[f32]) -> Force {
        let (x, y) = (self.at[0][row], self.at[1][row]);
        let mut sums = [[0.0_f32; LANES]; 5];
        let places = self.at[0].as_chunks::<LANES>().0.iter().zip(self.at[1].as_chunks::<LANES>().0);
        for ((xs, ys), p) in places.zip(p.as_chunks::<LANES>().0) {
            for lane in 0..LANES {
                let (dx, dy) = (x - xs[lane], y - ys[lane]);
                let kernel = 1.0 / (1.0 + dx * dx + dy * dy);
                let (pull, push) = (p[lane] * kernel, kernel * kernel);
                sums[0][lane] += pull * dx;
                sums[1][lane] += pull * dy;
                sums[2][lane] += push * dx;
                sums[3][lane] += push * dy;
                sums[4][lane] += kernel;
            }
        }
        let [ax, ay, rx, ry, sum] = sums.map(|lanes| lanes.iter().sum::<f32>());
        // The row itself is at distance 0.
        Force { attraction: [ax, ay], repulsion: [rx, ry], sum: sum - 1.0 }
    }

    /// Moves all rows; the longest way that one went along an axis, as a share of the picture's width.
    fn step(&mut self, forces: &[Force], exaggeration: f32, momentum: f32, rate: f32) -> f32 {
        let normalizer = forces.iter().map(|force| f64::from(force.sum)).sum::<f64>().max(f64::MIN_POSITIVE);
        let share = (1.0 / normalizer) as f32;
        let (mut longest, mut width) = (0.0_f32, f32::MIN_POSITIVE);
        for axis in 0..2 {
            let mut middle = 0.0;
            for (row, force) in forces.iter().enumerate() {
                let gradient = 4.0 * (exaggeration * force.attraction[axis] - force.repulsion[axis] * share);
                let (velocity, gain) = (&mut self.velocity[axis][row], &mut self.gain[axis][row]);
                let turns = (gradient > 0.0) == (*velocity > 0.0);
                *gain = if turns { (*gain * 0.8).max(0.01) } else { *gain + 0.2 };
                *velocity = momentum * *velocity - rate * *gain * gradient;
                self.at[axis][row] += *velocity;
                middle += self.at[axis][row];
                longest = longest.max(velocity.abs());
            }
            middle /= self.count as f32;
            for at in &mut self.at[axis][..self.count] {
                *at -= middle;
                width = width.max(at.abs());
            }
        }
        longest / width
    }

    fn divergence(&self, p: &[f32], stride: usize) -> f32 {
        let normalizer: f64 = self.forces(p, stride).iter().map(|force| f64::from(force.sum)).sum();
        let mut divergence = 0.0;
        for i in 0..self.count {
            for j in 0..self.count {
                let p = f64::from(p[i * stride + j]);
                if p > 0.0 {
                    let d = [0, 1].map(|axis| f64::from(self.at[axis][i] - self.at[axis][j]));
                    let q = 1.0 / (1.0 + d[0] * d[0] + d[1] * d[1]) / normalizer;
                    divergence += p * (p / q).ln();
                }
            }
        }
        divergence as f32
    }

    fn points(&self) -> Vec<[f32; 2]> {
        (0..self.count).map(|row| [self.at[0][row], self.at[1][row]]).collect()
    }
}
