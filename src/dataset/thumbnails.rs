//! Small pictures of examples: from the index, else from the trace itself.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::OnceLock;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, Int64Type};
use image::{ImageFormat, RgbImage};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::errors::ParquetError;
use rayon::prelude::*;

use super::index::{Index, Part, Table};
use crate::trace::Trace;

/// The most pixels along a side, as in the index.
const MAX_SIDE: u32 = 96;

/// Where the first image of each example lies: by its key, the number of the part and the row in it.
#[derive(Debug, Default)]
pub(super) struct Places(OnceLock<HashMap<i64, (usize, usize)>>);

/// The first image of a trace, made small; `None` where there is none, or it cannot be read.
pub(super) fn of_trace(path: &Path) -> Option<RgbImage> {
    let trace = Trace::open(path).ok()?;
    if trace.document().images == 0 {
        return None;
    }
    let view = trace.image(0);
    let image =
        RgbImage::from_raw(u32::try_from(view.width).ok()?, u32::try_from(view.height).ok()?, view.rgb.to_vec())?;
    trace.check_unchanged().ok()?;
    let long = image.width().max(image.height());
    let side = |side: u32| (side * MAX_SIDE / long).max(1);
    Some(match long > MAX_SIDE {
        true => image::imageops::thumbnail(&image, side(image.width()), side(image.height())),
        false => image,
    })
}

fn decode(png: &[u8]) -> Option<RgbImage> {
    Some(image::load_from_memory_with_format(png, ImageFormat::Png).ok()?.into_rgb8())
}

impl Places {
    /// The image of each of these examples. What cannot be read is left out: a picture is no reason to fail.
    pub fn read(&self, index: &Index, keys: &[i64]) -> Vec<Option<RgbImage>> {
        self.pngs(index, keys).into_par_iter().map(|png| decode(&png?)).collect()
    }

    fn pngs(&self, index: &Index, keys: &[i64]) -> Vec<Option<Vec<u8>>> {
        let places = self.0.get_or_init(|| places_in(index));
        let mut wanted: HashMap<usize, Vec<(usize, usize)>> = HashMap::new();
        for (slot, key) in keys.iter().enumerate() {
            if let Some(&(part, row)) = places.get(key) {
                wanted.entry(part).or_default().push((row, slot));
            }
        }
        let wanted: Vec<_> = wanted.into_iter().collect();
        let found = wanted.into_par_iter().flat_map(|(part, mut rows)| {
            rows.sort_unstable();
            let pngs = index.parts().get(part).and_then(|part| read(part, &rows).ok()).unwrap_or_default();
            rows.into_iter().map(|(_, slot)| slot).zip(pngs).collect::<Vec<_>>()
        });
        let mut pngs = vec![None; keys.len()];
        for (slot, png) in found.collect::<Vec<_>>() {
            pngs[slot] = Some(png);
        }
        pngs
    }
}

fn places_in(index: &Index) -> HashMap<i64, (usize, usize)> {
    let of_part = |(part, of): (usize, &Part)| {
        let mut found = Vec::new();
        let mut row = 0;
        for batch in of.read(Table::Thumbnails, &["example", "image"]).into_iter().flatten().flatten() {
            let examples = batch.column_by_name("example").and_then(|column| column.as_primitive_opt::<Int64Type>());
            let images = batch.column_by_name("image").and_then(|column| column.as_primitive_opt::<Int32Type>());
            for (example, image) in examples.into_iter().flatten().zip(images.into_iter().flatten()) {
                if let (Some(example), Some(0)) = (example, image) {
                    found.push((example, (part, row)));
                }
                row += 1;
            }
        }
        found
    };
    index.parts().par_iter().enumerate().flat_map_iter(of_part).collect()
}

/// The images of some rows of a part, which are in their order. The index of pages leads to those alone.
fn read(part: &Part, rows: &[(usize, usize)]) -> Result<Vec<Vec<u8>>, ParquetError> {
    let file = File::open(part.folder().join(Table::Thumbnails.file_name()))?;
    let options = ArrowReaderOptions::new().with_page_index_policy(parquet::file::metadata::PageIndexPolicy::Optional);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)?;
    let column = builder.schema().index_of("png").map_err(ParquetError::from)?;
    let total = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    let ranges = rows.iter().map(|&(row, _)| row..row + 1);
    let mask = ProjectionMask::roots(builder.parquet_schema(), [column]);
    let selection = RowSelection::from_consecutive_ranges(ranges, total);
    let reader = builder.with_projection(mask).with_row_selection(selection).build()?;
    let mut pngs = Vec::with_capacity(rows.len());
    for batch in reader {
        let batch = batch?;
        pngs.extend(batch.column(0).as_binary::<i32>().iter().map(|png| png.unwrap_or_default().to_vec()));
    }
    Ok(pngs)
}
