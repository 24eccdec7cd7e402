//! How similar the hidden states of different layers are: linear centred kernel alignment (Kornblith et al. 2019,
//! arXiv 1905.00414, section 3 and equation for linear CKA in its table 1):
//! `CKA(X, Y) = |Yᵀ X|² / (|Xᵀ X| |Yᵀ Y|)`, Frobenius norms, features centred. It is 1 where one state is the other
//! turned, mirrored or scaled, and 0 where no linear map of one says anything of the other.
//!
//! With the Gram matrices `K = X Xᵀ`, `[tokens, tokens]`, it is `⟨K, L⟩ / (|K| |L|)`: one matrix a state, and a scalar product a pair,
//! whatever the widths. Rejected: `Yᵀ X`, `[dim, dim]` a pair, since models are wider than their inputs are long.

use ndarray::Array2;
use rayon::prelude::*;

use super::projection::{Progress, Stopped, centre::centred};
use crate::trace::TensorView;

/// Gram matrices of more tokens would take gigabytes for all states: so many are taken, at equal distances.
const MOST_TOKENS: usize = 1024;

/// CKA of all pairs of states.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Similarity {
    /// `[states, states]`, row by row, 0 to 1; NaN where a state is the same for all tokens.
    pub values: Vec<f32>,
    /// How many states there are.
    pub states: usize,
    /// One token of so many was taken.
    pub every: usize,
}

/// Compares states, each `[tokens, dim]`, of the same tokens. Tokens of which a state is not finite are left out everywhere; a
/// state of which fewer than two are finite has no value, and leaves no token out.
///
/// # Errors
/// If `progress` says to stop.
pub fn similarity(states: &[TensorView<'_>], progress: Progress<'_>) -> Result<Similarity, Stopped> {
    let tokens = states.first().map_or(0, |state| state.shape[0]);
    let every = tokens.div_ceil(MOST_TOKENS).max(1);
    let mut taken: Vec<usize> = (0..tokens).step_by(every).collect();
    let finite: Vec<Vec<bool>> = states.iter().map(|state| finite_tokens(state, &taken)).collect();
    let compares = |finite: &&Vec<bool>| finite.iter().filter(|is_finite| **is_finite).count() >= 2;
    let mut place = 0;
    taken.retain(|_| {
        place += 1;
        finite.iter().filter(compares).all(|finite| finite[place - 1])
    });
    if taken.is_empty() {
        return Ok(Similarity { values: vec![f32::NAN; states.len() * states.len()], states: states.len(), every });
    }
    let mut grams = Vec::with_capacity(states.len());
    for (done, state) in states.iter().enumerate() {
        if !progress(done as f32 / states.len() as f32) {
            return Err(Stopped);
        }
        grams.push(gram(state, &taken));
    }
    let count = states.len();
    let values = (0..count * count)
        .into_par_iter()
        .map(|pair| {
            let (row, column) = (pair / count, pair % count);
            // The lower half repeats the upper one, to the bit.
            let (a, b) = (&grams[row.min(column)], &grams[row.max(column)]);
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
        })
        .map(|product| if product.is_finite() { product.clamp(0.0, 1.0) as f32 } else { f32::NAN })
        .collect();
    Ok(Similarity { values, states: count, every })
}

/// Whether each of these tokens has a finite state.
fn finite_tokens(state: &TensorView<'_>, tokens: &[usize]) -> Vec<bool> {
    let mut row = vec![0.0; state.shape[1]];
    let is_finite = |token: &usize| {
        state.read(token * row.len(), &mut row);
        row.iter().all(|value| value.is_finite())
    };
    tokens.iter().map(is_finite).collect()
}

/// `X Xᵀ` of centred features, of Frobenius norm 1; NaN if nothing varies.
fn gram(state: &TensorView<'_>, taken: &[usize]) -> Vec<f32> {
    let dim = state.shape[1];
    let mut rows = Array2::zeros((taken.len(), dim));
    for (&token, mut row) in taken.iter().zip(rows.outer_iter_mut()) {
        if let Some(row) = row.as_slice_mut() {
            state.read(token * dim, row);
        }
    }
    rows = centred(rows);
    // Of about unit size, so that f32 holds the squares of massive activations.
    let largest = rows.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    rows /= largest.max(f32::MIN_POSITIVE);
    let gram = rows.dot(&rows.t());
    let norm = gram.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    gram.iter().map(|&value| if norm > 0.0 { (f64::from(value) / norm) as f32 } else { f32::NAN }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Dtype;

    fn cka(a: &[f32], b: &[f32], tokens: usize) -> Similarity {
        let state = |values| TensorView {
            dtype: Dtype::F32,
            shape: vec![tokens, <[f32]>::len(values) / tokens],
            bytes: bytemuck::cast_slice(values),
        };
        similarity(&[state(a), state(b)], &mut |_| true).unwrap()
    }

    const X: [f32; 8] = [1.0, 2.0, -3.0, 0.5, 4.0, 1.0, 0.0, -2.5];

    #[test]
    fn a_state_is_like_itself_turned_scaled_and_shifted() {
        let (sin, cos) = 0.7_f32.sin_cos();
        let turned: Vec<f32> = X
            .chunks_exact(2)
            .flat_map(|row| [5.0 * (cos * row[0] - sin * row[1]) + 9.0, 5.0 * (sin * row[0] + cos * row[1]) - 4.0])
            .collect();
        for other in [&X[..], &turned] {
            let found = cka(&X, other, 4);
            assert!(found.values.iter().all(|value| (value - 1.0).abs() < 1e-5), "{found:?}");
        }
    }

    /// By hand: x = (1, −1, 0, 0) and y = (1, 1, −2, 0) have no product; x and z = (1, 0, −1, 0) have (1/2)².
    #[test]
    fn hand_cases() {
        assert!(cka(&[1.0, -1.0, 0.0, 0.0], &[1.0, 1.0, -2.0, 0.0], 4).values[1].abs() < 1e-6);
        let half = cka(&[1.0, -1.0, 0.0, 0.0], &[1.0, 0.0, -1.0, 0.0], 4);
        assert!((half.values[1] - 0.25).abs() < 1e-6 && half.values[1] == half.values[2]);
        assert!((half.values[0] - 1.0).abs() < 1e-6);
    }

    /// Whole numbers, which f32 holds 10⁷ from the origin.
    #[test]
    fn far_from_the_origin_nothing_changes() {
        let near: Vec<f32> = (0..40 * 5).map(|i| ((i * 31 % 17) as f32 * 5.0).cos() * 50.0).map(f32::round).collect();
        let other: Vec<f32> = near.iter().map(|value| (value * 0.6).round() + (value * 7.0).sin().round()).collect();
        let expected = cka(&near, &other, 40).values;
        for distance in [1e6, 1e7] {
            let far: Vec<f32> = near.iter().map(|value| value + distance).collect();
            for (found, expected) in cka(&far, &other, 40).values.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-6, "{distance}: {found} instead of {expected}");
            }
        }
    }

    #[test]
    fn other_widths_constant_states_and_broken_tokens() {
        let wide: Vec<f32> = (0..4 * 7).map(|i| ((i * 31 % 17) as f32).cos()).collect();
        let found = cka(&X, &wide, 4);
        assert!((0.0..=1.0).contains(&found.values[1]) && found.states == 2 && found.every == 1);
        for constant in [3.0, 0.0] {
            let found = cka(&X, &[constant; 4], 4).values;
            assert!((found[0] - 1.0).abs() < 1e-5 && found[1..].iter().all(|value| value.is_nan()), "{found:?}");
        }
        let mut broken = X;
        broken[2] = f32::NAN;
        assert!((cka(&X, &broken, 4).values[1] - 1.0).abs() < 1e-5, "the other tokens are the same");
        for broken in [[f32::NAN; 8], [f32::NAN, f32::NAN, f32::NAN, f32::NAN, f32::NAN, f32::NAN, 1.0, 2.0]] {
            let found = cka(&X, &broken, 4).values;
            assert!((found[0] - 1.0).abs() < 1e-5, "a state without numbers takes the others' away: {found:?}");
            assert!(found[1..].iter().all(|value| value.is_nan()));
        }
    }
}
