//! Weights of queries and keys on the processor.

use std::ops::Range;

use rayon::prelude::*;

use super::ComputedLayer;
use super::products::{Panels, WIDTH, dot, multiply};
use super::softmax::{Logits, softmax, weights};

/// Rows of a tile: with so many the turning of the keys costs a fifth of the products, and they fit a core's cache at a few
/// thousand keys.
pub const TILE_ROWS: usize = 64;

/// What a thread keeps from tile to tile.
#[derive(Debug, Default)]
pub struct Scratch {
    panels: Panels,
    vectors: Vec<f32>,
    tile: Vec<f32>,
}

/// The rows of some queries in some heads, which share their keys: `out` is `[heads, queries, keys]`.
pub fn rows(layer: &ComputedLayer<'_>, heads: Range<usize>, queries: &[usize], scratch: &mut Scratch, out: &mut [f32]) {
    tile(layer, heads, queries, scratch, out, &mut |_, _| {});
}

/// The same; `on_row` hears the logarithm of the sum of each row, by its number among those of `out`.
fn tile(
    layer: &ComputedLayer<'_>,
    heads: Range<usize>,
    queries: &[usize],
    scratch: &mut Scratch,
    out: &mut [f32],
    on_row: &mut dyn FnMut(usize, f32),
) {
    let [_, all_queries, keys] = layer.shape();
    if queries.is_empty() || keys == 0 {
        return;
    }
    let Scratch { panels, vectors, .. } = scratch;
    let dim = layer.dim();
    vectors.resize(heads.len() * queries.len() * dim, 0.0);
    let rows = heads.clone().flat_map(|head| queries.iter().map(move |query| head * all_queries + query));
    rows.zip(vectors.chunks_mut(dim.max(1))).for_each(|(row, vector)| layer.tensors.query.read(row * dim, vector));

    let key_head = heads.start / layer.group();
    let matrix = layer.tensors.key.entry(key_head);
    panels.take((layer.key, key_head, false), &matrix);
    let seen = layer.seen_by(queries);
    for index in seen.start / WIDTH..seen.end.div_ceil(WIDTH) {
        let (first, panel) = (index * WIDTH, panels.panel(&matrix, index));
        multiply(vectors, panel, &mut out[first..], keys, WIDTH.min(keys - first));
    }

    let logits = logits(layer);
    for (number, row) in out.chunks_mut(keys).enumerate() {
        let (head, query) = (heads.start + number / queries.len(), queries[number % queries.len()]);
        let (seen, allowed) = layer.seen(query);
        row[..seen.start].fill(0.0);
        row[seen.end..].fill(0.0);
        on_row(number, softmax(&mut row[seen], logits, layer.sink(head), allowed));
    }
}

/// The logarithms of the sums of a head's rows, `[queries]`; `None` if `goes_on`, which is asked before each tile, says no.
pub fn log_sum_exp(layer: &ComputedLayer<'_>, head: usize, goes_on: &(dyn Fn() -> bool + Sync)) -> Option<Vec<f32>> {
    let [_, queries, keys] = layer.shape();
    let mut sums = vec![layer.sink(head).unwrap_or(f32::NEG_INFINITY); queries];
    let fill = |scratch: &mut Scratch, (number, sums): (usize, &mut [f32])| {
        let first = number * TILE_ROWS;
        let queries: Vec<usize> = (first..first + sums.len()).collect();
        let mut out = std::mem::take(&mut scratch.tile);
        out.resize(sums.len() * keys, 0.0);
        let goes_on = goes_on();
        if goes_on {
            tile(layer, head..head + 1, &queries, scratch, &mut out, &mut |row, sum| sums[row] = sum);
        }
        scratch.tile = out;
        goes_on.then_some(())
    };
    sums.par_chunks_mut(TILE_ROWS).enumerate().map_init(Scratch::default, fill).collect::<Option<()>>()?;
    Some(sums)
}

/// The weights of each query of a head on some keys, query by query. `log_sum_exp` is that of the head's rows, `[queries]`.
pub fn columns(
    layer: &ComputedLayer<'_>,
    head: usize,
    keys: &[usize],
    log_sum_exp: &[f32],
    scratch: &mut Scratch,
    of_query: &mut dyn FnMut(usize, &[f32]),
) {
    let [_, queries, all_keys] = layer.shape();
    let Scratch { panels, vectors, tile } = scratch;
    let dim = layer.dim();
    vectors.resize(keys.len() * dim, 0.0);
    let first = head / layer.group() * all_keys;
    keys.iter()
        .zip(vectors.chunks_mut(dim.max(1)))
        .for_each(|(key, vector)| layer.tensors.key.read((first + key) * dim, vector));
    let matrix = layer.tensors.query.entry(head);
    panels.take((layer.key, head, true), &matrix);
    tile.resize(keys.len() * WIDTH, 0.0);
    let mut of_keys = vec![0.0; keys.len()];
    for index in 0..queries.div_ceil(WIDTH) {
        let first = index * WIDTH;
        let width = WIDTH.min(queries - first);
        multiply(vectors, panels.panel(&matrix, index), tile, WIDTH, width);
        let sums = &log_sum_exp[first..first + width];
        tile.chunks_mut(WIDTH).for_each(|column| weights(&mut column[..width], logits(layer), sums));
        for query in 0..width {
            for ((weight, &key), column) in of_keys.iter_mut().zip(keys).zip(tile.chunks(WIDTH)) {
                *weight = if layer.tensors.mask.allows(first + query, key) { column[query] } else { 0.0 };
            }
            of_query(first + query, &of_keys);
        }
    }
}

/// Some weights of a head, by their places in its matrix `[queries, keys]`. `log_sum_exp` is that of the head's rows.
pub fn cells(
    layer: &ComputedLayer<'_>,
    head: usize,
    places: impl Iterator<Item = usize>,
    log_sum_exp: &[f32],
) -> Vec<f32> {
    let [_, queries, keys] = layer.shape();
    let (dim, logits) = (layer.dim(), logits(layer));
    let [mut of_query, mut of_key] = [vec![0.0; dim], vec![0.0; dim]];
    let cell = |place: usize| {
        let (query, key) = (place / keys, place % keys);
        if !layer.tensors.mask.allows(query, key) {
            return 0.0;
        }
        layer.tensors.query.read((head * queries + query) * dim, &mut of_query);
        layer.tensors.key.read((head / layer.group() * keys + key) * dim, &mut of_key);
        let mut weight = [dot(&of_query, &of_key)];
        weights(&mut weight, logits, &log_sum_exp[query..=query]);
        weight[0]
    };
    places.map(cell).collect()
}

fn logits(layer: &ComputedLayer<'_>) -> Logits {
    Logits { scale: layer.tensors.scale, softcap: layer.tensors.softcap.unwrap_or(0.0) }
}
