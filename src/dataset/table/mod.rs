//! The examples of a dataset as a table in memory: one row an example, in the order of their paths.

mod column;
mod evaluate;
mod filter;
mod more;
mod rows;
mod sort;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub use column::{Column, Texts, Value, Values, written};
pub use filter::{Comparison, Filter, HeadColumn, QueryError, Term};
pub use sort::{SortKey, sort};

use super::notes::{Notes, Place, config_folder};
use super::{path_in, traces_in};

/// All examples of a dataset.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The dataset's folder.
    root: PathBuf,
    /// Of each row: its key in the other tables of the index.
    keys: Vec<i64>,
    /// Of each row: the size in bytes and the time of change in nanoseconds since 1970 of the file, when it was read.
    stamps: Vec<[i64; 2]>,
    columns: Vec<Column>,
    /// By what the index calls them: files whose names are no text.
    odd: OnceLock<HashMap<String, PathBuf>>,
}

impl Table {
    /// With what people wrote down about examples as the column `note`, if they did.
    fn with_notes(mut self) -> Self {
        let place = Place::of(&self.root, config_folder().as_deref());
        // Who reads the notes themselves is told of what is wrong with them.
        let notes = Notes::read(&place).unwrap_or_default();
        let labels: HashMap<&str, &str> =
            notes.examples().map(|label| (label.trace.as_str(), label.label.as_str())).collect();
        if labels.is_empty() {
            return self;
        }
        let Some(Values::Text(paths)) = self.column("path").map(|column| &column.values) else { return self };
        let label = |row: usize| paths.get(row).and_then(|path| labels.get(path)).copied();
        let values = Values::Text(Texts::of((0..self.len()).map(label)));
        self.columns.push(Column { name: "note".to_owned(), values });
        self
    }

    /// Number of examples.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The dataset's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Each example's key in the other tables of the index.
    pub fn keys(&self) -> &[i64] {
        &self.keys
    }

    /// Size in bytes and time of change in nanoseconds since 1970 of an example's file when it was read.
    pub fn stamp(&self, row: usize) -> Option<[i64; 2]> {
        self.stamps.get(row).copied()
    }

    /// All columns, in the order in which they are offered.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column of that name; `prediction` means `output_prediction` and `question_type` `attribute_question_type` where no
    /// column has the shorter name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        let named = |wanted: &str| self.columns.iter().find(|column| column.name == wanted);
        named(name).or_else(|| named(&format!("output_{name}"))).or_else(|| named(&format!("attribute_{name}")))
    }

    /// What a column says of a row; [`Value::None`] if there is no such column.
    pub fn value(&self, name: &str, row: usize) -> Value<'_> {
        self.column(name).map_or(Value::None, |column| column.values.value(row))
    }

    /// The file that is called so, if its name is no text. The folder is looked through once, if any name is like that.
    fn odd(&self, path: &str) -> Option<PathBuf> {
        if !path.contains(char::REPLACEMENT_CHARACTER) {
            return None;
        }
        let odd = self.odd.get_or_init(|| {
            let files = traces_in(&self.root).unwrap_or_default().files.into_iter();
            // Of several that are called the same, the index has the first.
            files.rev().filter(|file| file.to_str().is_none()).map(|file| (path_in(&self.root, &file), file)).collect()
        });
        odd.get(path).cloned()
    }

    /// The file of an example.
    pub fn path(&self, row: usize) -> PathBuf {
        match self.value("path", row) {
            Value::Text(path) => self.odd(path).unwrap_or_else(|| self.root.join(path)),
            _ => self.root.clone(),
        }
    }
}
