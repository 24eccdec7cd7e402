//! Strips: rows of weights that are made of queries and keys on the device, by four dispatches.

use std::ops::Range;

use super::kernels::{
    DIMS, LOGITS, LogitsParameters, SOFTMAX, SoftmaxParameters, TILE, TURN, TURNED_VECTORS, TurnParameters,
};
use crate::analysis::attention::ComputedLayer;
use crate::gpu::{Gpu, GpuError, PageKey, PageTensor, Shader, dtype_code, mask_words};
use crate::trace::TensorView;

/// The weights of a strip, and no more than a quarter of the pages' budget: enough to keep a large card at work.
const STRIP_BYTES: u64 = 256 << 20;
/// Queries of a strip are a whole number of so many, where there are as many: kernels walk over so many rows at a time.
const WHOLE_QUERIES: usize = 64;

/// The rows of some queries in some heads, all of one group or those of whole groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strip<'q> {
    /// As the layer counts them.
    pub heads: Range<usize>,
    /// Which of the queries that were cut the first is.
    pub first_query: usize,
    /// Those whose rows they are.
    pub queries: &'q [usize],
}

/// Makes strips of one layer after another, each in the memory of the one before.
#[derive(Debug)]
pub struct Strips<'a> {
    gpu: &'a Gpu,
    queries: Option<wgpu::Buffer>,
    keys: Option<wgpu::Buffer>,
    weights: Option<wgpu::Buffer>,
    log_sums: Option<wgpu::Buffer>,
}

/// The products of a strip.
#[derive(Debug)]
pub struct Products {
    /// `[heads, queries, keys]`.
    pub weights: wgpu::Buffer,
    parameters: LogitsParameters,
    tiles: usize,
    queries: wgpu::Buffer,
    keys: wgpu::Buffer,
    seen: wgpu::Buffer,
}

impl Products {
    /// The command that makes them; it may be given again.
    ///
    /// # Errors
    /// If the device refuses it.
    pub fn make(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder) -> Result<(), GpuError> {
        let LogitsParameters { groups, row_tiles, key_tiles, .. } = self.parameters;
        let bound = [&self.queries, &self.keys, &self.seen, &self.weights];
        dispatch(gpu, encoder, &LOGITS, &self.parameters, &bound, (groups * row_tiles * key_tiles) as usize)
    }

    /// How many multiplications and additions they take, those of tiles that nobody sees left out.
    pub fn operations(&self) -> u64 {
        2 * (self.tiles * TILE * TILE) as u64 * u64::from(self.parameters.dims)
    }
}

/// The vectors of some heads on the device.
struct Source {
    buffer: wgpu::Buffer,
    first_head: usize,
    first_vector: usize,
    vectors: usize,
}

impl<'a> Strips<'a> {
    /// On a device.
    pub fn new(gpu: &'a Gpu) -> Self {
        Self { gpu, queries: None, keys: None, weights: None, log_sums: None }
    }

    /// Cuts the rows of some queries in some heads into strips: head by head, and of those query by query.
    ///
    /// # Errors
    /// If a row, or the keys of a head, are too large for the device.
    pub fn cut<'q>(
        &self,
        layer: &ComputedLayer<'_>,
        heads: Range<usize>,
        queries: &'q [usize],
    ) -> Result<Vec<Strip<'q>>, GpuError> {
        let (group, [_, _, keys]) = (layer.group(), layer.shape());
        if queries.is_empty() || keys == 0 {
            return Ok(Vec::new());
        }
        let limit_bytes = self.gpu.storage_limit_bytes();
        let row_bytes = 4 * keys as u64;
        let vector_bytes = 4 * padded_dims(layer) as u64;
        // Vectors lie in whole tiles.
        let vectors = (limit_bytes / vector_bytes) as usize / TILE * TILE;
        let key_vectors = keys.next_multiple_of(TILE);
        for (what, bytes) in [("a row of weights", row_bytes), ("decoded keys", key_vectors as u64 * vector_bytes)] {
            if bytes > limit_bytes {
                return Err(GpuError::BufferTooLarge { what, bytes, limit_bytes });
            }
        }
        let strip_bytes = STRIP_BYTES.min(limit_bytes).min(self.gpu.page_budget() / 4);
        let rows = ((strip_bytes / row_bytes) as usize).clamp(1, vectors);
        let of_group = group * queries.len();
        let groups = (rows / of_group).min(vectors / of_group.next_multiple_of(TILE)).min(vectors / key_vectors);
        let mut strips = Vec::new();
        for heads in self.on_pages(layer, &heads)? {
            let mut first = heads.start;
            while first < heads.end {
                let end_of_group = ((first / group + 1) * group).min(heads.end);
                let end_of_groups = (first + groups * group).min(heads.end / group * group);
                let end = if first.is_multiple_of(group) { end_of_group.max(end_of_groups) } else { end_of_group };
                let end = if end > end_of_group { end } else { end.min(first + rows) };
                let at_once = (rows / (end - first)).max(1);
                let at_once = match at_once {
                    many if (WHOLE_QUERIES..queries.len()).contains(&many) => many / WHOLE_QUERIES * WHOLE_QUERIES,
                    few => few,
                };
                strips.extend(queries.chunks(at_once).enumerate().map(|(number, queries)| Strip {
                    heads: first..end,
                    first_query: number * at_once,
                    queries,
                }));
                first = end;
            }
        }
        Ok(strips)
    }

    /// The heads in runs of which queries and keys lie on one page each.
    fn on_pages(&self, layer: &ComputedLayer<'_>, heads: &Range<usize>) -> Result<Vec<Range<usize>>, GpuError> {
        let group = layer.group();
        let mut runs = Vec::new();
        for of_queries in self.gpu.runs(&layer.tensors.query)? {
            for of_keys in self.gpu.runs(&layer.tensors.key)? {
                let first = heads.start.max(of_queries.start).max(of_keys.start * group);
                let end = heads.end.min(of_queries.end).min(of_keys.end * group);
                if first < end {
                    runs.push(first..end);
                }
            }
        }
        Ok(runs)
    }

    /// The commands that make a strip's weights, `[heads, queries, keys]` in f32, in the buffer of the products; `key` says of which
    /// layer. The next strip takes the same buffer.
    ///
    /// # Errors
    /// If the device has no memory for it, or refuses it.
    pub fn make(
        &mut self,
        key: PageKey,
        layer: &ComputedLayer<'_>,
        strip: &Strip<'_>,
        encoder: &mut wgpu::CommandEncoder,
    ) -> Result<Products, GpuError> {
        let gpu = self.gpu;
        let [_, _, keys] = layer.shape();
        let (heads, queries) = (strip.heads.len(), strip.queries.len());
        // Heads that share their keys, and how often.
        let of_group = layer.group().min(heads);
        let groups = heads / of_group;
        let rows = of_group * queries;
        let [row_tiles, key_tiles] = [rows, keys].map(|vectors| vectors.div_ceil(TILE));
        let dims = padded_dims(layer);

        let bytes = |tiles: usize| (4 * groups * dims * tiles * TILE) as u64;
        let turned_queries = kept(gpu, &mut self.queries, "decoded queries", bytes(row_tiles))?;
        let turned_keys = kept(gpu, &mut self.keys, "decoded keys", bytes(key_tiles))?;
        let weights = kept(gpu, &mut self.weights, "a strip of weights", (4 * heads * queries * keys) as u64)?;
        let log_sums = kept(gpu, &mut self.log_sums, "sums of rows", (4 * heads * queries) as u64)?;

        let of_vectors = |tensor: &TensorView<'_>, source: &Source, heads: usize, vectors: usize| TurnParameters {
            groups: groups as u32,
            heads: heads as u32,
            vectors: vectors as u32,
            first_head: source.first_head as u32,
            first_vector: source.first_vector as u32,
            source_vectors: source.vectors as u32,
            dims: tensor.shape[2] as u32,
            padded_dims: dims as u32,
            padded_vectors: (heads * vectors).next_multiple_of(TILE) as u32,
            dtype: dtype_code(tensor.dtype),
        };
        let turn = |encoder: &mut wgpu::CommandEncoder, parameters: TurnParameters, source: &Source, turned| {
            let blocks = parameters.padded_vectors as usize / TURNED_VECTORS;
            let workgroups = groups * (dims / DIMS) * blocks;
            dispatch(gpu, encoder, &TURN, &parameters, &[&source.buffer, turned], workgroups)
        };
        let source = query_source(gpu, key, layer, strip)?;
        turn(encoder, of_vectors(&layer.tensors.query, &source, of_group, queries), &source, &turned_queries)?;
        let source = key_source(gpu, key, layer, strip.heads.start / layer.group())?;
        turn(encoder, of_vectors(&layer.tensors.key, &source, 1, keys), &source, &turned_keys)?;

        let mask = mask_words(&layer.tensors.mask, strip.queries);
        let seen = seen_by_tiles(&mask[1..=2 * queries], rows);
        let products = Products {
            parameters: LogitsParameters {
                groups: groups as u32,
                rows: rows as u32,
                keys: keys as u32,
                dims: dims as u32,
                row_tiles: row_tiles as u32,
                key_tiles: key_tiles as u32,
                scale: layer.tensors.scale,
                softcap: layer.tensors.softcap.unwrap_or(0.0),
            },
            tiles: groups * seen.as_chunks().0.iter().map(tiles_seen).sum::<usize>(),
            queries: turned_queries,
            keys: turned_keys,
            seen: gpu.storage("seen keys", &seen)?,
            weights,
        };
        products.make(gpu, encoder)?;

        let mask = gpu.storage("a mask", &mask)?;
        let sinks: Vec<f32> = strip.heads.clone().map(|head| layer.sink(head).unwrap_or(f32::NEG_INFINITY)).collect();
        let sinks = gpu.storage("sinks", &sinks)?;
        let parameters = SoftmaxParameters { heads: heads as u32, queries: queries as u32, keys: keys as u32 };
        let bound = [&mask, &sinks, &products.weights, &log_sums];
        dispatch(gpu, encoder, &SOFTMAX, &parameters, &bound, heads * queries)?;
        Ok(products)
    }

    /// The logarithms of the sums of the last strip's rows, `[heads, queries]`, when its commands are done.
    pub fn log_sums(&self) -> Option<&wgpu::Buffer> {
        self.log_sums.as_ref()
    }
}

fn padded_dims(layer: &ComputedLayer<'_>) -> usize {
    layer.dim().max(1).next_multiple_of(DIMS)
}

/// A buffer of so many bytes at least, which lies in `slot`. Its content is anything.
fn kept(gpu: &Gpu, slot: &mut Option<wgpu::Buffer>, what: &'static str, bytes: u64) -> Result<wgpu::Buffer, GpuError> {
    match slot {
        Some(buffer) if buffer.size() >= bytes => Ok(buffer.clone()),
        _ => Ok(slot.insert(gpu.zeros(what, bytes)?).clone()),
    }
}

fn dispatch<P: bytemuck::NoUninit>(
    gpu: &Gpu,
    encoder: &mut wgpu::CommandEncoder,
    shader: &Shader,
    parameters: &P,
    bound: &[&wgpu::Buffer],
    workgroups: usize,
) -> Result<(), GpuError> {
    let (kernel, uniform) = (gpu.kernel(shader)?, gpu.uniform(parameters));
    let buffers: Vec<_> = std::iter::once(&uniform).chain(bound.iter().copied()).collect();
    kernel.dispatch(encoder, 0, &kernel.bind(&buffers), workgroups as u64);
    Ok(())
}

/// Where queries follow one another, and there are many, a page of the layer's; else a copy of theirs alone.
fn query_source(gpu: &Gpu, key: PageKey, layer: &ComputedLayer<'_>, strip: &Strip<'_>) -> Result<Source, GpuError> {
    let (query, heads) = (&layer.tensors.query, &strip.heads);
    let [all_queries, dim] = [query.shape[1], query.shape[2]];
    let is_run = strip.queries.windows(2).all(|pair| pair[1] == pair[0] + 1);
    if is_run && strip.queries.len() >= WHOLE_QUERIES {
        let run = run_of(gpu, query, heads.start)?;
        let key = PageKey { tensor: PageTensor::Queries, first_head: run.start, ..key };
        let (first_head, first_vector) = (heads.start - run.start, strip.queries[0]);
        return Ok(Source { buffer: gpu.page(key, query, &run)?, first_head, first_vector, vectors: all_queries });
    }
    let rows = heads.clone().flat_map(|head| strip.queries.iter().map(move |query| head * all_queries + query));
    let bytes: Vec<u8> = rows.flat_map(|row| query.bytes_of(row * dim, dim)).copied().collect();
    let buffer = gpu.storage("queries", &bytes)?;
    Ok(Source { buffer, first_head: 0, first_vector: 0, vectors: strip.queries.len() })
}

fn key_source(gpu: &Gpu, key: PageKey, layer: &ComputedLayer<'_>, key_head: usize) -> Result<Source, GpuError> {
    let tensor = &layer.tensors.key;
    let run = run_of(gpu, tensor, key_head)?;
    let key = PageKey { tensor: PageTensor::Keys, first_head: run.start, ..key };
    let buffer = gpu.page(key, tensor, &run)?;
    Ok(Source { buffer, first_head: key_head - run.start, first_vector: 0, vectors: tensor.shape[1] })
}

/// The heads on the page that holds this one.
fn run_of(gpu: &Gpu, tensor: &TensorView<'_>, head: usize) -> Result<Range<usize>, GpuError> {
    Ok(gpu.runs(tensor)?.into_iter().find(|run| run.contains(&head)).unwrap_or(head..head + 1))
}

/// Tiles that hold a key of a run.
fn tiles_seen([first, end]: &[u32; 2]) -> usize {
    if first < end { (*end as usize).div_ceil(TILE) - *first as usize / TILE } else { 0 }
}

/// Of each tile of rows the first key that any of its queries sees, and the one behind the last. `seen` are those of the queries,
/// which are repeated for each head of a group.
fn seen_by_tiles(seen: &[u32], rows: usize) -> Vec<u32> {
    let runs = seen.as_chunks::<2>().0;
    let of_tile = |first: usize| {
        let of_rows = (first..(first + TILE).min(rows)).map(|row| runs[row % runs.len()]);
        let some = of_rows.filter(|[first, end]| first < end);
        some.reduce(|one, other| [one[0].min(other[0]), one[1].max(other[1])]).unwrap_or([0, 0])
    };
    (0..rows).step_by(TILE).flat_map(of_tile).collect()
}
