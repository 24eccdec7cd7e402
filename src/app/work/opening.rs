//! What a path is: a trace, a folder of traces, a folder with an index.

use std::path::{Path, PathBuf};

use crate::dataset::table::Table;
use crate::dataset::{Dataset, IndexError, Traces, traces_in};
use crate::trace::Trace;

/// What is to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// A trace, or a folder.
    pub path: PathBuf,
    /// Of its index, if not `.vlscope` in it.
    pub index_dir: Option<PathBuf>,
    /// Whether it is another one than before.
    pub is_other: bool,
}

/// What a path was.
pub enum Opened {
    /// A folder with an index.
    Indexed(Dataset),
    /// A trace, or a folder of traces; why its index was not read if it has one.
    Plain { dataset: Dataset, files: Vec<PathBuf>, why: Option<IndexError> },
    /// Nothing that can be shown.
    Nothing(String),
}

/// Finds out what it is.
pub fn open(Opening { path, index_dir, .. }: &Opening) -> Opened {
    let cannot = |error: &dyn std::fmt::Display| Opened::Nothing(format!("cannot open {}: {error}", path.display()));
    if path.is_file() {
        // What was open before goes on, list and all, where this one cannot be read.
        if let Err(error) = Trace::open(path) {
            return Opened::Nothing(error.to_string());
        }
        let root = path.parent().unwrap_or(Path::new("")).to_owned();
        let files = vec![path.to_owned()];
        let dataset = Dataset::without_index(Table::of_files(&root, &files));
        return Opened::Plain { dataset, files, why: None };
    }
    let why = match Dataset::open(path, index_dir.as_deref()) {
        Ok(dataset) if !dataset.table.is_empty() => return Opened::Indexed(dataset),
        Ok(_) | Err(IndexError::Missing { .. }) => None,
        Err(error) => Some(error),
    };
    match traces_in(path) {
        Err(error) => cannot(&error),
        Ok(Traces { files, .. }) if files.is_empty() => {
            Opened::Nothing(format!("no trace (*.safetensors) in the folder {}", path.display()))
        }
        Ok(Traces { files, .. }) => {
            Opened::Plain { dataset: Dataset::without_index(Table::of_files(path, &files)), files, why }
        }
    }
}
