//! Principal component analysis of hidden states in two dimensions (Pearson 1901; Jolliffe, Principal Component
//! Analysis, 2002).
//!
//! The eigenvectors come from whichever of the two symmetric matrices is smaller: the covariance `XᵀX`, `[dim, dim]`,
//! or the Gram matrix `XXᵀ`, `[tokens, tokens]`, whose eigenvectors, scaled by the square root of the eigenvalue, are
//! the projected points themselves. nalgebra finds them. Rejected: a full singular value decomposition, which computes
//! what nobody looks at; and the GPU, which would be faster only where the upload is not.

use nalgebra::DMatrix;

use crate::trace::TensorView;

/// Tokens in the plane in which they differ most.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// One point per token.
    pub points: Vec<[f32; 2]>,
    /// The share of the variance that each axis explains, from 0 to 1.
    pub explained: [f32; 2],
}

/// Projects `[tokens, dim]`. An axis on which nothing varies is 0 and explains 0; tokens whose state is not finite
/// take no part and get NaN. Each axis points to where the token with the largest coordinate is, so that equal input
/// gives equal output.
pub fn project(states: &TensorView<'_>) -> Projection {
    let [tokens, dim] = [states.shape[0], states.shape[1]];
    let values = states.to_f32();
    let rows = || values.chunks_exact(dim.max(1));
    let sound: Vec<usize> =
        rows().enumerate().filter(|(_, row)| row.iter().all(|v| v.is_finite())).map(|(i, _)| i).collect();
    let mut points = vec![[f32::NAN; 2]; tokens];
    let mut explained = [0.0; 2];
    if sound.is_empty() {
        return Projection { points, explained };
    }
    let mut centered = DMatrix::from_fn(sound.len(), dim, |row, column| f64::from(values[sound[row] * dim + column]));
    for mut column in centered.column_iter_mut() {
        let mean = column.mean();
        column.add_scalar_mut(-mean);
    }
    let variance = centered.norm_squared();
    let by_gram = sound.len() <= dim;
    let symmetric = if by_gram { &centered * centered.transpose() } else { centered.tr_mul(&centered) };
    let eigen = symmetric.symmetric_eigen();
    let mut order: Vec<usize> = (0..eigen.eigenvalues.len()).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    for token in &sound {
        points[*token] = [0.0; 2];
    }
    for (axis, &which) in order.iter().take(2).enumerate() {
        let eigenvalue = eigen.eigenvalues[which];
        // What is left after rounding is no direction.
        if eigenvalue <= variance * 1e-12 {
            continue;
        }
        let vector = eigen.eigenvectors.column(which);
        let coordinates = if by_gram { vector * eigenvalue.sqrt() } else { &centered * vector };
        let far = coordinates[coordinates.iamax()];
        for (&token, coordinate) in sound.iter().zip(coordinates.iter()) {
            points[token][axis] = (coordinate * far.signum()) as f32;
        }
        explained[axis] = (eigenvalue / variance) as f32;
    }
    Projection { points, explained }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Dtype;

    fn project_values(values: &[f32], dim: usize) -> Projection {
        let shape = vec![values.len() / dim, dim];
        project(&TensorView { dtype: Dtype::F32, shape, bytes: bytemuck::cast_slice(values) })
    }

    /// On a line through space: all variance on the first axis, distances kept.
    #[test]
    fn points_on_a_line() {
        for dim in [3, 9] {
            let values: Vec<f32> = [0.0, 1.0, 2.0, 5.0, 9.0]
                .iter()
                .flat_map(|&t| {
                    (0..dim).map(move |i| {
                        if i == 1 {
                            3.0 * t
                        } else if i == 2 {
                            4.0 * t
                        } else {
                            7.0
                        }
                    })
                })
                .collect();
            let projection = project_values(&values, dim);
            assert!((projection.explained[0] - 1.0).abs() < 1e-6 && projection.explained[1] == 0.0);
            let x: Vec<f32> = projection.points.iter().map(|point| point[0]).collect();
            for (point, t) in x.iter().zip([0.0, 1.0, 2.0, 5.0, 9.0]) {
                assert!((point - 5.0 * (t - 3.4)).abs() < 1e-4, "{x:?}");
            }
        }
    }

    /// The two ways to the eigenvectors agree: rows repeated many times have the same axes.
    #[test]
    fn covariance_and_gram_agree() {
        let few: Vec<f32> = (0..4 * 6).map(|i| ((i * 37 % 23) as f32).sin()).collect();
        let many: Vec<f32> = few.iter().copied().cycle().take(few.len() * 5).collect();
        let (few, many) = (project_values(&few, 6), project_values(&many, 6));
        for token in 0..4 {
            for axis in 0..2 {
                assert!((few.points[token][axis] - many.points[token][axis]).abs() < 1e-4);
            }
        }
        assert!((few.explained[1] - many.explained[1]).abs() < 1e-5);
    }

    #[test]
    fn little_and_broken_input() {
        assert_eq!(project_values(&[], 3).points, Vec::<[f32; 2]>::new());
        assert_eq!(project_values(&[1.0, 2.0, 3.0], 3).points, [[0.0; 2]]);
        let broken = project_values(&[1.0, 0.0, f32::NAN, 0.0, 3.0, 0.0], 2);
        assert!(broken.points[1][0].is_nan());
        assert!((broken.points[0][0] - broken.points[2][0]).abs() == 2.0, "{broken:?}");
    }
}
