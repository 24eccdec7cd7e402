//! Squared Euclidean distances between all rows, `|x|² + |y|² − 2xy`, with the products by blocks of rows on all cores.

use ndarray::{Array2, s};
use rayon::prelude::*;

use super::centre::centred;

const BLOCK: usize = 64;

/// `[rows, rows]`, row by row, 0 on the diagonal.
pub(super) fn squared_distances(rows: &Array2<f32>) -> Vec<f32> {
    let count = rows.nrows();
    // Around the mean, where the squares are small, less is lost in the difference.
    let rows = centred(rows.clone());
    let squares: Vec<f32> = rows.outer_iter().map(|row| row.dot(&row)).collect();
    let mut distances = vec![0.0; count * count];
    distances.par_chunks_mut((BLOCK * count).max(1)).enumerate().for_each(|(block, out)| {
        let first = block * BLOCK;
        let here = out.len() / count;
        let products = rows.slice(s![first..first + here, ..]).dot(&rows.t());
        for (row, (out, products)) in out.chunks_exact_mut(count).zip(products.outer_iter()).enumerate() {
            for (column, (distance, product)) in out.iter_mut().zip(products).enumerate() {
                let squared = squares[first + row] + squares[column] - 2.0 * product;
                *distance = if first + row == column { 0.0 } else { squared.max(0.0) };
            }
        }
    });
    distances
}
