//! Rows in the order of a column.

use rayon::prelude::*;

use super::{Column, Values};

/// What rows are sorted by.
#[derive(Clone, Copy, Debug)]
pub enum SortKey<'a> {
    /// A column; texts by their letters, no before yes.
    Column(&'a Column),
    /// A number for each row of the table.
    Numbers(&'a [f32]),
}

/// What sorts behind everything, whichever way.
const MISSING: u64 = u64::MAX;

/// Sorts rows. Equal ones stay in their order; those without a value come last, whichever way.
pub fn sort(rows: &mut [u32], key: SortKey<'_>, is_descending: bool) {
    let key = |row: u32| {
        let ascending = ascending(key, row as usize)?;
        Some(if is_descending { MISSING - 1 - ascending } else { ascending })
    };
    let mut keyed: Vec<(u64, u32)> = rows.par_iter().map(|&row| (key(row).unwrap_or(MISSING), row)).collect();
    keyed.par_sort_by_key(|(key, _)| *key);
    rows.iter_mut().zip(keyed).for_each(|(row, (_, sorted))| *row = sorted);
}

/// A number below [`MISSING`] that sorts as the value does.
fn ascending(key: SortKey<'_>, row: usize) -> Option<u64> {
    match key {
        SortKey::Column(column) => match &column.values {
            Values::Text(texts) => texts.rank(row).map(u64::from),
            Values::Number(numbers) => numbers.get(row).copied().and_then(of_number),
            Values::Flag(flags) => flags.get(row).copied().flatten().map(u64::from),
        },
        SortKey::Numbers(numbers) => numbers.get(row).copied().map(f64::from).and_then(of_number),
    }
}

/// The bits of a float sort as the number does once the sign is turned around.
fn of_number(number: f64) -> Option<u64> {
    let bits = (number + 0.0).to_bits();
    (!number.is_nan()).then_some(if bits >> 63 == 1 { !bits } else { bits | 1 << 63 })
}
