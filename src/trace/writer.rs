//! Writes a trace front to back: the header says from the start where each tensor will lie, then their bytes follow.
//! No tensor needs to be in memory whole. The file takes its name once it opens as a trace.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::header::Entry;
use super::kinds::TABLE;
use super::take::take;
use super::{Dtype, METADATA_KEY, NewFile, Trace, TraceError, schema};

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

    /// One 32-bit whole number a value.
    pub fn numbers(name: impl Into<String>, shape: &[usize]) -> Self {
        Self { name: name.into(), dtype: "I32", item_bytes: 4, shape: shape.to_vec() }
    }

    /// One byte a value.
    pub fn bytewise(name: impl Into<String>, shape: &[usize]) -> Self {
        Self { name: name.into(), dtype: "U8", item_bytes: 1, shape: shape.to_vec() }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// As it will be found, but for its place.
    fn entry(&self) -> Entry {
        Entry { dtype: self.dtype.to_owned(), shape: self.shape.clone(), begin: 0, end: 0 }
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
    out: NewFile,
}

impl TraceWriter {
    /// Writes the header. `document` is the JSON document of the format; the tensors are to be written in this order,
    /// best with the widest values first, so that each is aligned.
    ///
    /// # Errors
    /// If the file cannot be created, or the tensors are too large for any file or not those of the document.
    pub fn create(target: &Path, document: &Value, tensors: &[TensorSpec]) -> Result<Self, TraceError> {
        let refused = |message| TraceError::new(target, message);
        let text = document.to_string();
        let header = header(&text, tensors).map_err(refused)?;
        let entries = tensors.iter().map(|tensor| (tensor.name.clone(), tensor.entry())).collect();
        schema::parse(&text).and_then(|document| take(&TABLE, &document, entries)).map_err(refused)?;
        let doing = if target.exists() { "write" } else { "create" };
        let out = NewFile::beside(target).map_err(|error| TraceError::io(target, doing, &error))?;
        let mut writer = Self { target: target.to_owned(), out };
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
        self.checked(NewFile::finish)
    }

    /// The same without waiting for the disk ([`NewFile::finish_unsynced`]).
    pub(super) fn finish_unsynced(self) -> Result<(), TraceError> {
        self.checked(NewFile::finish_unsynced)
    }

    fn checked(self, finish: impl FnOnce(NewFile) -> io::Result<()>) -> Result<(), TraceError> {
        let Self { target, mut out } = self;
        let unwritten = |error| TraceError::io(&target, "write", &error);
        out.flush().map_err(unwritten)?;
        Trace::open(out.path()).map_err(|error| TraceError::new(&target, error.message))?;
        finish(out).map_err(unwritten)
    }
}

/// The JSON header, padded so that the tensors begin at a multiple of eight.
fn header(document: &str, tensors: &[TensorSpec]) -> Result<String, String> {
    let mut entries = Map::new();
    entries.insert("__metadata__".to_owned(), json!({ METADATA_KEY: document }));
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
