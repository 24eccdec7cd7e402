//! Writes a trace front to back: the header says from the start where each tensor will lie, then their bytes follow.
//! No tensor needs to be in memory whole.
//!
//! The bytes go to a hidden file beside the target, which takes the target's name once it opens as a trace: who reads
//! the target sees the old file or the new one, never a half. Rejected: writing in place, which a full disk leaves torn.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{Dtype, METADATA_KEY, Trace, TraceError};

/// A tensor that will be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    name: String,
    dtype: &'static str,
    item_bytes: usize,
    shape: Vec<usize>,
}

impl TensorSpec {
    /// Attention, hidden states or a head metric.
    pub fn weights(name: impl Into<String>, dtype: Dtype, shape: &[usize]) -> Self {
        Self { name: name.into(), dtype: dtype.name(), item_bytes: dtype.bytes(), shape: shape.to_vec() }
    }

    /// `[height, width, 3]`, one byte a value.
    pub fn image(name: impl Into<String>, [width, height]: [usize; 2]) -> Self {
        Self { name: name.into(), dtype: "U8", item_bytes: 1, shape: vec![height, width, 3] }
    }

    /// Its size, or `None` if no file could hold it.
    pub fn bytes(&self) -> Option<u64> {
        let product = self.shape.iter().try_fold(self.item_bytes, |product, &side| product.checked_mul(side))?;
        u64::try_from(product).ok()
    }
}

/// A trace that is being written. Dropped before [`TraceWriter::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct TraceWriter {
    target: PathBuf,
    partial: PartialFile,
    out: BufWriter<File>,
}

impl TraceWriter {
    /// Writes the header. `document` is the JSON document of the format; the tensors are to be written in this order,
    /// best with the widest values first, so that each is aligned.
    ///
    /// # Errors
    /// If the file cannot be created, or the tensors are too large for any file.
    pub fn create(target: &Path, document: &Value, tensors: &[TensorSpec]) -> Result<Self, TraceError> {
        // The rename at the end would replace a device such as /dev/null.
        if target.metadata().is_ok_and(|found| !found.is_file()) {
            return Err(TraceError::new(target, "cannot write: it is no regular file"));
        }
        let header = header(document, tensors).map_err(|message| TraceError::new(target, message))?;
        let cannot_create = |error| TraceError::io(target, "create", &error);
        let (partial, file) = PartialFile::beside(target).map_err(cannot_create)?;
        let mut writer = Self { target: target.to_owned(), partial, out: BufWriter::new(file) };
        writer.write(&(header.len() as u64).to_le_bytes())?;
        writer.write(header.as_bytes())?;
        Ok(writer)
    }

    /// Writes the next bytes of the tensors.
    ///
    /// # Errors
    /// If the disk is full or failed.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), TraceError> {
        self.out.write_all(bytes).map_err(|error| TraceError::io(&self.target, "write", &error))
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// If the disk is full or failed, or what was written is not a sound trace.
    pub fn finish(self) -> Result<(), TraceError> {
        self.flushed(File::sync_all)
    }

    /// The same without waiting for the disk, which takes longer than writing a small trace: a machine that loses its
    /// power may lose the file.
    pub(super) fn finish_unsynced(self) -> Result<(), TraceError> {
        self.flushed(|_| Ok(()))
    }

    fn flushed(self, sync: impl FnOnce(&File) -> std::io::Result<()>) -> Result<(), TraceError> {
        let Self { target, partial, out } = self;
        let file = out.into_inner().map_err(|error| TraceError::io(&target, "write", error.error()))?;
        // Some file systems tell only now that they are full.
        sync(&file).map_err(|error| TraceError::io(&target, "write", &error))?;
        Trace::open(&partial.path).map_err(|error| TraceError::new(&target, error.message))?;
        fs::rename(&partial.path, &target).map_err(|error| TraceError::io(&target, "write", &error))
    }
}

/// A file that is removed unless it was renamed.
#[derive(Debug)]
struct PartialFile {
    path: PathBuf,
}

impl PartialFile {
    fn beside(target: &Path) -> std::io::Result<(Self, File)> {
        let name = target.file_name().ok_or(std::io::ErrorKind::InvalidFilename)?.to_string_lossy();
        let path = target.with_file_name(format!(".{name}.{}.partial", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok((Self { path }, file))
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        // After the rename there is nothing to remove; in any other case the error that led here matters more.
        let _ = fs::remove_file(&self.path);
    }
}

/// The JSON header, padded so that the tensors begin at a multiple of eight.
fn header(document: &Value, tensors: &[TensorSpec]) -> Result<String, String> {
    let mut entries = Map::new();
    entries.insert("__metadata__".to_owned(), json!({ METADATA_KEY: document.to_string() }));
    let mut begin = 0_u64;
    for tensor in tensors {
        let TensorSpec { name, dtype, shape, .. } = tensor;
        let end = tensor.bytes().and_then(|bytes| begin.checked_add(bytes));
        let end = end.ok_or_else(|| format!("tensor `{name}` is too large: its shape is {shape:?}"))?;
        entries.insert(name.clone(), json!({"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}));
        begin = end;
    }
    let mut text = Value::Object(entries).to_string();
    text.extend(std::iter::repeat_n(' ', text.len().next_multiple_of(8) - text.len()));
    Ok(text)
}
