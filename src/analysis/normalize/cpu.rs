//! Normalization on the processor.

use super::{LOG_FLOOR, Normalization, apply, percentile_rank};

/// Normalizes `[rows, columns]` in place and returns the ranges: one for all, or one per row for
/// [`Normalization::RowMaximum`].
pub fn normalize(values: &mut [f32], columns: usize, how: Normalization) -> Vec<[f32; 2]> {
    if how != Normalization::RowMaximum {
        let range = range(values, how);
        values.iter_mut().for_each(|value| *value = apply(*value, range, how));
        return vec![range];
    }
    let normalize_row = |row: &mut [f32]| {
        let range = range(row, how);
        row.iter_mut().for_each(|value| *value = apply(*value, range, how));
        range
    };
    values.chunks_mut(columns.max(1)).map(normalize_row).collect()
}

/// The values that become 0 and 1.
pub fn range(values: &[f32], how: Normalization) -> [f32; 2] {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let maximum = || finite().reduce(f32::max).unwrap_or(0.0);
    match how {
        Normalization::None => [0.0, 1.0],
        Normalization::MinMax => [finite().reduce(f32::min).unwrap_or(0.0), maximum()],
        Normalization::RowMaximum => [0.0, maximum()],
        Normalization::Log => [maximum() * LOG_FLOOR, maximum()],
        Normalization::Percentile(percent) => {
            let mut sorted: Vec<f32> = finite().collect();
            if sorted.is_empty() {
                return [0.0; 2];
            }
            let rank = percentile_rank(percent, sorted.len());
            [0.0, *sorted.select_nth_unstable_by(rank, f32::total_cmp).1]
        }
    }
}
