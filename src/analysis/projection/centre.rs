//! Rows around their mean. The mean is summed and subtracted in f64: states may lie far from the origin, beside which what
//! differs between tokens is small.

use ndarray::{Array1, Array2, ArrayView1, Axis};

/// The mean of `[rows, dim]`; 0 without rows.
pub fn mean(rows: &Array2<f32>) -> Array1<f64> {
    let mut sum = Array1::zeros(rows.ncols());
    for row in rows.outer_iter() {
        sum.zip_mut_with(&row, |sum: &mut f64, &value| *sum += f64::from(value));
    }
    sum / rows.nrows().max(1) as f64
}

/// `[rows, dim]` without what is given.
pub fn without(mut rows: Array2<f32>, mean: &ArrayView1<'_, f64>) -> Array2<f32> {
    for mut row in rows.axis_iter_mut(Axis(0)) {
        row.zip_mut_with(mean, |value, mean| *value = (f64::from(*value) - mean) as f32);
    }
    rows
}

/// Rows without their mean.
pub fn centred(rows: Array2<f32>) -> Array2<f32> {
    let mean = mean(&rows);
    without(rows, &mean.view())
}
