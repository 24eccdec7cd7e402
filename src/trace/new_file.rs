//! A file that is written beside its target and takes the target's name once it is whole: who reads the target sees the
//! old file or the new one, never a half. Rejected: writing in place, which a full disk leaves torn.

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file that is being written. Dropped before it is finished, it leaves nothing behind.
#[derive(Debug)]
pub struct NewFile {
    target: PathBuf,
    partial: Partial,
    out: BufWriter<File>,
}

impl NewFile {
    /// Begins a file that will lie at `target`, or where `target` links to.
    ///
    /// # Errors
    /// If its folder takes no file, or what is there may not be written or is no regular file, such as /dev/null, which
    /// the rename at the end would replace.
    pub fn beside(target: &Path) -> io::Result<Self> {
        let found = target.metadata().ok();
        if found.as_ref().is_some_and(|found| !found.is_file()) {
            return Err(io::Error::other("it is no regular file"));
        }
        if found.is_some() {
            // A rename asks the folder alone, and would replace a file that is write-protected.
            OpenOptions::new().write(true).open(target)?;
        }
        let target = target.canonicalize().unwrap_or_else(|_| target.to_owned());
        let (partial, file) = Partial::beside(&target)?;
        if let Some(found) = found {
            file.set_permissions(found.permissions())?;
        }
        Ok(Self { target, partial, out: BufWriter::new(file) })
    }

    /// Where its bytes are until it is finished.
    pub fn path(&self) -> &Path {
        &self.partial.path
    }

    /// Gives the file its name once its bytes are on the disk.
    ///
    /// # Errors
    /// If the disk is full or failed.
    pub fn finish(self) -> io::Result<()> {
        self.renamed(File::sync_all)
    }

    /// The same without waiting for the disk, which takes longer than writing a small file: a machine that loses its
    /// power may lose the file.
    ///
    /// # Errors
    /// If the disk is full or failed.
    pub fn finish_unsynced(self) -> io::Result<()> {
        self.renamed(|_| Ok(()))
    }

    fn renamed(self, sync: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
        let Self { target, partial, out } = self;
        // Some file systems tell only at the sync that they are full.
        sync(&out.into_inner()?)?;
        fs::rename(&partial.path, target)
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A file that is removed unless it was renamed.
#[derive(Debug)]
struct Partial {
    path: PathBuf,
}

impl Partial {
    /// A hidden file whose name no other process has, whatever one that was killed left behind. Rejected: names by
    /// process id, which is the same one in every container.
    fn beside(target: &Path) -> io::Result<(Self, File)> {
        let path = target.with_file_name(format!(".vlscope-{:016x}.partial", RandomState::new().hash_one(target)));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok((Self { path }, file))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After the rename there is nothing to remove; in any other case the error that led here matters more.
        let _ = fs::remove_file(&self.path);
    }
}
