//! Numbers as JSON, as CSV or as columns for people.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use serde::{Serialize, Serializer};

use crate::dataset::table::written;
use crate::trace::{escaped, shortened};

/// How numbers are printed.
#[derive(Args, Clone, Copy, Debug)]
pub struct FormatArguments {
    /// As JSON.
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// As comma-separated values.
    #[arg(long)]
    pub csv: bool,
}

/// A number that is null in JSON and empty in CSV where it is not one.
#[derive(Clone, Copy, Debug)]
pub struct Number(pub f32);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() { serializer.serialize_f32(self.0) } else { serializer.serialize_none() }
    }
}

/// Prints JSON on standard output.
pub fn print_json(value: &impl Serialize) -> Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    Ok(writeln!(out)?)
}

/// Prints rows under a header: as CSV, or in aligned columns.
pub fn print_rows(csv: bool, header: &[&str], rows: &[Vec<String>]) -> Result<()> {
    if csv {
        let mut out = csv::Writer::from_writer(io::stdout().lock());
        out.write_record(header)?;
        for row in rows {
            out.write_record(row)?;
        }
        return Ok(out.flush()?);
    }
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| readable(cell)).collect()).collect();
    let header: Vec<String> = header.iter().map(|cell| readable(cell)).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| &row[column]);
        cells.chain([&header[column]]).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let is_number = |cell: &str| cell == NO_VALUE || cell.parse::<f64>().is_ok();
    let are_numbers: Vec<bool> =
        (0..header.len()).map(|column| rows.iter().all(|row| is_number(&row[column]))).collect();
    let mut out = io::stdout().lock();
    for row in std::iter::once(&header).chain(&rows) {
        let cells = row.iter().zip(&widths).zip(&are_numbers);
        let cells: Vec<String> = cells
            .map(
                |((cell, &width), &is_number)| {
                    if is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
                },
            )
            .collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// The most letters of a cell that people read; CSV and JSON have all.
const MAX_LETTERS: usize = 160;

/// One line, without what a terminal would obey, and shortened where it is long.
fn readable(cell: &str) -> String {
    escaped(&shortened(cell, MAX_LETTERS)).into_owned()
}

/// What people see where there is no value.
const NO_VALUE: &str = "–";

/// Four digits, or a dash where there is no value.
pub fn short(value: f32) -> String {
    if value.is_finite() { format!("{value:.4}") } else { NO_VALUE.to_owned() }
}

/// All digits, or nothing where there is no value.
pub fn exact(value: f32) -> String {
    if value.is_finite() { written(value) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_one_line_of_bounded_length() {
        assert_eq!(readable("a red\ndome\u{1b}[31m"), "a red\\ndome\\u{1b}[31m");
        let long = readable(&"é".repeat(70_000));
        assert_eq!((long.chars().count(), long.ends_with('…')), (MAX_LETTERS + 1, true));
        assert_eq!(readable(&"e".repeat(MAX_LETTERS)).len(), MAX_LETTERS);
    }
}
