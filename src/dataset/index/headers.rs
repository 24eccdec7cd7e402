//! The `examples` of traces that are not indexed: what their headers say, without a look at their values.

use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use rayon::prelude::*;

use super::build::{Batch, Found};
use super::columns::Columns;
use super::rows::{BlockRows, Content, Row};
use super::schema::Table;
use super::tables;
use crate::trace::Trace;

/// Rows of a batch, unless they take much memory.
const BATCH: usize = 2048;
/// Headers that are read at once.
const AT_ONCE: usize = 64;

/// Rows as in the index, of these files of `dir`. `goes_on` is told after each, from any thread; once it says no, the answer is
/// `None`. A file that cannot be read is a row with its error, one that is gone is none.
pub fn headers(dir: &Path, files: &[PathBuf], goes_on: &(dyn Fn() -> bool + Sync)) -> Option<Vec<RecordBatch>> {
    let (mut batches, mut columns, mut batch) = (Vec::new(), Columns::default(), Batch::new());
    let mut add = |rows: &[Row]| {
        columns.choose(rows);
        // Columns that are made of the same rows are equally long.
        batches.extend(tables::table(Table::Examples, rows, &columns).ok());
    };
    for files in files.chunks(AT_ONCE) {
        let rows: Option<Vec<Option<Row>>> =
            files.par_iter().map(|file| goes_on().then(|| read(dir, file.clone()))).collect();
        for row in rows?.into_iter().flatten() {
            if let Some(full) = batch.push(row, BATCH) {
                add(&full);
            }
        }
    }
    add(&batch.rows);
    Some(batches)
}

fn read(dir: &Path, file: PathBuf) -> Option<Row> {
    let found = Found::look(dir, file)?;
    let content = Trace::open(&found.file).map_err(|error| error.message).map(|trace| {
        let document = trace.document();
        let heads = |(block, of): (usize, &crate::trace::Block)| BlockRows {
            heads: (0..of.layers).map(|layer| trace.heads(block, layer)).collect(),
            statistics: Vec::new(),
            metrics: Vec::new(),
        };
        let blocks = document.attention.iter().enumerate().map(heads).collect();
        Content { blocks, hidden: Vec::new(), thumbnails: Vec::new(), document: trace.into_document() }
    });
    Some(Row { key: found.key, content })
}
