//! The tokens nearest to the selected ones among the hidden states, in the space where they are, not in the plane.
//!
//! Several selected tokens count by their mean. Cosine similarity `x·y / (|x| |y|)` looks at directions alone and is what
//! most of the literature on hidden states uses; Euclidean distance also sees norms. States are not centred: a direction that all
//! tokens share makes all cosines large, which is a finding and not an error.

use ndarray::Array1;
use serde::{Deserialize, Serialize};

use crate::trace::TensorView;

/// What near means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// `1 − x·y / (|x| |y|)`, 0 to 2.
    #[default]
    Cosine,
    /// `|x − y|`, in the units of the state.
    Euclidean,
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
    /// Both.
    pub const ALL: [Self; 2] = [Self::Cosine, Self::Euclidean];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Euclidean => "euclidean",
        }
    }

    /// Of two states of the same size; not a number where there is none.
    pub fn distance(self, a: &[f32], b: &[f32]) -> f32 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        match self {
            // Of a state that is 0 there is no direction.
            Self::Cosine => (1.0 - dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()) as f32,
            Self::Euclidean => {
                a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>().sqrt() as f32
            }
        }
    }
}

/// All tokens of a state `[tokens, dim]` but the selected ones, the nearest first; those that have no distance are left
/// out, and so are all where no selected token is there.
pub fn neighbours(state: &TensorView<'_>, selected: &[usize], metric: Metric) -> Vec<Neighbour> {
    let [tokens, dim] = [state.shape[0], state.shape[1]];
    let mut row = Array1::<f32>::zeros(dim);
    let read = |token: usize, row: &mut Array1<f32>| {
        if let Some(row) = row.as_slice_mut() {
            state.read(token * dim, row);
        }
    };
    let mut middle = Array1::<f32>::zeros(dim);
    let there = selected.iter().filter(|token| **token < tokens);
    let count = there.clone().count();
    if count == 0 {
        return Vec::new();
    }
    for &token in there {
        read(token, &mut row);
        middle.scaled_add(1.0 / count as f32, &row);
    }
    let mut found: Vec<Neighbour> = (0..tokens)
        .filter(|token| !selected.contains(token))
        .map(|token| {
            read(token, &mut row);
            let distance = middle.as_slice().zip(row.as_slice()).map_or(f32::NAN, |(a, b)| metric.distance(a, b));
            Neighbour { token, distance }
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
    let mut sum = vec![0.0; dim];
    for &token in selected.iter().filter(|token| **token < state.shape[0]) {
        state.read(token * dim, &mut row);
        if row.iter().any(|value| !value.is_finite()) {
            return format!("the state of token {token} is not finite");
        }
        sum.iter_mut().zip(&row).for_each(|(sum, value)| *sum += value);
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
        // The middle of (1, 0) and (0, 1) is (0.5, 0.5).
        let found = near(&FOUR, &[0, 2], Metric::Euclidean);
        assert_eq!(found.iter().map(|found| found.0).collect::<Vec<_>>(), [3, 1]);
        assert!((found[0].1 - 2.5_f32.sqrt()).abs() < 1e-6);
    }

    #[test]
    fn what_has_no_distance_is_left_out() {
        assert_eq!(near(&[1.0, 0.0, 0.0, 0.0, f32::NAN, 0.0, 2.0, 2.0], &[0], Metric::Cosine).len(), 1);
        assert_eq!(near(&FOUR, &[], Metric::Cosine), []);
        assert_eq!(near(&FOUR, &[99], Metric::Cosine), []);
    }
}
