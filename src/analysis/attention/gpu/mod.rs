//! Weights of queries and keys on the device.
//!
//! Queries and keys go up as pages, as they lie in the file. Their weights are made strip by strip: some rows of some heads, in a
//! buffer of at most 256 MiB that the next strip takes again, so that there is no matrix of queries and keys here either. `turn` decodes
//! the vectors of a strip and turns them, so that `logits` copies its tiles as they lie, without a look at bounds or
//! dtypes: with 128 × 128 tiles in which each thread holds 8 × 8 sums, a number that is read makes 64 products. `softmax` makes weights of
//! logits where they lie. What is made of weights is then made by the kernels that walk over stored weights: a strip is a page to
//! them, which begins at some query.
//!
//! Heads of a group follow one another in a strip as rows of one product, so keys are never repeated. A tile of which no query sees
//! anything is not made.
//!
//! Rejected: products in f16, which lose what f32 has (logits of 50 differ by 0.03); reading the pages in `logits` itself, where each
//! of the 128 tiles beside one another would decode the same vectors again, at whatever alignment.

pub mod kernels;
mod strips;

use std::ops::Range;

pub use strips::{Products, Strip, Strips};

use super::ComputedLayer;
use crate::gpu::{Gpu, GpuError, Page, PageKernel, PageKey, Pipeline, read_back};
use crate::trace::Dtype;

/// Lets a kernel walk over the rows of some queries, in the heads of layers of which `heads` names those that take part; `key` is that
/// of the first page of `layers`. Before each strip, and after the last, `goes_on` hears how many of the layers are handed in, and says
/// whether to go on; if not, the result is false.
///
/// # Errors
/// If a row is too large for the device, or the device refuses or is lost.
pub fn walk<K: PageKernel>(
    gpu: &Gpu,
    key: PageKey,
    layers: &[&ComputedLayer<'_>],
    heads: &[(usize, Range<usize>)],
    queries: &[usize],
    kernel: &mut K,
    goes_on: &mut dyn FnMut(usize) -> bool,
) -> Result<bool, GpuError> {
    let mut pipeline = Pipeline::new(gpu, kernel);
    let mut strips = Strips::new(gpu);
    for (number, (index, selected)) in heads.iter().enumerate() {
        let layer = layers[*index];
        let key = PageKey { layer: key.layer + index, ..key };
        let cut = strips.cut(layer, selected.clone(), queries)?;
        for (place, strip) in cut.iter().enumerate() {
            if !goes_on(number) {
                return Ok(false);
            }
            let page = Page {
                shape: [strip.heads.len(), strip.queries.len(), layer.shape()[2]],
                dtype: Dtype::F32,
                number,
                heads: strip.heads.clone(),
                first_head: 0,
                first_query: strip.first_query,
                is_first: place == 0,
                is_last: place + 1 == cut.len(),
            };
            let mut encoder = gpu.encoder();
            let weights = strips.make(key, layer, strip, &mut encoder)?.weights;
            let at_once = page.heads_at_once(gpu, pipeline.kernel())?;
            for first_head in (0..strip.heads.len()).step_by(at_once) {
                let heads = page.heads.start + first_head..page.heads.end.min(page.heads.start + first_head + at_once);
                let page = Page { heads, first_head, ..page.clone() };
                pipeline.push(page, &weights, std::mem::replace(&mut encoder, gpu.encoder()))?;
            }
        }
    }
    pipeline.finish()?;
    Ok(goes_on(heads.len()))
}

/// The rows of some queries in some heads, `[heads, queries, keys]`, and the logarithms of their sums, `[heads, queries]`; `key` says of
/// which layer.
///
/// # Errors
/// If a row is too large for the device, or the device refuses or is lost.
pub fn rows(
    gpu: &Gpu,
    key: PageKey,
    layer: &ComputedLayer<'_>,
    heads: Range<usize>,
    queries: &[usize],
) -> Result<(Vec<f32>, Vec<f32>), GpuError> {
    let [_, _, keys] = layer.shape();
    let mut strips = Strips::new(gpu);
    let mut weights = vec![0.0; heads.len() * queries.len() * keys];
    let no_keys = |head| std::iter::repeat_n(layer.sink(head).unwrap_or(f32::NEG_INFINITY), queries.len());
    let mut log_sums: Vec<f32> = heads.clone().flat_map(no_keys).collect();
    for strip in strips.cut(layer, heads.clone(), queries)? {
        let mut encoder = gpu.encoder();
        let made = strips.make(key, layer, &strip, &mut encoder)?.weights;
        gpu.queue.submit([encoder.finish()]);
        let rows: Vec<f32> = read_back(gpu, &made)?;
        let sums: Vec<f32> = strips.log_sums().map_or(Ok(Vec::new()), |sums| read_back(gpu, sums))?;
        let count = strip.queries.len();
        for (number, head) in strip.heads.enumerate() {
            let first = (head - heads.start) * queries.len() + strip.first_query;
            weights[first * keys..][..count * keys].copy_from_slice(&rows[number * count * keys..][..count * keys]);
            log_sums[first..][..count].copy_from_slice(&sums[number * count..][..count]);
        }
    }
    Ok((weights, log_sums))
}
