//! Which examples lie in which part, as far as this process has looked.

use std::collections::BTreeMap;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};

use super::IndexError;
use super::reader::{Part, parts_in};
use super::rows::RowKey;
use super::schema::Table;

/// The parts of an index. A part never changes, so each is read once.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    parts: BTreeMap<String, Known>,
}

/// What there is to know of a part.
#[derive(Debug)]
pub(super) struct Known {
    pub part: Part,
    pub stamp: String,
    pub rows: Vec<KnownRow>,
}

/// A row of `examples`.
#[derive(Debug)]
pub(super) struct KnownRow {
    pub key: RowKey,
    pub error: Option<String>,
}

impl Ledger {
    /// Forgets parts that are gone and reads those that came.
    pub fn refresh(&mut self, folder: &Path) -> Result<(), IndexError> {
        // Outside of the commit lock a part may go while it is read; another has come for it.
        'look: loop {
            let listed = parts_in(folder)?;
            self.parts.retain(|name, _| listed.iter().any(|part| part.name() == name));
            for part in listed {
                if self.parts.contains_key(part.name()) {
                    continue;
                }
                let name = part.name().to_owned();
                match Known::read(part) {
                    Err(IndexError::Replaced { .. }) => continue 'look,
                    known => self.parts.insert(name, known?),
                };
            }
            return Ok(());
        }
    }

    /// Adds a part that this process wrote.
    pub fn insert(&mut self, known: Known) {
        self.parts.insert(known.part.name().to_owned(), known);
    }

    pub fn parts(&self) -> impl Iterator<Item = &Known> {
        self.parts.values()
    }
}

impl Known {
    fn read(part: Part) -> Result<Self, IndexError> {
        for table in [Table::HeadStats, Table::Tokens, Table::Thumbnails] {
            part.schema(table)?;
        }
        let mut rows = Vec::new();
        for batch in part.read(Table::Examples, &["example", "path", "size", "mtime_ns", "error"])? {
            let broken = |message: String| IndexError::Table {
                doing: "read the index in",
                path: part.folder().join(Table::Examples.file_name()),
                message,
            };
            let batch = batch.map_err(|error| broken(error.to_string()))?;
            rows.extend(known_rows(&batch).ok_or_else(|| broken("a column is missing".to_owned()))?);
        }
        Ok(Self { stamp: part.stamp()?, part, rows })
    }
}

fn known_rows(batch: &RecordBatch) -> Option<Vec<KnownRow>> {
    let numbers = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<Int64Type>();
    let texts = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
    let (examples, sizes, times) = (numbers("example")?, numbers("size")?, numbers("mtime_ns")?);
    let (paths, errors) = (texts("path")?, texts("error")?);
    let row = |row: usize| KnownRow {
        key: RowKey {
            example: examples.value(row),
            path: paths.value(row).to_owned(),
            version: (sizes.is_valid(row) && times.is_valid(row)).then(|| [sizes.value(row), times.value(row)]),
        },
        error: errors.is_valid(row).then(|| errors.value(row).to_owned()),
    };
    Some((0..batch.num_rows()).map(row).collect())
}
