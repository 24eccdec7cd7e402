//! Reads an index: chosen columns of a table of every part.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use arrow_schema::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::IndexError;
use super::schema::{PART_PREFIX, STAMP_KEY, Table, index_folder};

const READING: &str = "read the index in";
/// Rows of a batch: what fits the second cache.
const BATCH_ROWS: usize = 8192;

/// The parts that were there when it was opened.
#[derive(Clone, Debug)]
pub struct Index {
    folder: PathBuf,
    parts: Vec<Part>,
}

/// Some of the examples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    name: String,
    folder: PathBuf,
}

impl Index {
    /// Opens the index of a dataset: `dir/.vlscope`, or the folder that `--index-dir` named. No table is read yet.
    ///
    /// # Errors
    /// If there is none, or its folder cannot be read.
    pub fn open(dir: &Path, index_dir: Option<&Path>) -> Result<Self, IndexError> {
        let folder = index_folder(dir, index_dir);
        let parts = match parts_in(&folder) {
            Err(error) if error.is_gone() => return Err(IndexError::Missing { path: folder }),
            parts => parts?,
        };
        Ok(Self { folder, parts })
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// In the order of their names, which is about that of their making.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }
}

/// The parts of an index, in the order of their names.
pub(super) fn parts_in(folder: &Path) -> Result<Vec<Part>, IndexError> {
    let names = folder.read_dir().and_then(|entries| {
        let name = |entry: io::Result<std::fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
        entries.map(name).collect::<io::Result<Vec<String>>>()
    });
    let mut names = names.map_err(IndexError::io(READING, folder))?;
    names.retain(|name| name.starts_with(PART_PREFIX));
    names.sort();
    Ok(names.into_iter().map(|name| Part::new(folder, name)).collect())
}

impl Part {
    pub(super) fn new(index: &Path, name: String) -> Self {
        Self { folder: index.join(&name), name }
    }

    /// The name of its folder: another part, another name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder of its tables.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The columns of a table. Which `output_…`, `attribute_…`, `metric_…` and `hidden_…` there are, and of which type,
    /// may differ from part to part.
    ///
    /// # Errors
    /// If the table cannot be read; see [`IndexError::is_gone`].
    pub fn schema(&self, table: Table) -> Result<SchemaRef, IndexError> {
        Ok(self.open(table)?.1.schema().clone())
    }

    /// How many rows a table has.
    ///
    /// # Errors
    /// As [`Part::schema`].
    pub fn rows(&self, table: Table) -> Result<usize, IndexError> {
        let rows = self.open(table)?.1.metadata().file_metadata().num_rows();
        Ok(usize::try_from(rows).unwrap_or(0))
    }

    /// The rows of a table in its order, with no other columns than these, in the order of the table; one that this part
    /// does not have is left out.
    ///
    /// # Errors
    /// As [`Part::schema`]. The batches have errors of their own.
    pub fn read(&self, table: Table, columns: &[&str]) -> Result<ParquetRecordBatchReader, IndexError> {
        let (path, builder) = self.open(table)?;
        let wanted: HashSet<&str> = columns.iter().copied().collect();
        let fields = builder.schema().fields().iter().enumerate();
        let chosen = fields.filter(|(_, field)| wanted.contains(field.name().as_str())).map(|(index, _)| index);
        let mask = ProjectionMask::roots(builder.parquet_schema(), chosen.collect::<Vec<_>>());
        let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build();
        reader.map_err(|error| IndexError::table(READING, &path, error))
    }

    /// By which version of the layout and which options it was written.
    pub(super) fn stamp(&self) -> Result<String, IndexError> {
        let (_, builder) = self.open(Table::Examples)?;
        let pairs = builder.metadata().file_metadata().key_value_metadata();
        let stamp = pairs.into_iter().flatten().find(|pair| pair.key == STAMP_KEY);
        Ok(stamp.and_then(|pair| pair.value.clone()).unwrap_or_default())
    }

    fn open(&self, table: Table) -> Result<(PathBuf, ParquetRecordBatchReaderBuilder<File>), IndexError> {
        let path = self.folder.join(table.file_name());
        let file = File::open(&path).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound if !self.folder.exists() => IndexError::Replaced { path: self.folder.clone() },
            _ => IndexError::Io { doing: READING, path: path.clone(), cause },
        })?;
        match ParquetRecordBatchReaderBuilder::try_new(file) {
            Ok(builder) => Ok((path, builder)),
            Err(error) => Err(IndexError::table(READING, &path, error)),
        }
    }
}
