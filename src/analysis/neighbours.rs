//! The tokens nearest to the selected ones among the hidden states, in the space where they are, not in the plane.
//!
//! Several selected tokens count by their mean. Cosine similarity `x·y / (|x| |y|)` looks at directions alone and is what
//! most of the literature on hidden states uses; Euclidean distance also sees norms. States are not centred: a direction that all
//! tokens share makes all cosines large, which is a finding and not an error.

use crate::trace::TensorView;
use crate::typed::choice;

choice! {
    /// What near means.
    #[derive(Default)]
    pub enum Metric {
        /// `1 − x·y / (|x| |y|)`, 0 to 2.
        #[default]
        Cosine = "cosine";
        /// `|x − y|`, in the units of the state.
        Euclidean = "euclidean";
    }
}

/// A token and how far it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// Index in the sequence.
    pub token: usize,
    /// By the metric that was asked for.
    pub distance: f32,
}

impl Metric {
    /// Of two states of the same size; NaN where there is none. In f64, since states may lie far from the origin.
    pub fn distance<A: Copy + Into<f64>>(self, a: &[A], b: &[f32]) -> f32 {
        let pairs = || a.iter().zip(b).map(|(&a, &b)| (a.into(), f64::from(b)));
        let distance = match self {
            Self::Cosine => {
                let squares = pairs().fold([0.0; 2], |[of_a, of_b], (a, b)| [of_a + a * a, of_b + b * b]);
                let [length_a, length_b] = squares.map(f64::sqrt);
                // Half the square of the distance of the two directions: 1 minus the cosine would lose the digits of states
                // that are nearly the same. A state that is 0 has no direction.
                pairs().map(|(a, b)| (a / length_a - b / length_b).powi(2)).sum::<f64>() / 2.0
            }
            Self::Euclidean => pairs().map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt(),
        };
        distance as f32
    }
}

/// All tokens of a state `[tokens, dim]` but the selected ones, the nearest first; those that have no distance are left
/// out, and so are all where no selected token is there.
pub fn neighbours(state: &TensorView<'_>, selected: &[usize], metric: Metric) -> Vec<Neighbour> {
    let [tokens, dim] = [state.shape[0], state.shape[1]];
    let there = selected.iter().filter(|token| **token < tokens);
    let count = there.clone().count();
    if count == 0 {
        return Vec::new();
    }
    let mut row = vec![0.0; dim];
    let mut centre = vec![0.0_f64; dim];
    for &token in there {
        state.read(token * dim, &mut row);
        centre.iter_mut().zip(&row).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    centre.iter_mut().for_each(|sum| *sum /= count as f64);
    let mut found: Vec<Neighbour> = (0..tokens)
        .filter(|token| !selected.contains(token))
        .map(|token| {
            state.read(token * dim, &mut row);
            Neighbour { token, distance: metric.distance(&centre, &row) }
        })
        .filter(|neighbour| neighbour.distance.is_finite())
        .collect();
    found.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    found
}

/// Why [`neighbours`] finds none.
pub fn why_none(state: &TensorView<'_>, selected: &[usize], metric: Metric) -> String {
    let dim = state.shape[1];
    let mut row = vec![0.0; dim];
    let mut sum = vec![0.0_f64; dim];
    for &token in selected.iter().filter(|token| **token < state.shape[0]) {
        state.read(token * dim, &mut row);
        if row.iter().any(|value| !value.is_finite()) {
            return format!("the state of token {token} is not finite");
        }
        sum.iter_mut().zip(&row).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    match metric {
        Metric::Cosine if sum.iter().all(|value| *value == 0.0) => "a state that is 0 has no direction".to_owned(),
        _ => "no other token has a state that has a distance".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Dtype;

    fn near(values: &[f32], selected: &[usize], metric: Metric) -> Vec<(usize, f32)> {
        let state =
            TensorView { dtype: Dtype::F32, shape: vec![values.len() / 2, 2], bytes: bytemuck::cast_slice(values) };
        neighbours(&state, selected, metric).into_iter().map(|found| (found.token, found.distance)).collect()
    }

    /// (1, 0): the same direction far away, a right angle nearby, and the opposite.
    const FOUR: [f32; 8] = [1.0, 0.0, 10.0, 0.0, 0.0, 1.0, -1.0, 0.0];

    #[test]
    fn by_hand() {
        assert_eq!(near(&FOUR, &[0], Metric::Cosine), [(1, 0.0), (2, 1.0), (3, 2.0)]);
        assert_eq!(near(&FOUR, &[0], Metric::Euclidean), [(2, 2.0_f32.sqrt()), (3, 2.0), (1, 9.0)]);
        // The centre of (1, 0) and (0, 1) is (0.5, 0.5).
        let found = near(&FOUR, &[0, 2], Metric::Euclidean);
        assert_eq!(found.iter().map(|found| found.0).collect::<Vec<_>>(), [3, 1]);
        assert!((found[0].1 - 2.5_f32.sqrt()).abs() < 1e-6);
    }

    /// Whole numbers, which f32 holds 10⁷ from the origin; by NumPy in float64.
    #[test]
    fn far_from_the_origin_digits_stay() {
        let far: Vec<f32> = FOUR.iter().map(|value| value + 1e7).collect();
        assert_eq!(near(&far, &[0, 2], Metric::Euclidean), near(&FOUR, &[0, 2], Metric::Euclidean));
        // In decimal numbers of 60 digits.
        let expected = [(2, 5e-15), (3, 5e-15), (1, 1.012_499e-13)];
        for (found, expected) in near(&far, &[0], Metric::Cosine).into_iter().zip(expected) {
            assert!(found.0 == expected.0 && (found.1 / expected.1 - 1.0).abs() < 1e-5, "{found:?}, {expected:?}");
        }
    }

    #[test]
    fn what_has_no_distance_is_left_out() {
        assert_eq!(near(&[1.0, 0.0, 0.0, 0.0, f32::NAN, 0.0, 2.0, 2.0], &[0], Metric::Cosine).len(), 1);
        assert_eq!(near(&FOUR, &[], Metric::Cosine), []);
        assert_eq!(near(&FOUR, &[99], Metric::Cosine), []);
    }
}
