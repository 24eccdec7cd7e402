//! Queries and keys of a head in one space, so that what is near attends (AttentionViz, Yeh et al. 2023, arXiv 2305.03210, section 4.2).
//!
//! Softmax over keys leaves two things free: a vector that is added to all keys shifts every logit of a row alike, and c q · k / c is
//! q · k. So keys are moved until their centroid is that of the queries, and c makes the distances ‖c q − k / c‖ run against the
//! products q · k as closely as it can: of the candidates around that c which makes both clouds equally wide, the one whose Pearson
//! correlation over a sample of pairs is the least. The sample is a lattice over the pairs that the mask lets through, so that it is the same each time.
//!
//! Rejected: the c that makes the norms' part of the squared distance vary least, which has a closed form: it takes queries and keys
//! for independent, which a head that looks for something is not.

use crate::trace::{LayerMask, TensorView};

/// Queries and keys of a head, moved and scaled.
#[derive(Clone, Debug, PartialEq)]
pub struct Joint {
    /// `[queries + keys, dim]`: centred queries times `scale`, then centred keys divided by it. Not finite where they were not.
    pub rows: Vec<f32>,
    /// By how much queries are scaled up, and keys down.
    pub scale: f32,
    /// Between the distance and the product of pairs, from −1, where distance says attention, to 1; NaN where nothing varies.
    pub correlation: f32,
}

/// Of each side of the sample, at most.
const SAMPLED: usize = 64;
/// The candidates lie between a quarter and four times of the middle one.
const CANDIDATES: i32 = 40;

/// Of queries `[queries, dim]` and keys `[keys, dim]` of one head.
pub fn joint(queries: &TensorView<'_>, keys: &TensorView<'_>, mask: &LayerMask<'_>) -> Joint {
    let dim = queries.shape[1];
    let [mut query, mut key] = [queries, keys].map(|side| centred(side.to_f32(), dim));
    let middle = (spread(&key, dim) / spread(&query, dim)).sqrt().sqrt();
    let middle = if middle.is_finite() && middle > 0.0 { middle } else { 1.0 };
    let pairs = pairs(&query, &key, dim, mask);
    let candidates = (-CANDIDATES / 2..=CANDIDATES / 2)
        .map(|step| middle * 4.0_f64.powf(f64::from(step) / f64::from(CANDIDATES / 2)));
    let found = candidates.map(|scale| (scale, correlation(&pairs, scale))).filter(|(_, found)| found.is_finite());
    let (scale, correlation) = found.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((middle, f64::NAN));
    query.iter_mut().for_each(|value| *value *= scale as f32);
    key.iter_mut().for_each(|value| *value /= scale as f32);
    Joint { rows: [query, key].concat(), scale: scale as f32, correlation: correlation as f32 }
}

/// A query and a key of the sample: their squared norms and their product.
type Pair = [f64; 3];

fn pairs(query: &[f32], key: &[f32], dim: usize, mask: &LayerMask<'_>) -> Vec<Pair> {
    let rows = |side: &[f32]| side.len() / dim.max(1);
    let sample = |rows: usize| (0..rows).step_by(rows.div_ceil(SAMPLED).max(1)).collect::<Vec<_>>();
    let (of_queries, of_keys) = (sample(rows(query)), sample(rows(key)));
    let mut pairs = Vec::with_capacity(of_queries.len() * of_keys.len());
    for &q in &of_queries {
        for &k in of_keys.iter().filter(|&&k| mask.allows(q, k)) {
            let [q, k] = [&query[q * dim..(q + 1) * dim], &key[k * dim..(k + 1) * dim]];
            pairs.push([product(q, q), product(k, k), product(q, k)]);
        }
    }
    pairs.retain(|pair| pair.iter().all(|value| value.is_finite()));
    pairs
}

fn product(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// Pearson's, between distances at that scale and products; NaN where one of them does not vary.
fn correlation(pairs: &[Pair], scale: f64) -> f64 {
    let square = scale * scale;
    let distance = |&[q, k, product]: &Pair| (q * square + k / square - 2.0 * product).max(0.0).sqrt();
    let count = pairs.len() as f64;
    let mean = |of: &dyn Fn(&Pair) -> f64| pairs.iter().map(of).sum::<f64>() / count;
    let (distances, products) = (mean(&distance), mean(&|pair| pair[2]));
    let [mut both, mut of_distances, mut of_products] = [0.0; 3];
    for pair in pairs {
        let [distance, product] = [distance(pair) - distances, pair[2] - products];
        both += distance * product;
        of_distances += distance * distance;
        of_products += product * product;
    }
    both / (of_distances * of_products).sqrt()
}

/// Rows without their mean over those that are finite.
fn centred(mut rows: Vec<f32>, dim: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; dim];
    let mut count = 0.0;
    for row in rows.chunks_exact(dim.max(1)).filter(|row| row.iter().all(|value| value.is_finite())) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
        count += 1.0;
    }
    for row in rows.chunks_exact_mut(dim.max(1)) {
        row.iter_mut()
            .zip(&sums)
            .for_each(|(value, sum)| *value = (f64::from(*value) - sum / f64::max(count, 1.0)) as f32);
    }
    rows
}

/// The mean squared norm of the rows that are finite.
fn spread(rows: &[f32], dim: usize) -> f64 {
    let norms = rows.chunks_exact(dim.max(1)).map(|row| product(row, row)).filter(|norm| norm.is_finite());
    let (sum, count) = norms.fold((0.0, 0.0), |(sum, count), norm| (sum + norm, count + 1.0));
    sum / f64::max(count, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Dtype, Mask};

    fn view<'a>(values: &'a [f32], dim: usize) -> TensorView<'a> {
        TensorView { dtype: Dtype::F32, shape: vec![values.len() / dim, dim], bytes: bytemuck::cast_slice(values) }
    }

    fn noise(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn softmax(query: &[f32], key: &[f32], dim: usize) -> Vec<f64> {
        let rows = query.chunks(dim).map(|q| {
            let logits: Vec<f64> = key.chunks(dim).map(|k| product(q, k)).collect();
            let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
            logits.into_iter().map(|logit| logit.exp() / sum).collect::<Vec<_>>()
        });
        rows.collect::<Vec<_>>().concat()
    }

    #[test]
    fn scaled_queries_and_moved_keys_give_the_same_weights() {
        let (query, mut key) = (noise(7 * 4, 1), noise(9 * 4, 2));
        key.iter_mut().for_each(|value| *value = *value * 30.0 + 5.0);
        let found = joint(&view(&query, 4), &view(&key, 4), &LayerMask::new(&Mask::Full, 9, &[]));
        // Queries are moved to draw them: put back, they give the weights that they gave.
        let mean: Vec<f32> = (0..4).map(|at| query.iter().skip(at).step_by(4).sum::<f32>() / 7.0).collect();
        let back: Vec<f32> =
            found.rows[..28].iter().enumerate().map(|(at, value)| value + found.scale * mean[at % 4]).collect();
        for (a, b) in softmax(&back, &found.rows[28..], 4).iter().zip(softmax(&query, &key, 4)) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
        assert!(found.scale > 2.0, "keys are much wider than queries: {}", found.scale);
    }

    #[test]
    fn distance_says_attention_where_keys_are_what_queries_look_for() {
        let query = noise(40 * 8, 3);
        let key: Vec<f32> = query.iter().map(|value| value * 50.0).collect();
        let found = joint(&view(&query, 8), &view(&key, 8), &LayerMask::new(&Mask::Causal, 40, &[]));
        assert!(found.correlation < -0.8, "{}", found.correlation);
        assert!((found.scale - 50.0_f32.sqrt()).abs() < 1.0, "{}", found.scale);
        let [q, k] = [&found.rows[..320], &found.rows[320..]];
        assert!(q.iter().zip(k).all(|(q, k)| (q - k).abs() < 0.5 * found.scale.max(1.0)), "each query lies on its key");
    }

    #[test]
    fn what_is_not_finite_moves_nothing() {
        let (mut query, key) = (noise(70 * 3, 5), noise(65 * 3, 6));
        let mask = LayerMask::new(&Mask::Full, 65, &[]);
        query.extend([f32::NAN, 1.0, 1.0]);
        let found = joint(&view(&query, 3), &view(&key, 3), &mask);
        let sound = joint(&view(&query[..210], 3), &view(&key, 3), &mask);
        assert_eq!(found.rows[..210], sound.rows[..210]);
        assert!(found.rows[210].is_nan() && found.correlation.is_finite());
    }

    #[test]
    fn nothing_and_what_does_not_vary_has_no_correlation() {
        let mask = LayerMask::new(&Mask::Full, 2, &[]);
        for values in [vec![], vec![1.0; 4], vec![0.0; 4]] {
            let found = joint(&view(&values, 2), &view(&values, 2), &mask);
            assert!(found.correlation.is_nan() && found.scale == 1.0, "{found:?}");
            assert!(found.rows.iter().all(|value| *value == 0.0));
        }
    }
}
