//! Datasets made at test time, and an index as plain rows.
#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use serde_json::{Value, json};
use vlscope::dataset::index::{Index, Table};
use vlscope::trace::{Dtype, Synthetic, SyntheticDataset};

pub type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A row by the names of its columns, without those that are null.
pub type Row = BTreeMap<String, Value>;

/// Small traces of a size that a debug build indexes by the thousand.
pub fn dataset(folder: &Path, count: usize) -> Result<SyntheticDataset> {
    let each = Synthetic { layers: 2, heads: 4, text: 5, rows: 2, columns: 2, dim: 6, dtype: Dtype::F16, seed: 11 };
    let dataset = SyntheticDataset { each, count };
    dataset.write(folder, &|| {})?;
    Ok(dataset)
}

pub fn vlscope() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vlscope"));
    command.env("RUST_BACKTRACE", "1");
    command
}

/// `vlscope index` that is not waited for.
pub fn begin(dataset: &Path, index: &Path, more: &[&str]) -> Result<Child> {
    let mut command = vlscope();
    command.arg("index").arg(dataset).arg("--index-dir").arg(index).args(more).arg("--json");
    Ok(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
}

/// What it says when it is through.
pub fn end(child: Child) -> Result<Value> {
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {said}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

pub fn index(dataset: &Path, index: &Path, more: &[&str]) -> Result<Value> {
    end(begin(dataset, index, more)?)
}

/// New, changed and gone.
pub fn counts(report: &Value) -> [u64; 3] {
    ["new", "changed", "gone"].map(|key| report[key].as_u64().unwrap_or(u64::MAX))
}

/// All rows of all parts, part by part in their order.
pub fn rows(index: &Path, table: Table) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for part in Index::open(Path::new(""), Some(index))?.parts() {
        let schema = part.schema(table)?;
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        for batch in part.read(table, &names)? {
            let batch = batch?;
            for row in 0..batch.num_rows() {
                let cells = names.iter().zip(batch.columns()).filter(|(_, column)| column.is_valid(row));
                rows.push(cells.map(|(name, column)| ((*name).to_owned(), cell(column, row))).collect());
            }
        }
    }
    Ok(rows)
}

fn cell(column: &ArrayRef, row: usize) -> Value {
    match column.data_type() {
        DataType::Int64 => json!(column.as_primitive::<Int64Type>().value(row)),
        DataType::Int32 => json!(column.as_primitive::<Int32Type>().value(row)),
        DataType::Float32 => json!(column.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => json!(column.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => json!(column.as_boolean().value(row)),
        DataType::Utf8 => json!(column.as_string::<i32>().value(row)),
        DataType::Binary => json!(column.as_binary::<i32>().value(row)),
        _ => json!(column.as_list::<i32>().value(row).as_primitive::<Float32Type>().values().to_vec()),
    }
}

/// Everything that an index says, in an order that does not depend on its parts.
pub fn contents(index: &Path) -> Result<Vec<Vec<String>>> {
    let sorted = |table| {
        let mut lines: Vec<String> = rows(index, table)?.iter().map(|row| json!(row).to_string()).collect();
        lines.sort();
        Ok(lines)
    };
    Table::ALL.into_iter().map(sorted).collect()
}

/// The same as [`contents`], with the difference in words.
pub fn assert_same(one: &Path, other: &Path) -> Result {
    for (table, (a, b)) in Table::ALL.iter().zip(contents(one)?.iter().zip(&contents(other)?)) {
        assert_eq!(a.len(), b.len(), "rows of {table:?}");
        assert!(a == b, "{table:?} differ: {:?}", a.iter().zip(b).find(|(a, b)| a != b));
    }
    Ok(())
}

/// The names of the parts.
pub fn parts(index: &Path) -> Result<Vec<String>> {
    Ok(Index::open(Path::new(""), Some(index))?.parts().iter().map(|part| part.name().to_owned()).collect())
}

/// What lies in the folder besides parts and the lock.
pub fn leftovers(index: &Path) -> Result<Vec<String>> {
    let names = index.read_dir()?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<Result<Vec<String>>>()?;
    names.retain(|name| !name.starts_with("part-") && name != "commit.lock");
    Ok(names)
}
