//! Whether a file is still the one that was opened. A trace is mapped: what another process cuts off is no longer there
//! to be read, and what it writes anew no longer fits the header.

use std::fs::Metadata;
use std::time::SystemTime;

/// What tells a file from what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    /// Another file of the same name has another number.
    inode: u64,
}

impl Stamp {
    pub fn of(file: &Metadata) -> Self {
        Self { bytes: file.len(), modified: file.modified().ok(), inode: inode(file) }
    }
}

#[cfg(unix)]
fn inode(file: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(file)
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}
