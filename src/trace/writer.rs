//! Writes a trace tensor by tensor, so that none but the current one is in memory. The file appears under its name
//! only when it is whole.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{METADATA_KEY, TraceError};

/// A tensor that will be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Its name in the file.
    pub name: String,
    /// As safetensors names it: `F32`, `F16`, `BF16` or `U8`.
    pub dtype: &'static str,
    /// Outermost dimension first.
    pub shape: Vec<usize>,
    /// Size of all elements.
    pub bytes: u64,
}

/// A trace on its way to the disk. Dropped before [`TraceWriter::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct TraceWriter {
    file: Option<BufWriter<File>>,
    path: PathBuf,
    unfinished: PathBuf,
    remaining_bytes: u64,
}

impl TraceWriter {
    /// Begins a file that holds this document and these tensors, in this order.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn create(path: &Path, document: &Value, tensors: &[Announced]) -> Result<Self, TraceError> {
        let mut header = Map::new();
        header.insert("__metadata__".into(), json!({ METADATA_KEY: document.to_string() }));
        let mut place = 0_u64;
        for tensor in tensors {
            let end = place + tensor.bytes;
            let entry = json!({"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [place, end]});
            header.insert(tensor.name.clone(), entry);
            place = end;
        }
        let mut text = Value::Object(header).to_string();
        // Tensors that begin at a multiple of eight are read without a copy.
        while text.len() % 8 != 0 {
            text.push(' ');
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.unfinished", std::process::id()));
        let unfinished = path.with_file_name(name);
        let file = File::create(&unfinished).map_err(|error| TraceError::io(path, "write", error))?;
        let mut writer = Self {
            file: Some(BufWriter::with_capacity(1 << 20, file)),
            path: path.to_owned(),
            unfinished,
            remaining_bytes: place,
        };
        writer.put(&(text.len() as u64).to_le_bytes())?;
        writer.put(text.as_bytes())?;
        Ok(writer)
    }

    /// Appends bytes of the announced tensors.
    ///
    /// # Errors
    /// If the disk is full or fails, or more comes than was announced.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), TraceError> {
        self.remaining_bytes = self
            .remaining_bytes
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| TraceError::new(&self.path, "more tensors were written than announced"))?;
        self.put(bytes)
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// If the disk is full or fails, or less came than was announced.
    pub fn finish(mut self) -> Result<(), TraceError> {
        if self.remaining_bytes > 0 {
            return Err(TraceError::new(&self.path, "fewer tensors were written than announced"));
        }
        let failed = |error| TraceError::io(&self.path, "write", error);
        if let Some(mut file) = self.file.take() {
            file.flush().map_err(failed)?;
        }
        std::fs::rename(&self.unfinished, &self.path).map_err(failed)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), TraceError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(bytes).map_err(|error| TraceError::io(&self.path, "write", error))
    }
}

impl Drop for TraceWriter {
    fn drop(&mut self) {
        self.file = None;
        // Gone already if it was finished.
        let _ = std::fs::remove_file(&self.unfinished);
    }
}
