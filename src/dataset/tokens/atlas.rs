//! One projection of the hidden states of all tokens, fitted once for an index and a state, and kept beside its parts.
//!
//! The two principal components are those of at most [`SAMPLE`] tokens, which are drawn by a hash of their place and so
//! spread over all examples and positions; every token is then put on these axes, batch by batch, so that the states are
//! never in memory all at once. The places are a Parquet file of their own with the names of the parts that they were
//! made of: another part, another fit. Where the folder cannot be written they stay in memory.
//!
//! Rejected: t-SNE or UMAP, which have no place for the token that comes later and take minutes from 10,000 on; every n-th
//! token as sample, which meets the same position of every example where examples are of n tokens.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Float32Type;
use arrow_array::{Array, ArrayRef, Float32Array, Int32Array, Int64Array, RecordBatch};
use ndarray::Array2;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use twox_hash::XxHash64;

use super::columns::{COLUMNS, Collector, Tokens, each_batch};
use crate::analysis::projection::Components;
use crate::dataset::index::{Index, IndexError, Table};
use crate::trace::NewFile;

/// The most tokens that the axes are fitted on.
const SAMPLE: usize = 50_000;
/// Of the choice of those.
const SEED: u64 = 0;
/// The folder in that of the index.
const FOLDER: &str = "tokens";
/// The key of what the places were made of, in the metadata of their file.
const FINGERPRINT: &str = "vlscope.tokens";

/// All tokens, and where their states lie in the plane.
#[derive(Clone, Debug)]
pub struct TokenAtlas {
    /// What the index says of each.
    pub tokens: Tokens,
    /// `[tokens]`: the coordinates on both components; not numbers where a token has no such state.
    pub points: Vec<[f32; 2]>,
    /// Which state.
    pub state: usize,
    /// The share of the variance of the fitted tokens that each axis explains, from 0 to 1.
    pub explained: [f32; 2],
    /// How many tokens the axes were fitted on.
    pub fitted_on: usize,
    /// Whether the places were found in their file.
    pub was_stored: bool,
    /// Why the places could not be kept, if they could not.
    pub unkept: Option<String>,
}

/// Why there is no atlas.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The index cannot be read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// No part has this state.
    #[error("the index {} holds no hidden state {state}: {}", folder.display(), there_are(states))]
    NoState {
        /// Of the index.
        folder: PathBuf,
        /// That was asked for.
        state: usize,
        /// That there are.
        states: Vec<usize>,
    },
    /// The dataset has no such token.
    #[error("{0}")]
    NoToken(String),
    /// A trace that was indexed cannot be read any more.
    #[error(transparent)]
    Trace(#[from] crate::trace::TraceError),
    /// The caller said so.
    #[error("cancelled")]
    Cancelled,
}

fn there_are(states: &[usize]) -> String {
    match states {
        [] => "it was indexed without hidden states".to_owned(),
        _ => format!("there are {}", states.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// The hidden states that an index holds, ascending.
///
/// # Errors
/// If a part cannot be read.
pub fn states(index: &Index) -> Result<Vec<usize>, IndexError> {
    let mut states = std::collections::BTreeSet::<usize>::new();
    for part in index.parts() {
        let schema = part.schema(Table::Tokens)?;
        states.extend(
            schema.fields().iter().filter_map(|field| field.name().strip_prefix("hidden_")?.parse::<usize>().ok()),
        );
    }
    Ok(states.into_iter().collect())
}

/// Fails if no part holds this state.
pub(super) fn require(index: &Index, state: usize) -> Result<(), TokenError> {
    let states = states(index)?;
    if states.contains(&state) {
        Ok(())
    } else {
        Err(TokenError::NoState { folder: index.folder().to_owned(), state, states })
    }
}

impl TokenAtlas {
    /// What a picture of it is called.
    pub fn title(&self) -> String {
        format!("Hidden state {} of all tokens", self.state)
    }

    /// Reads the places of an index's tokens, or fits them and keeps them. `progress` is told how far the work is, from 0 to
    /// 1, and says whether to go on.
    ///
    /// # Errors
    /// If the index cannot be read, holds no such state, or `progress` says to stop.
    pub fn open(index: &Index, state: usize, progress: &mut dyn FnMut(f32) -> bool) -> Result<Self, TokenError> {
        require(index, state)?;
        let path = index.folder().join(FOLDER).join(format!("hidden_{state}.parquet"));
        let fingerprint = fingerprint(index, state);
        if let Some((points, explained, fitted_on)) = stored(&path, &fingerprint) {
            let tokens = Tokens::read(index)?;
            if tokens.len() == points.len() {
                return Ok(Self { tokens, points, state, explained, fitted_on, was_stored: true, unkept: None });
            }
        }
        let mut atlas = Self::fit(index, state, progress)?;
        atlas.unkept = atlas.keep(&path, &fingerprint).err();
        Ok(atlas)
    }

    fn fit(index: &Index, state: usize, progress: &mut dyn FnMut(f32) -> bool) -> Result<Self, TokenError> {
        let column = format!("hidden_{state}");
        let mut total = 0;
        for part in index.parts() {
            total += part.rows(Table::Tokens)?;
        }
        let mut done = 0;
        let mut goes_on = |rows: usize| {
            done += rows;
            progress(done as f32 / (2 * total).max(1) as f32)
        };

        let chance = SAMPLE as f64 / total.max(1) as f64;
        let is_drawn = |row: usize| {
            let hash = XxHash64::oneshot(SEED, &(row as u64).to_le_bytes());
            chance >= 1.0 || (hash as f64 / u64::MAX as f64) < chance
        };
        let (mut sample, mut dim, mut row) = (Vec::new(), 0, 0);
        let is_whole = each_batch(index, &[&column], &mut |batch| {
            for at in 0..batch.num_rows() {
                if is_drawn(row + at)
                    && let Some(values) = hidden(batch, &column, at)?
                    && (dim == 0 || values.len() == dim)
                    && values.iter().all(|value| value.is_finite())
                {
                    dim = values.len();
                    sample.extend_from_slice(values);
                }
            }
            row += batch.num_rows();
            Ok(goes_on(batch.num_rows()))
        })?;
        if !is_whole {
            return Err(TokenError::Cancelled);
        }
        let fitted_on = sample.len().checked_div(dim).unwrap_or(0);
        let sample = Array2::from_shape_vec((fitted_on, dim), sample).unwrap_or_default();
        let components = Components::of(&sample);
        drop(sample);

        let mut collector = Collector::default();
        let mut points = Vec::with_capacity(total);
        let columns: Vec<&str> = COLUMNS.iter().copied().chain([column.as_str()]).collect();
        let is_whole = each_batch(index, &columns, &mut |batch| {
            collector.add(batch)?;
            let first = points.len();
            points.resize(first + batch.num_rows(), [f32::NAN; 2]);
            let (mut rows, mut values) = (Vec::new(), Vec::new());
            for at in 0..batch.num_rows() {
                if let Some(state) = hidden(batch, &column, at)?.filter(|state| state.len() == dim) {
                    rows.push(first + at);
                    values.extend_from_slice(state);
                }
            }
            let values = Array2::from_shape_vec((rows.len(), dim), values).unwrap_or_default();
            for (row, point) in rows.into_iter().zip(components.project(&values)) {
                points[row] = point;
            }
            Ok(goes_on(batch.num_rows()))
        })?;
        if !is_whole {
            return Err(TokenError::Cancelled);
        }
        let explained = components.explained;
        let tokens = collector.finish();
        Ok(Self { tokens, points, state, explained, fitted_on, was_stored: false, unkept: None })
    }

    /// Writes the places under a hidden name, and gives them theirs once they are whole.
    fn keep(&self, path: &Path, fingerprint: &str) -> Result<(), String> {
        let tokens = &self.tokens;
        let coordinate = |axis: usize| -> ArrayRef {
            Arc::new(
                self.points.iter().map(|point| Some(point[axis]).filter(|at| at.is_finite())).collect::<Float32Array>(),
            )
        };
        let positions = tokens.position.iter().map(|&position| i32::try_from(position).ok());
        let batch = RecordBatch::try_from_iter([
            (
                "example",
                Arc::new((0..tokens.len()).map(|token| Some(tokens.key(token))).collect::<Int64Array>()) as ArrayRef,
            ),
            (
                "sequence",
                Arc::new(arrow_array::StringArray::from_iter_values(
                    tokens.sequence.iter().map(|&sequence| &tokens.sequences[sequence as usize]),
                )),
            ),
            ("position", Arc::new(positions.collect::<Int32Array>())),
            ("x", coordinate(0)),
            ("y", coordinate(1)),
        ]);
        let batch = batch.map_err(|error| error.to_string())?;
        let said = format!("{fingerprint} {} {} {}", self.explained[0], self.explained[1], self.fitted_on);
        let properties = WriterProperties::builder()
            .set_compression(parquet::basic::Compression::SNAPPY)
            .set_key_value_metadata(Some(vec![KeyValue::new(FINGERPRINT.to_owned(), said)]))
            .build();
        let failed = |error: &dyn std::fmt::Display| format!("cannot write {}: {error}", path.display());
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        let file = NewFile::beside(path).map_err(|error| failed(&error))?;
        let mut writer =
            ArrowWriter::try_new(file, batch.schema(), Some(properties)).map_err(|error| failed(&error))?;
        writer.write(&batch).map_err(|error| failed(&error))?;
        writer.into_inner().map_err(|error| failed(&error))?.finish().map_err(|error| failed(&error))
    }
}

/// The hidden state of a row; `None` if it has none.
pub(super) fn hidden<'a>(batch: &'a RecordBatch, column: &str, row: usize) -> Result<Option<&'a [f32]>, String> {
    // A part whose traces have no such state lacks the column.
    let Some(array) = batch.column_by_name(column) else { return Ok(None) };
    let list = array.as_list_opt::<i32>().ok_or_else(|| format!("the column `{column}` holds no lists"))?;
    if list.is_null(row) {
        return Ok(None);
    }
    let values = list.values().as_primitive_opt::<Float32Type>();
    let values = values.ok_or_else(|| format!("the column `{column}` holds no lists of numbers"))?;
    let [from, to] = [row, row + 1].map(|at| usize::try_from(list.value_offsets()[at]).unwrap_or(0));
    Ok(values.values().get(from..to))
}

/// What the places depend on, in one word.
fn fingerprint(index: &Index, state: usize) -> String {
    let names: Vec<&str> = index.parts().iter().map(crate::dataset::index::Part::name).collect();
    let made_of = format!("1 pca {SAMPLE} {SEED} {state} {}", names.join(" "));
    format!("{:016x}", XxHash64::oneshot(0, made_of.as_bytes()))
}

/// Places that were kept, the explained shares and the size of the sample, if they were made of the same parts.
fn stored(path: &Path, fingerprint: &str) -> Option<(Vec<[f32; 2]>, [f32; 2], usize)> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).ok()?).ok()?;
    let pairs = builder.metadata().file_metadata().key_value_metadata()?;
    let said = pairs.iter().find(|pair| pair.key == FINGERPRINT)?.value.clone()?;
    let mut words = said.split(' ');
    if words.next() != Some(fingerprint) {
        return None;
    }
    let explained = [words.next()?.parse().ok()?, words.next()?.parse().ok()?];
    let fitted_on = words.next()?.parse().ok()?;
    let mut points = Vec::new();
    for batch in builder.with_batch_size(1 << 16).build().ok()? {
        let batch = batch.ok()?;
        let [x, y] = ["x", "y"].map(|name| batch.column_by_name(name)?.as_primitive_opt::<Float32Type>().cloned());
        let (x, y) = (x?, y?);
        let at = |column: &Float32Array, row: usize| if column.is_null(row) { f32::NAN } else { column.value(row) };
        points.extend((0..batch.num_rows()).map(|row| [at(&x, row), at(&y, row)]));
    }
    Some((points, explained, fitted_on))
}
