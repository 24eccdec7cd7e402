//! What is said of a token's example: its file, its name, and whether its answer was right.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use arrow_array::Array;
use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;

use crate::dataset::index::{Index, IndexError, Table};

/// By key.
#[derive(Clone, Debug, Default)]
pub struct Examples {
    rows: HashMap<i64, Row>,
}

#[derive(Clone, Debug)]
struct Row {
    path: PathBuf,
    /// Relative to the dataset.
    name: String,
    id: Option<String>,
    is_right: Option<bool>,
}

impl Examples {
    /// Reads the examples of all parts; `dataset` is the folder that paths start from.
    ///
    /// # Errors
    /// If a table cannot be read.
    pub fn read(dataset: &Path, index: &Index) -> Result<Self, IndexError> {
        let mut rows = HashMap::new();
        for part in index.parts() {
            let table = part.folder().join(Table::Examples.file_name());
            let wrong = |message: String| IndexError::Table { doing: "read the index in", path: table.clone(), message };
            for batch in part.read(Table::Examples, &["example", "path", "id", "output_correct"])? {
                let batch = batch.map_err(|error| wrong(error.to_string()))?;
                let typed = || {
                    let keys = batch.column_by_name("example")?.as_primitive_opt::<Int64Type>()?;
                    Some((keys, batch.column_by_name("path")?.as_string_opt::<i32>()?))
                };
                let (keys, names) = typed().ok_or_else(|| wrong("it holds no keys and paths".to_owned()))?;
                let ids = batch.column_by_name("id").and_then(|column| column.as_string_opt::<i32>());
                let right = batch.column_by_name("output_correct").and_then(|column| column.as_boolean_opt());
                for row in 0..batch.num_rows() {
                    let name = names.value(row).to_owned();
                    let id = ids.filter(|ids| !ids.is_null(row)).map(|ids| ids.value(row).to_owned());
                    let is_right = right.filter(|right| !right.is_null(row)).map(|right| right.value(row));
                    rows.insert(keys.value(row), Row { path: dataset.join(&name), name, id, is_right });
                }
            }
        }
        Ok(Self { rows })
    }

    /// The keys of all.
    pub fn keys(&self) -> impl Iterator<Item = i64> + '_ {
        self.rows.keys().copied()
    }

    /// The trace of an example.
    pub fn path(&self, key: i64) -> Option<&Path> {
        Some(&self.rows.get(&key)?.path)
    }

    /// Its id, or its path in the dataset where it has none.
    pub fn name(&self, key: i64) -> Option<&str> {
        let row = self.rows.get(&key)?;
        Some(row.id.as_deref().unwrap_or(&row.name))
    }

    /// Whether its answer was right, where the trace says so.
    pub fn is_right(&self, key: i64) -> Option<bool> {
        self.rows.get(&key)?.is_right
    }

    /// The example of this id or path; of several the first by path.
    pub fn find(&self, id_or_path: &str) -> Option<i64> {
        let is_it = |row: &&Row| row.name == id_or_path || row.id.as_deref() == Some(id_or_path);
        let found = self.rows.iter().filter(|(_, row)| is_it(row));
        found.min_by(|(_, a), (_, b)| a.name.cmp(&b.name)).map(|(&key, _)| key)
    }
}
