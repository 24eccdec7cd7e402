//! UMAP (McInnes, Healy & Melville 2018; arXiv 1802.03426), seeded.
//!
//! The weight of an edge from a row to one of its `k` nearest is `exp(−max(0, d − ρ) / σ)`, with `ρ` the distance of the
//! nearest and `σ` such that the weights add up to `log2 k` (algorithm 3); both directions join as `a + b − ab`. The places begin
//! with the principal components and move along sampled edges: attraction by edge, repulsion from five random rows
//! each (algorithm 5). `a` and `b` fit the curve `1 / (1 + a d^2b)` to a least distance of 0.1.
//!
//! Neighbours are exact: all distances are cheap at the sizes of a trace. Rejected: the crate `umap-rs`, which draws
//! from the thread's random numbers and writes from several threads without order, so that no seed repeats a picture, and
//! panics on bad input; the spectral start, which needs one more eigensolver and falls apart with the graph.

use ndarray::Array2;

use super::distances::squared_distances;
use super::pca::Components;
use super::progress::{Progress, Stopped};
use crate::analysis::random::Random;

const EPOCHS: usize = 500;
const NEGATIVE_SAMPLES: usize = 5;
/// For a least distance of 0.1 and a spread of 1, as the reference implementation fits them.
const A: f32 = 1.576_943_5;
const B: f32 = 0.895_060_9;
/// No coordinate moves further in a step.
const LONGEST: f32 = 4.0;

/// An edge of the fuzzy graph.
struct Edge {
    ends: [usize; 2],
    /// Epochs between its turns.
    period: f32,
    next: f32,
}

/// The places of `[rows, dim]` in the plane. Rows are more than `neighbours`, which is at least 2, and finite.
///
/// # Errors
/// If `progress` says to stop.
pub(super) fn umap(
    rows: &Array2<f32>,
    neighbours: usize,
    seed: u64,
    progress: Progress<'_>,
) -> Result<Vec<[f32; 2]>, Stopped> {
    let mut random = Random::new(seed);
    let mut edges = edges(&squared_distances(rows), rows.nrows(), neighbours);
    let mut points = begin(rows, &mut random);
    for epoch in 0..EPOCHS {
        if epoch % 5 == 0 && !progress(epoch as f32 / EPOCHS as f32) {
            return Err(Stopped);
        }
        let rate = 1.0 - epoch as f32 / EPOCHS as f32;
        for edge in &mut edges {
            if edge.next <= epoch as f32 {
                edge.next += edge.period;
                follow(&mut points, edge.ends, rate, &mut random);
            }
        }
    }
    Ok(points)
}

/// The principal components in a square of side 10, with a little noise so that equal rows can part.
fn begin(rows: &Array2<f32>, random: &mut Random) -> Vec<[f32; 2]> {
    let mut points = Components::of(rows).project(rows);
    let widest = points.iter().flatten().map(|at| at.abs()).fold(0.0, f32::max);
    let scale = if widest > 0.0 { 5.0 / widest } else { 0.0 };
    points.iter_mut().flatten().for_each(|at| *at = *at * scale + random.normal() * 1e-3);
    points
}

/// The joined weights, without those too weak to have a turn.
fn edges(squared: &[f32], count: usize, neighbours: usize) -> Vec<Edge> {
    let mut weights = std::collections::BTreeMap::new();
    for row in 0..count {
        let distances = &squared[row * count..(row + 1) * count];
        let mut nearest: Vec<usize> = (0..count).filter(|&other| other != row).collect();
        nearest.sort_by(|&a, &b| distances[a].total_cmp(&distances[b]));
        nearest.truncate(neighbours);
        let distances: Vec<f32> = nearest.iter().map(|&other| distances[other].sqrt()).collect();
        for (&other, weight) in nearest.iter().zip(memberships(&distances)) {
            let joined: &mut f32 = weights.entry((row.min(other), row.max(other))).or_insert(0.0);
            *joined = *joined + weight - *joined * weight;
        }
    }
    let strongest = weights.values().copied().fold(0.0, f32::max);
    let has_turn = |weight: f32| weight * EPOCHS as f32 >= strongest && weight > 0.0;
    let kept = weights.into_iter().filter(|(_, weight)| has_turn(*weight));
    // The reference lists each edge from both of its ends.
    kept.flat_map(|((a, b), weight)| {
        let period = strongest / weight;
        [[a, b], [b, a]].map(|ends| Edge { ends, period, next: period })
    })
    .collect()
}

/// The weights of a row's neighbours by their distances, the nearest first.
fn memberships(distances: &[f32]) -> Vec<f32> {
    let nearest = distances.iter().copied().find(|&distance| distance > 0.0).unwrap_or(0.0);
    let wanted = (distances.len() as f32).log2();
    let weight =
        |distance: f32, sigma: f32| if distance > nearest { (-(distance - nearest) / sigma).exp() } else { 1.0 };
    let (mut low, mut high, mut sigma) = (0.0_f32, f32::INFINITY, 1.0_f32);
    for _ in 0..64 {
        let sum: f32 = distances.iter().map(|&distance| weight(distance, sigma)).sum();
        if (sum - wanted).abs() < 1e-5 {
            break;
        }
        if sum > wanted {
            high = sigma;
            sigma = f32::midpoint(low, high);
        } else {
            low = sigma;
            sigma = if high.is_finite() { f32::midpoint(low, high) } else { sigma * 2.0 };
        }
    }
    let mean = distances.iter().sum::<f32>() / distances.len().max(1) as f32;
    let sigma = sigma.max(mean * 1e-3).clamp(f32::MIN_POSITIVE, f32::MAX);
    distances.iter().map(|&distance| weight(distance, sigma)).collect()
}

/// Moves an edge's ends together, and its first end away from random rows.
fn follow(points: &mut [[f32; 2]], [from, to]: [usize; 2], rate: f32, random: &mut Random) {
    let step = |difference: f32, factor: f32| (difference * factor).clamp(-LONGEST, LONGEST) * rate;
    let between = |points: &[[f32; 2]], other: usize| {
        let difference = [0, 1].map(|axis| points[from][axis] - points[other][axis]);
        (difference, difference[0] * difference[0] + difference[1] * difference[1])
    };
    let (difference, squared) = between(points, to);
    if squared > 0.0 {
        let factor = -2.0 * A * B * squared.powf(B - 1.0) / (1.0 + A * squared.powf(B));
        for axis in 0..2 {
            let by = step(difference[axis], factor);
            points[from][axis] += by;
            points[to][axis] -= by;
        }
    }
    for _ in 0..NEGATIVE_SAMPLES {
        let other = random.below(points.len());
        let (difference, squared) = between(points, other);
        if other != from && squared > 0.0 {
            let factor = 2.0 * B / ((0.001 + squared) * (1.0 + A * squared.powf(B)));
            for axis in 0..2 {
                points[from][axis] += step(difference[axis], factor);
            }
        }
    }
}
