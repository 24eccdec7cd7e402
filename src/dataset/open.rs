//! A dataset that is open: its examples as a table, and what its index says of their heads.

use std::fmt;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use image::RgbImage;
use rayon::prelude::*;

use super::head_stats::HeadStats;
use super::index::headers;
use super::index::{Index, IndexError, Table as IndexTable};
use super::table::{Filter, HeadColumn, QueryError, SortKey, Table, sort};
use super::thumbnails::{Places, of_trace};

/// All examples of a folder, and how they are looked up.
#[derive(Debug)]
pub struct Dataset {
    /// One row an example.
    pub table: Table,
    index: Option<Index>,
    heads: Option<HeadStats>,
    thumbnails: Places,
}

/// By what the examples are sorted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    /// A column, or a statistic of one head: `text`, `entropy[2.3]`.
    pub column: String,
    /// The largest first.
    pub is_descending: bool,
}

impl fmt::Display for Order {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.column, if self.is_descending { ":desc" } else { "" })
    }
}

impl std::str::FromStr for Order {
    type Err = std::convert::Infallible;

    /// `column`, `column:asc` or `column:desc`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (column, is_descending) = match text.rsplit_once(':') {
            Some((column, "desc")) => (column, true),
            Some((column, "asc")) => (column, false),
            _ => (text, false),
        };
        Ok(Self { column: column.to_owned(), is_descending })
    }
}

impl Dataset {
    /// Opens an indexed dataset: `dir/.vlscope`, or the folder of `index_dir`. Neither the folder nor a trace is looked at.
    ///
    /// # Errors
    /// If there is no index, or it cannot be read.
    pub fn open(dir: &Path, index_dir: Option<&Path>) -> Result<Self, IndexError> {
        // A writer may replace a part between the look at the folder and the look into it.
        match Self::open_once(dir, index_dir) {
            Err(error) if error.is_gone() => Self::open_once(dir, index_dir),
            opened => opened,
        }
    }

    fn open_once(dir: &Path, index_dir: Option<&Path>) -> Result<Self, IndexError> {
        let index = Index::open(dir, index_dir)?;
        let parts: Vec<Vec<RecordBatch>> = index
            .parts()
            .par_iter()
            .map(|part| {
                let schema = part.schema(IndexTable::Examples)?;
                let all: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
                let batches: Result<Vec<RecordBatch>, _> = part.read(IndexTable::Examples, &all)?.collect();
                let path = part.folder().join(IndexTable::Examples.file_name());
                batches.map_err(|error| IndexError::Table {
                    doing: "read the index in",
                    path,
                    message: error.to_string(),
                })
            })
            .collect::<Result<_, _>>()?;
        let table = Table::from_batches(dir, &parts.concat());
        let heads = HeadStats::new(index.clone(), table.keys().to_vec())?;
        Ok(Self { table, index: Some(index), heads: Some(heads), thumbnails: Places::default() })
    }

    /// Without an index: what is known of the traces so far.
    pub fn without_index(table: Table) -> Self {
        Self { table, index: None, heads: None, thumbnails: Places::default() }
    }

    /// Without an index: what the headers of these files of `dir` say. `goes_on` is told after each, from any thread; once it
    /// says no, the answer is `None`.
    pub fn of_headers(dir: &Path, files: &[PathBuf], goes_on: &(dyn Fn() -> bool + Sync)) -> Option<Self> {
        Some(Self::without_index(Table::from_batches(dir, &headers(dir, files, goes_on)?)))
    }

    /// Its index, if it has one.
    pub fn index(&self) -> Option<&Index> {
        self.index.as_ref()
    }

    /// The statistics of all heads, if there is an index.
    pub fn heads(&self) -> Option<&HeadStats> {
        self.heads.as_ref()
    }

    /// The files of all examples.
    pub fn paths(&self) -> Vec<PathBuf> {
        (0..self.table.len()).map(|row| self.table.path(row)).collect()
    }

    /// The rows that a filter keeps, in the order of the table.
    ///
    /// # Errors
    /// If a column is unknown, or has no values of the kind it is compared with.
    pub fn rows(&self, filter: &Filter) -> Result<Vec<u32>, QueryError> {
        let kept = self.table.matches(filter, &|column| self.head(column))?;
        Ok((0..self.table.len() as u32).filter(|&row| kept[row as usize]).collect())
    }

    /// The same, but no others than `picked`, which ascend.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub fn rows_within(&self, filter: &Filter, picked: Option<&[u32]>) -> Result<Vec<u32>, QueryError> {
        let mut rows = self.rows(filter)?;
        rows.retain(|row| picked.is_none_or(|picked| picked.binary_search(row).is_ok()));
        Ok(rows)
    }

    /// Sorts rows. Equal ones stay in their order; those without a value come last.
    ///
    /// # Errors
    /// If the column is unknown.
    pub fn sort(&self, rows: &mut [u32], order: &Order) -> Result<(), String> {
        match HeadColumn::parse(&order.column) {
            Some(column) => sort(rows, SortKey::Numbers(&self.head(&column?)?), order.is_descending),
            None => sort(rows, SortKey::Column(&*self.table.required(&order.column)?), order.is_descending),
        }
        Ok(())
    }

    /// The statistic of one head: `[examples]`.
    ///
    /// # Errors
    /// If there is no index, no such statistic or no such head.
    pub fn head(&self, column: &HeadColumn) -> Result<Vec<f32>, String> {
        let missing =
            || format!("`{column}` needs an index: `vlscope index {}` makes one", self.table.root().display());
        self.heads.as_ref().ok_or_else(missing)?.column(column).map_err(|error| error.to_string())
    }

    /// One column of these rows, as it is written.
    ///
    /// # Errors
    /// If the column is unknown.
    pub fn texts(&self, name: &str, rows: &[u32]) -> Result<Vec<String>, String> {
        Ok(match HeadColumn::parse(name) {
            Some(column) => {
                let values = self.head(&column?)?;
                let text = |row: u32| Some(values[row as usize]).filter(|value| !value.is_nan());
                rows.iter().map(|&row| text(row).map_or_else(String::new, |value| value.to_string())).collect()
            }
            None => {
                let column = self.table.required(name)?;
                rows.iter().map(|&row| column.values.value(row as usize).text().into_owned()).collect()
            }
        })
    }

    /// The first image of each of these rows; `None` where there is none, or it cannot be read.
    pub fn thumbnails(&self, rows: &[u32]) -> Vec<Option<RgbImage>> {
        match &self.index {
            Some(index) => {
                let keys: Vec<i64> =
                    rows.iter().filter_map(|&row| self.table.keys().get(row as usize)).copied().collect();
                self.thumbnails.read(index, &keys)
            }
            None => rows.par_iter().map(|&row| of_trace(&self.table.path(row as usize))).collect(),
        }
    }

    /// Whether the answer of an example is right.
    pub fn is_right(&self, row: usize) -> Option<bool> {
        self.table.value("output_correct", row).truth()
    }
}
