//! A trace as another: weights in place of queries and keys, other dtypes, a part of its layers, heads or tokens.
//!
//! The document is changed as JSON, so that keys which we do not know stay in it, and then read as any other; each tensor that
//! it names is made of the old one by a list of places for each side, whatever its kind. Nothing is in memory but a few
//! megabytes of rows.

mod part;
mod tensors;

use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;

pub use part::Conversion;
use part::Part;
use tensors::{Made, NewTensor};

use super::{Dtype, TensorSpec, TensorView, Trace, TraceError, TraceWriter, schema};

/// Gives the weights of a block, a layer and a head for a run of queries: `[queries, keys]`.
pub type WeightRows<'a> = dyn Fn(usize, usize, usize, Range<usize>, &mut [f32]) + Sync + 'a;

/// Rows of weights that are computed together.
const TILE_ROWS: usize = 64;
/// How much is made before it is written.
const CHUNK_BYTES: usize = 16 << 20;

/// Writes the other trace. `rows` gives weights where they are not stored; `on_bytes` hears of each part that is written.
///
/// # Errors
/// If the trace has no such part, a value does not fit the dtype, or a file cannot be read or written; then nothing is left
/// at `path` that was not there before.
pub fn convert(
    trace: &Trace,
    conversion: &Conversion,
    path: &Path,
    rows: &WeightRows<'_>,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<(), TraceError> {
    let refused = |message: String| TraceError::new(trace.path(), message);
    let part = Part::new(trace, conversion).map_err(refused)?;
    let json = part.json().map_err(refused)?;
    let document = schema::parse(&json.to_string()).map_err(refused)?;
    let tensors = part.tensors(&document).map_err(refused)?;
    let specs: Vec<TensorSpec> = tensors.iter().map(|tensor| tensor.spec.clone()).collect();
    let mut writer = TraceWriter::create(path, &json, &specs)?;
    for tensor in &tensors {
        part.write(tensor, rows, &mut writer, on_bytes)?;
        trace.check_unchanged()?;
    }
    writer.finish()
}

/// Size of all tensors that [`convert`] would write.
///
/// # Errors
/// If the trace has no such part.
pub fn converted_bytes(trace: &Trace, conversion: &Conversion) -> Result<u64, TraceError> {
    let refused = |message: String| TraceError::new(trace.path(), message);
    let part = Part::new(trace, conversion).map_err(refused)?;
    let document = part.json().and_then(|json| schema::parse(&json.to_string())).map_err(refused)?;
    let tensors = part.tensors(&document).map_err(refused)?;
    Ok(tensors.iter().filter_map(|tensor| tensor.spec.bytes()).sum())
}

impl Part<'_> {
    fn write(
        &self,
        tensor: &NewTensor<'_>,
        rows: &WeightRows<'_>,
        writer: &mut TraceWriter,
        on_bytes: &mut dyn FnMut(u64),
    ) -> Result<(), TraceError> {
        match &tensor.made {
            Made::Taken { shape, bytes, dtype, places } => {
                let old = Old { shape, bytes, dtype: *dtype, places };
                old.write(tensor.dtype, writer, on_bytes, self.trace)?.then_some(()).ok_or_else(|| {
                    let dtype = tensor.dtype.map_or("it", Dtype::name);
                    let message = format!("tensor `{}` has a value that {dtype} cannot hold", tensor.spec.name());
                    TraceError::new(self.trace.path(), message)
                })
            }
            Made::Computed { block, layer, places } => {
                let document = self.trace.document();
                let all_keys = document.key_tokens(&document.attention[*block]).len();
                let ([heads, queries, keys], Some(dtype)) = (places.as_slice(), tensor.dtype) else { return Ok(()) };
                for &head in heads {
                    // A few tiles at a time, one a thread.
                    for queries in queries.chunks(TILE_ROWS * 8) {
                        let of_head = |queries: Range<usize>, out: &mut [f32]| rows(*block, *layer, head, queries, out);
                        let out = encoded_rows(&of_head, queries, keys, all_keys, dtype);
                        writer.write(&out)?;
                        on_bytes(out.len() as u64);
                    }
                    self.trace.check_unchanged()?;
                }
                Ok(())
            }
            Made::Mask { block, layer, places } => {
                let [queries, keys] = places.as_slice() else { return Ok(()) };
                let mask = self.trace.mask(*block, *layer);
                for query in queries {
                    let row = mask.row(*query);
                    let cells: Vec<u8> = keys.iter().map(|key| u8::from(row.allows(*key))).collect();
                    writer.write(&cells)?;
                    on_bytes(cells.len() as u64);
                }
                Ok(())
            }
        }
    }
}

/// A tensor of the old trace, and the places of each side that stay.
struct Old<'a> {
    shape: &'a [usize],
    bytes: &'a [u8],
    /// `None` if it holds no numbers that are decoded.
    dtype: Option<Dtype>,
    places: &'a [Vec<usize>],
}

impl Old<'_> {
    /// Writes what stays in this dtype; false if that cannot hold a value.
    fn write(
        &self,
        dtype: Option<Dtype>,
        writer: &mut TraceWriter,
        on_bytes: &mut dyn FnMut(u64),
        trace: &Trace,
    ) -> Result<bool, TraceError> {
        let Some((last, outer)) = self.places.split_last() else { return Ok(true) };
        let item_bytes = self.bytes.len() / self.shape.iter().product::<usize>().max(1);
        let rows: usize = outer.iter().map(Vec::len).product();
        let row_bytes = last.len() * dtype.map_or(item_bytes, Dtype::bytes);
        if rows == 0 || row_bytes == 0 {
            return Ok(true);
        }
        let chunk_rows = (CHUNK_BYTES / row_bytes).clamp(1, rows);
        let mut chunk = vec![0; chunk_rows * row_bytes];
        for first in (0..rows).step_by(chunk_rows) {
            let out = &mut chunk[..(rows - first).min(chunk_rows) * row_bytes];
            let each = out.par_chunks_mut(row_bytes).enumerate();
            if !each
                .map(|(row, out)| self.row(first + row, last, item_bytes, dtype, out))
                .reduce(|| true, |a, b| a && b)
            {
                return Ok(false);
            }
            writer.write(out)?;
            on_bytes(out.len() as u64);
            trace.check_unchanged()?;
        }
        Ok(true)
    }

    /// One row of what stays.
    fn row(&self, row: usize, last: &[usize], item_bytes: usize, dtype: Option<Dtype>, out: &mut [u8]) -> bool {
        let width = self.shape.last().copied().unwrap_or(0);
        let first = old_row(row, &self.places[..self.places.len() - 1], self.shape) * width * item_bytes;
        let old = &self.bytes[first..first + width * item_bytes];
        if let (Some(stored), Some(dtype)) = (self.dtype, dtype)
            && stored != dtype
        {
            let values = TensorView { dtype: stored, shape: vec![width], bytes: old }.to_f32();
            let values: Vec<f32> = last.iter().map(|place| values[*place]).collect();
            dtype.encode(&values, out);
            return holds(dtype, &values, out);
        }
        let items = out.chunks_mut(item_bytes).zip(last);
        items.for_each(|(out, place)| out.copy_from_slice(&old[place * item_bytes..(place + 1) * item_bytes]));
        true
    }
}

/// The weights of some queries on some keys of all: those of a run are computed together.
fn encoded_rows(
    of_head: &(dyn Fn(Range<usize>, &mut [f32]) + Sync),
    queries: &[usize],
    keys: &[usize],
    all_keys: usize,
    dtype: Dtype,
) -> Vec<u8> {
    let row_bytes = keys.len() * dtype.bytes();
    let mut out = vec![0; queries.len() * row_bytes];
    if row_bytes == 0 {
        return out;
    }
    out.par_chunks_mut(TILE_ROWS * row_bytes).zip(queries.par_chunks(TILE_ROWS)).for_each(|(mut out, queries)| {
        for run in queries.chunk_by(|one, next| one + 1 == *next) {
            let mut weights = vec![0.0; run.len() * all_keys];
            of_head(run[0]..run[0] + run.len(), &mut weights);
            let (of_run, others) = out.split_at_mut(run.len() * row_bytes);
            for (row, out) in weights.chunks(all_keys).zip(of_run.chunks_mut(row_bytes)) {
                let row: Vec<f32> = keys.iter().map(|key| row[*key]).collect();
                dtype.encode(&row, out);
            }
            out = others;
        }
    });
    out
}

/// The row of the old tensor that a row of the new one is of; rows are of all sides but the last.
fn old_row(new: usize, places: &[Vec<usize>], shape: &[usize]) -> usize {
    let (mut rest, mut row, mut stride) = (new, 0, 1);
    for (places, length) in places.iter().zip(shape).rev() {
        row += places[rest % places.len()] * stride;
        (rest, stride) = (rest / places.len(), stride * length);
    }
    row
}

/// Whether no finite value became an infinite one.
fn holds(dtype: Dtype, values: &[f32], encoded: &[u8]) -> bool {
    let view = TensorView { dtype, shape: vec![values.len()], bytes: encoded };
    view.to_f32().iter().zip(values).all(|(new, old)| new.is_finite() || !old.is_finite())
}
