//! Why an index cannot be read or written.

use std::io;
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;

use super::schema::PART_PREFIX;

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
    /// Another process put another part in the place of one.
    #[error("the index has changed while it was read: open it again: {}", path.display())]
    Replaced {
        /// The part.
        path: PathBuf,
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
    #[error(
        "{path} is the index of other traces: none of its {traces} is in {dataset}; if they were moved, delete {path}, or \
         name another folder for the index",
        path = path.display(), dataset = dataset.display()
    )]
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

    /// Whether a part is no longer there: another process replaced it, and the index is to be opened again.
    pub fn is_gone(&self) -> bool {
        match self {
            Self::Replaced { .. } => true,
            Self::Io { cause, .. } => cause.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }

    /// The part that cannot be read since a table of it is missing or is none. A part that another process takes away goes as
    /// a whole.
    pub(super) fn damaged_part(&self) -> Option<&Path> {
        let part = match self {
            Self::Table { path, .. } => path.parent()?,
            Self::Io { path, cause, .. }
                if matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
            {
                path.parent()?
            }
            _ => return None,
        };
        let is_part = part.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PART_PREFIX));
        (is_part && part.exists()).then_some(part)
    }
}
