//! Why an index cannot be read or written.

use std::io;
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;

/// What went wrong, with which file.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The file system says no.
    #[error("cannot {doing} {}: {cause}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A table is not as it should be.
    #[error("cannot {doing} {}: {message}", path.display())]
    Table {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// There is no index.
    #[error("there is no index in {}: `vlscope index` makes one", path.display())]
    Missing {
        /// Where it would be.
        path: PathBuf,
    },
    /// There is nothing to index.
    #[error("there are no traces in {}", path.display())]
    NoTraces {
        /// The dataset.
        path: PathBuf,
    },
    /// An index that holds no trace of this dataset is not overwritten.
    #[error("{} is the index of other traces: none of its {traces} is in {}", path.display(), dataset.display())]
    OfOtherTraces {
        /// The index.
        path: PathBuf,
        /// The dataset that it was to be the index of.
        dataset: PathBuf,
        /// How many rows it has.
        traces: usize,
    },
    /// The caller said so.
    #[error("cancelled")]
    Cancelled,
}

impl IndexError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Io { doing, path: path.to_owned(), cause }
    }

    pub(super) fn table(doing: &'static str, path: &Path, error: ParquetError) -> Self {
        let path = path.to_owned();
        // What the system said is worth more than the words around it.
        match error {
            ParquetError::External(cause) => match cause.downcast::<io::Error>() {
                Ok(cause) => Self::Io { doing, path, cause: *cause },
                Err(cause) => Self::Table { doing, path, message: cause.to_string() },
            },
            other => Self::Table { doing, path, message: other.to_string() },
        }
    }

    /// Whether a file is no longer there: another process replaced its part, and the index is to be opened again.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Io { cause, .. } if cause.kind() == io::ErrorKind::NotFound)
    }
}
