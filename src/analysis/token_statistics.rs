//! Statistics of single tokens, of the matrix that is shown.

use crate::trace::Document;

/// `[keys]`: the mean attention that each key receives from the queries that may see it.
pub fn attention_received(document: &Document, block: usize, matrix: &[f32]) -> Vec<f32> {
    let Some(block) = document.attention.get(block) else { return Vec::new() };
    let (queries, keys) = (document.query_tokens(block).len(), document.key_tokens(block).len());
    let mut sums = vec![0.0_f64; keys];
    for row in matrix.chunks_exact(keys.max(1)) {
        for (sum, weight) in sums.iter_mut().zip(row) {
            *sum += f64::from(*weight);
        }
    }
    let is_masked = block.is_causal() && block.query == block.key;
    let seen_by = |key: usize| if is_masked { queries - key } else { queries };
    sums.iter().enumerate().map(|(key, sum)| (sum / seen_by(key) as f64) as f32).collect()
}

/// `[queries]`: the [`entropy`] of each query's row of a matrix `[queries, keys]`.
pub fn row_entropy(keys: usize, matrix: &[f32]) -> Vec<f32> {
    matrix.chunks_exact(keys.max(1)).map(entropy).collect()
}

/// The entropy of weights in nats, `ln S - (sum of a ln a) / S` where `S` is the sum of the weights `a`, as in the heads' statistic.
/// Keys that are left out as sinks have no weight and do not count; not a number without any weight.
pub fn entropy(weights: &[f32]) -> f32 {
    let weights = || weights.iter().map(|&weight| f64::from(weight)).filter(|weight| *weight > 0.0);
    let total: f64 = weights().sum();
    if total == 0.0 {
        return f32::NAN;
    }
    (total.ln() - weights().map(|weight| weight * weight.ln()).sum::<f64>() / total).max(0.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_that_of_the_weights_that_are_there() {
        let nan = f32::NAN;
        let matrix = [0.25, 0.25, 0.25, 0.25, 1.0, 0.0, 0.0, 0.0, 0.2, nan, 0.2, 0.0, 0.0, nan, 0.0, 0.0];
        let found = row_entropy(4, &matrix);
        let expected = [4.0_f32.ln(), 0.0, 2.0_f32.ln()];
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6), "{found:?}");
        assert!(found.len() == 4 && found[3].is_nan());
        assert!(row_entropy(0, &[]).is_empty());
    }
}
