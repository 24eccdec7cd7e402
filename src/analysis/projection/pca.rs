//! Principal component analysis, the two strongest components (Pearson 1901; Jolliffe, Principal Component
//! Analysis, 2002).
//!
//! Small input (a side of at most [`EXACT_SIDE`]): the eigenvectors of the smaller of the two symmetric matrices, the
//! covariance `XᵀX`, `[dim, dim]`, or the Gram matrix `XXᵀ`, `[rows, rows]`, whose eigenvectors `u` give the axes
//! `Xᵀu / √λ`; nalgebra finds all of them. Large input: subspace iteration with a random start and a Rayleigh–Ritz step
//! (Halko, Martinsson & Tropp 2011, algorithm 4.4; arXiv 0909.4061) on the same matrix, which is held up to
//! [`HELD_SIDE`] and beyond that only multiplied through, `X` and `Xᵀ` by [`BLOCK`] vectors.
//! Rejected: all eigenvectors of a large matrix, which takes seconds from a side of 1,500 on, for two that are
//! looked at; and the GPU, which would be faster only where the upload is not.

use nalgebra::DMatrix;
use ndarray::{Array1, Array2, Axis};

use super::centre;
use crate::analysis::random::Random;

/// Up to this side of the smaller symmetric matrix all eigenvectors are found.
const EXACT_SIDE: usize = 160;
/// Up to this side the smaller symmetric matrix is held.
const HELD_SIDE: usize = 2048;
/// How many vectors the subspace has: more than two, so that the second converges where the third is close to it.
const BLOCK: usize = 16;
const MOST_ITERATIONS: usize = 64;

/// The plane in which rows differ most.
#[derive(Clone, Debug, PartialEq)]
pub struct Components {
    /// `[dim]`: what is subtracted.
    pub mean: Array1<f64>,
    /// `[2, dim]`, of length 1; 0 where nothing varies. Each points to where the row with the largest coordinate is,
    /// so that equal input gives equal output.
    pub axes: Array2<f32>,
    /// The share of the variance that each axis explains, from 0 to 1.
    pub explained: [f32; 2],
}

impl Components {
    /// Of `[rows, dim]`, all finite.
    pub fn of(rows: &Array2<f32>) -> Self {
        let (count, dim) = rows.dim();
        let mean = centre::mean(rows);
        let centred = centre::without(rows.clone(), &mean.view());
        let variance: f64 = centred.iter().map(|&value| f64::from(value).powi(2)).sum();
        let found = match count.min(dim) {
            0 => Vec::new(),
            side if side <= EXACT_SIDE => exact(&centred),
            _ => by_iteration(&centred),
        };
        let mut components = Self { mean, axes: Array2::zeros((2, dim)), explained: [0.0; 2] };
        for (axis, (eigenvalue, vector)) in found.into_iter().take(2).enumerate() {
            // What is left after rounding is no direction.
            if eigenvalue <= variance * 1e-12 {
                continue;
            }
            let coordinates = centred.dot(&vector);
            let far = coordinates.iter().copied().fold(0.0, |a: f32, b| if b.abs() > a.abs() { b } else { a });
            components.axes.row_mut(axis).assign(&(vector * far.signum()));
            components.explained[axis] = (eigenvalue / variance) as f32;
        }
        components
    }

    /// The coordinates of `[rows, dim]` on both axes.
    pub fn project(&self, rows: &Array2<f32>) -> Vec<[f32; 2]> {
        let coordinates = centre::without(rows.clone(), &self.mean.view()).dot(&self.axes.t());
        coordinates.outer_iter().map(|row| [row[0], row[1]]).collect()
    }
}

/// Eigenvalues and eigenvectors of `XᵀX`, the largest first.
fn exact(centred: &Array2<f32>) -> Vec<(f64, Array1<f32>)> {
    let (count, dim) = centred.dim();
    let x = DMatrix::from_fn(count, dim, |row, column| f64::from(centred[[row, column]]));
    let by_gram = count <= dim;
    let eigen = if by_gram { &x * x.transpose() } else { x.tr_mul(&x) }.symmetric_eigen();
    let mut order: Vec<usize> = (0..eigen.eigenvalues.len()).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let pair = |which: usize| {
        let vector = eigen.eigenvectors.column(which).into_owned();
        let axis = if by_gram { x.tr_mul(&vector) } else { vector };
        let length = axis.norm().max(f64::MIN_POSITIVE);
        (eigen.eigenvalues[which], axis.iter().map(|value| (value / length) as f32).collect())
    };
    order.into_iter().take(2).map(pair).collect()
}

/// The same two for large matrices.
fn by_iteration(centred: &Array2<f32>) -> Vec<(f64, Array1<f32>)> {
    let (count, dim) = centred.dim();
    let (by_gram, side) = (count <= dim, count.min(dim));
    let symmetric =
        (side <= HELD_SIDE).then(|| if by_gram { centred.dot(&centred.t()) } else { centred.t().dot(centred) });
    let apply = |vectors: &Array2<f32>| match &symmetric {
        Some(symmetric) => symmetric.dot(vectors),
        None if by_gram => centred.dot(&centred.t().dot(vectors)),
        None => centred.t().dot(&centred.dot(vectors)),
    };
    let block = BLOCK.min(side);
    let mut random = Random::new(0);
    let mut basis = Array2::from_shape_fn((side, block), |_| random.normal());
    orthonormalize(&mut basis);
    let mut before = [0.0; 2];
    let mut values = vec![0.0; block];
    for _ in 0..MOST_ITERATIONS {
        let images = apply(&basis);
        let small = basis.t().dot(&images);
        let eigen = DMatrix::from_fn(block, block, |i, j| f64::from(small[[i, j]])).symmetric_eigen();
        let mut order: Vec<usize> = (0..block).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        values = order.iter().map(|&which| eigen.eigenvalues[which]).collect();
        let turn = Array2::from_shape_fn((block, block), |(i, j)| eigen.eigenvectors[(i, order[j])] as f32);
        let now = [values[0], values.get(1).copied().unwrap_or(0.0)];
        // An eigenvalue's error is about the square of its vector's; f32 sums end near 1e-7.
        if now.iter().zip(before).all(|(now, before): (&f64, f64)| (now - before).abs() <= now.abs() * 3e-7) {
            basis = basis.dot(&turn);
            break;
        }
        before = now;
        basis = images.dot(&turn);
        orthonormalize(&mut basis);
    }
    let axis = |which: usize| {
        let vector = basis.column(which);
        let axis = if by_gram { centred.t().dot(&vector) } else { vector.to_owned() };
        let length = axis.dot(&axis).sqrt().max(f32::MIN_POSITIVE);
        axis / length
    };
    (0..block.min(2)).map(|which| (values[which], axis(which))).collect()
}

/// Makes columns orthogonal and of length 1 (modified Gram–Schmidt, twice); a column that depends on those before
/// becomes 0.
fn orthonormalize(columns: &mut Array2<f32>) {
    for _ in 0..2 {
        for last in 0..columns.ncols() {
            let (done, mut rest) = columns.view_mut().split_at(Axis(1), last);
            let mut column = rest.column_mut(0);
            for other in done.columns() {
                let along = other.dot(&column);
                column.scaled_add(-along, &other);
            }
            let length = column.dot(&column).sqrt();
            column *= if length > 1e-20 { 1.0 / length } else { 0.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn components(values: &[f32], dim: usize) -> (Components, Vec<[f32; 2]>) {
        let rows = Array2::from_shape_vec((values.len() / dim, dim), values.to_vec()).unwrap();
        let components = Components::of(&rows);
        let points = components.project(&rows);
        (components, points)
    }

    /// On a line through space: all variance on the first axis, distances kept.
    #[test]
    fn points_on_a_line() {
        for dim in [3, 9] {
            let place = |t: f32, i: usize| [7.0, 3.0 * t, 4.0 * t].get(i).copied().unwrap_or(7.0);
            let along = [0.0, 1.0, 2.0, 5.0, 9.0];
            let values: Vec<f32> = along.iter().flat_map(|&t| (0..dim).map(move |i| place(t, i))).collect();
            let (found, points) = components(&values, dim);
            assert!((found.explained[0] - 1.0).abs() < 1e-6 && found.explained[1] == 0.0);
            for (point, t) in points.iter().zip(along) {
                assert!((point[0] - 5.0 * (t - 3.4)).abs() < 1e-4, "{points:?}");
            }
        }
    }

    /// The two ways to the eigenvectors agree: rows repeated many times have the same axes.
    #[test]
    fn covariance_and_gram_agree() {
        let few: Vec<f32> = (0..4 * 6).map(|i| ((i * 37 % 23) as f32).sin()).collect();
        let many: Vec<f32> = few.iter().copied().cycle().take(few.len() * 5).collect();
        let ((few, few_points), (many, many_points)) = (components(&few, 6), components(&many, 6));
        for (a, b) in few_points.iter().zip(&many_points) {
            assert!((a[0] - b[0]).abs() < 1e-4 && (a[1] - b[1]).abs() < 1e-4);
        }
        assert!((few.explained[1] - many.explained[1]).abs() < 1e-5);
    }

    /// Wide, tall and square; the second component only a little stronger than the third.
    #[test]
    fn the_iteration_finds_what_all_eigenvectors_give() {
        for (rows, dim) in [(120, 300), (300, 90), (150, 150)] {
            let mut random = Random::new(7);
            let strength = |column: usize| [9.0, 5.0, 4.6].get(column).copied().unwrap_or(1.0);
            let values = Array2::from_shape_fn((rows, dim), |(_, column)| random.normal() * strength(column));
            let centred = centre::centred(values);
            for (all, few) in exact(&centred).iter().zip(by_iteration(&centred)) {
                assert!((all.0 - few.0).abs() < all.0 * 1e-4, "{} {}", all.0, few.0);
                assert!(all.1.dot(&few.1).abs() > 0.999, "{rows} × {dim}: {}", all.1.dot(&few.1));
            }
        }
    }

    /// All numbers are whole, so that f32 holds them 10⁷ from the origin, where the ones that it holds are 1 apart.
    #[test]
    fn far_from_the_origin_nothing_changes() {
        for (rows, dim) in [(300, 8), (400, 200)] {
            let mut random = Random::new(5);
            let strength = |column: usize| [60.0, 30.0].get(column).copied().unwrap_or(4.0);
            let near = Array2::from_shape_fn((rows, dim), |(_, column)| (random.normal() * strength(column)).round());
            let expected = Components::of(&near);
            for distance in [1e6, 1e7] {
                let far = near.mapv(|value| value + distance);
                let found = Components::of(&far);
                for (found, expected) in found.explained.iter().zip(expected.explained) {
                    assert!((found - expected).abs() < 1e-6, "{found} of the variance instead of {expected}");
                }
                for (found, expected) in found.project(&far).iter().zip(expected.project(&near)) {
                    let off = (found[0] - expected[0]).hypot(found[1] - expected[1]);
                    assert!(off < 1e-3, "{distance}: {found:?} instead of {expected:?}");
                }
            }
        }
    }

    #[test]
    fn little_input() {
        assert!(components(&[], 3).1.is_empty());
        assert_eq!(components(&[1.0, 2.0, 3.0], 3).1, [[0.0; 2]]);
    }
}
