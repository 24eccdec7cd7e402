//! Writes the folder of one part: all four tables, on the disk before the folder gets its name.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use arrow_select::filter::filter_record_batch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::IndexError;
use super::columns::Columns;
use super::rows::Row;
use super::schema::{STAMP_KEY, Table};
use super::tables;

const WRITING: &str = "write the index to";
/// Rows that are written at once: with 64 numbers each, what fits the second cache.
const WRITE_ROWS: usize = 1024;

/// A folder that is removed unless it was renamed.
#[derive(Debug)]
pub(super) struct PartialPart {
    pub path: PathBuf,
}

impl Drop for PartialPart {
    fn drop(&mut self) {
        // After the rename there is nothing to remove; in any other case the error that led here matters more.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Writes the rows to a new folder, with these columns of free names. `stamp` says by what options.
pub(super) fn write(folder: PathBuf, rows: &[Row], free: &Columns, stamp: &str) -> Result<PartialPart, IndexError> {
    let part = create(folder)?;
    for table in Table::ALL {
        let path = part.path.join(table.file_name());
        let written = tables::table(table, rows, free).map_err(ParquetError::from).and_then(|batch| {
            let mut writer = TableWriter::create(&path, table, batch.schema_ref(), stamp)?;
            writer.write(&batch)?;
            writer.finish()
        });
        written.map_err(|error| IndexError::table(WRITING, &path, error))?;
    }
    sync_folder(&part.path)?;
    Ok(part)
}

/// Copies a part without some examples.
pub(super) fn write_without(
    folder: PathBuf,
    old: &Path,
    gone: &HashSet<i64>,
    stamp: &str,
) -> Result<PartialPart, IndexError> {
    let part = create(folder)?;
    for table in Table::ALL {
        let (from, to) = (old.join(table.file_name()), part.path.join(table.file_name()));
        let file = File::open(&from).map_err(IndexError::io("read the index in", &from))?;
        let copied = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| {
            let mut writer = TableWriter::create(&to, table, builder.schema(), stamp)?;
            for batch in builder.build()? {
                writer.write(&without(&batch?, gone)?)?;
            }
            writer.finish()
        });
        copied.map_err(|error| IndexError::table(WRITING, &to, error))?;
    }
    sync_folder(&part.path)?;
    Ok(part)
}

fn without(batch: &RecordBatch, gone: &HashSet<i64>) -> Result<RecordBatch, ParquetError> {
    let examples = batch.column_by_name("example").and_then(|column| column.as_primitive_opt::<Int64Type>());
    let examples = examples.ok_or_else(|| ParquetError::General("column `example` is missing".into()))?;
    let stays = examples.iter().map(|example| example.map(|example| !gone.contains(&example)));
    Ok(filter_record_batch(batch, &stays.collect::<BooleanArray>())?)
}

fn create(folder: PathBuf) -> Result<PartialPart, IndexError> {
    fs::create_dir(&folder).map_err(IndexError::io(WRITING, &folder))?;
    Ok(PartialPart { path: folder })
}

/// Makes what was created or renamed in a folder last.
pub(super) fn sync_folder(folder: &Path) -> Result<(), IndexError> {
    // Windows opens no folder as a file, and needs none.
    if cfg!(unix) {
        let synced = File::open(folder).and_then(|file| file.sync_all());
        // Some network file systems have no sync of folders.
        match synced {
            Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => {}
            synced => synced.map_err(IndexError::io(WRITING, folder))?,
        }
    }
    Ok(())
}

struct TableWriter {
    writer: ArrowWriter<BufWriter<File>>,
}

impl TableWriter {
    fn create(path: &Path, table: Table, schema: &SchemaRef, stamp: &str) -> Result<Self, ParquetError> {
        let file = BufWriter::with_capacity(1 << 18, File::create_new(path)?);
        let writer = ArrowWriter::try_new(file, SchemaRef::clone(schema), Some(properties(table, schema, stamp)))?;
        Ok(Self { writer })
    }

    /// By slices: the writer makes arrays of indices and levels of all numbers that it is given, larger than these.
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        let rows = batch.num_rows();
        (0..rows)
            .step_by(WRITE_ROWS)
            .try_for_each(|first| self.writer.write(&batch.slice(first, WRITE_ROWS.min(rows - first))))
    }

    fn finish(self) -> Result<(), ParquetError> {
        let mut file = self.writer.into_inner()?;
        file.flush()?;
        let file = file.into_inner().map_err(|error| ParquetError::from(error.into_error()))?;
        // Some file systems tell only now that they are full.
        Ok(file.sync_all()?)
    }
}

fn properties(table: Table, schema: &SchemaRef, stamp: &str) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(concat!("vlscope ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(vec![KeyValue::new(STAMP_KEY.to_owned(), stamp.to_owned())]));
    for field in schema.fields() {
        // Measured numbers do not repeat: a dictionary of them is work for nothing. Hidden states and pictures do not become
        // smaller either, and nobody asks for the least of them.
        let (path, is_opaque) = match field.data_type() {
            DataType::Float32 if table == Table::HeadStats || field.name() == "norm" => {
                (vec![field.name().clone()], false)
            }
            DataType::List(item) => (vec![field.name().clone(), "list".to_owned(), item.name().clone()], true),
            DataType::Binary => (vec![field.name().clone()], true),
            _ => continue,
        };
        let path = ColumnPath::new(path);
        properties = properties.set_column_dictionary_enabled(path.clone(), false);
        if is_opaque {
            properties = properties
                .set_column_compression(path.clone(), Compression::UNCOMPRESSED)
                .set_column_statistics_enabled(path, EnabledStatistics::None);
        }
    }
    properties.build()
}
