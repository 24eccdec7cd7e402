//! The `examples` of traces that are not indexed: what their headers say, without a look at their values.

use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use rayon::prelude::*;

use super::build::Found;
use super::rows::{BlockRows, Content, Row};
use super::schema::Table;
use super::tables;
use crate::trace::Trace;

/// Documents that are held in memory at a time.
const BATCH: usize = 2048;

/// Rows as in the index, of these files of `dir`. `goes_on` is told after each, from any thread; once it says no, the answer is
/// `None`. A file that cannot be read is a row with its error, one that is gone is none.
pub fn headers(dir: &Path, files: &[PathBuf], goes_on: &(dyn Fn() -> bool + Sync)) -> Option<Vec<RecordBatch>> {
    let batch = |files: &[PathBuf]| {
        let rows: Option<Vec<Option<Row>>> =
            files.par_iter().map(|file| goes_on().then(|| read(dir, file.clone()))).collect();
        let rows: Vec<Row> = rows?.into_iter().flatten().collect();
        // Columns that are made of the same rows are equally long.
        tables::table(Table::Examples, &rows).ok()
    };
    files.chunks(BATCH).map(batch).collect()
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
