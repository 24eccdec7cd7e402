//! Why a file is not a trace, in words that name the file, the tensor or key, what was found and what was expected.
//! python/ refuses the same files with the same words; tests/traces/messages.json holds both to them.

use std::io;
use std::path::{Path, PathBuf};

use super::display::{LINE_LETTERS, shortened};

/// A trace that cannot be read or written. Reads `{message}: {path}`.
#[derive(Debug, thiserror::Error)]
#[error("{message}: {}", path.display())]
pub struct TraceError {
    /// What is wrong.
    pub message: String,
    /// With which file.
    pub path: PathBuf,
    io_kind: Option<io::ErrorKind>,
}

impl TraceError {
    pub(super) fn new(path: &Path, message: impl Into<String>) -> Self {
        let message = shortened(&message.into(), LINE_LETTERS).into_owned();
        Self { message, path: path.to_owned(), io_kind: None }
    }

    pub(super) fn io(path: &Path, doing: &str, error: &io::Error) -> Self {
        Self { io_kind: Some(error.kind()), ..Self::new(path, format!("cannot {doing}: {error}")) }
    }

    /// What the system said, if it was the system that refused and not the content.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        self.io_kind
    }
}
