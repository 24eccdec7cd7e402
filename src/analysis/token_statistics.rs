//! Statistics of single tokens, of the matrix that is shown.

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
        for (weights, expected) in [
            ([0.25, 0.25, 0.25, 0.25], 4.0_f32.ln()),
            ([1.0, 0.0, 0.0, 0.0], 0.0),
            ([0.2, nan, 0.2, 0.0], 2.0_f32.ln()),
        ] {
            assert!((entropy(&weights) - expected).abs() < 1e-6, "{weights:?}: {}", entropy(&weights));
        }
        assert!(entropy(&[0.0, nan]).is_nan() && entropy(&[]).is_nan());
    }
}
