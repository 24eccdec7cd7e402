//! Where the weights of a layer come from: stored, or made of queries and keys as they are asked for; of either, times the norms of
//! the values; or a relevance. Whoever reads weights reads them here, and does not know which it is. Stored rows are read where they lie; of those that are made, several at a time cost
//! little more than one, so readers ask for [`LayerWeights::rows_at_once`] of them, in [heads that belong
//! together](LayerWeights::together).

use std::ops::Range;

use super::attention::cpu::{self, Scratch, TILE_ROWS};
use super::attention::{ComputedLayer, LayerKey, log_sum_exp};
use super::relevance::LayerRelevance;
use super::weight_kind::{NoSuchWeights, WeightKind};
use crate::trace::{Dtype, LayerMask, LayerTensors, TensorView, Trace};

/// The weights of one layer, `[heads, queries, keys]`.
#[derive(Clone, Debug)]
pub enum LayerWeights<'a> {
    /// As they lie in the file, and which keys the queries see.
    Stored(TensorView<'a>, LayerMask<'a>),
    /// Made of queries and keys.
    Computed(Box<ComputedLayer<'a>>),
    /// These times the norms of the values, `[heads, keys]`, rows scaled to 1.
    NormWeighted(Box<Self>, TensorView<'a>),
    /// What another method says.
    Relevance(LayerRelevance<'a>),
}

/// What a thread that reads weights keeps from one reading to the next.
#[derive(Debug, Default)]
pub struct RowBuffers {
    scratch: Scratch,
    tile: Vec<f32>,
    norms: Vec<f32>,
}

impl<'a> LayerWeights<'a> {
    /// The raw weights of a layer of a trace. Panics if there is no such block or layer.
    pub fn of(trace: &'a Trace, block: usize, layer: usize) -> Self {
        match trace.layer(block, layer) {
            LayerTensors::Weights(view) => Self::Stored(view, trace.mask(block, layer)),
            LayerTensors::QueriesKeys(tensors) => {
                let key = LayerKey { trace: trace.serial(), block, layer };
                Self::Computed(Box::new(ComputedLayer { key, tensors }))
            }
        }
    }

    /// Those of a kind; of a rollout the raw ones that it is made of. Panics if there is no such block or layer.
    ///
    /// # Errors
    /// If the trace has none of the kind.
    pub fn of_kind(trace: &'a Trace, block: usize, layer: usize, kind: &WeightKind) -> Result<Self, NoSuchWeights> {
        kind.check(trace, block)?;
        let document = trace.document();
        let relevance = kind.relevance(document).and_then(|(index, found)| Some((found, trace.relevance(index)?)));
        if let Some((relevance, values)) = relevance {
            let queries = document.query_tokens(&document.attention[block]).len();
            let heads = if relevance.block.is_some() { trace.heads(block, layer) } else { 1 };
            let of_layer = LayerRelevance::new(relevance, values, (layer, heads, queries), trace.mask(block, layer));
            return Ok(Self::Relevance(of_layer));
        }
        let raw = Self::of(trace, block, layer);
        let norms = trace.value_norm(block, layer).filter(|_| *kind == WeightKind::NormWeighted);
        Ok(norms.map_or_else(|| raw.clone(), |norms| Self::NormWeighted(Box::new(raw.clone()), norms)))
    }

    /// The raw weights of all layers of a block. Panics if there is no such block.
    pub fn of_block(trace: &'a Trace, block: usize) -> Vec<Self> {
        (0..trace.document().attention[block].layers).map(|layer| Self::of(trace, block, layer)).collect()
    }

    /// All layers of a block, of a kind: a single one, with one head, of a relevance that is not divided among them. Panics if there is
    /// no such block.
    ///
    /// # Errors
    /// If the trace has none of the kind.
    pub fn layers(trace: &'a Trace, block: usize, kind: &WeightKind) -> Result<Vec<Self>, NoSuchWeights> {
        let document = trace.document();
        let count = if kind.is_undivided(document) { 1 } else { document.attention[block].layers };
        (0..count).map(|layer| Self::of_kind(trace, block, layer, kind)).collect()
    }

    /// `[heads, queries, keys]`.
    pub fn shape(&self) -> [usize; 3] {
        match self {
            Self::Stored(view, _) => [view.shape[0], view.shape[1], view.shape[2]],
            Self::Computed(layer) => layer.shape(),
            Self::NormWeighted(weights, _) => weights.shape(),
            Self::Relevance(relevance) => relevance.shape(),
        }
    }

    /// How many heads.
    pub fn heads(&self) -> usize {
        self.shape()[0]
    }

    /// The tensor, where the weights are stored.
    pub fn stored(&self) -> Option<&TensorView<'a>> {
        match self {
            Self::Stored(view, _) => Some(view),
            Self::Computed(_) | Self::NormWeighted(..) | Self::Relevance(_) => None,
        }
    }

    /// Which keys the queries see. What is stored for other keys counts in nothing that asks this.
    pub fn mask(&self) -> LayerMask<'a> {
        match self {
            Self::Stored(_, mask) => *mask,
            Self::Computed(layer) => layer.tensors.mask,
            Self::NormWeighted(weights, _) => weights.mask(),
            Self::Relevance(relevance) => relevance.mask,
        }
    }

    /// The queries and keys, where the weights are made of those.
    pub fn computed(&self) -> Option<&ComputedLayer<'a>> {
        if let Self::Computed(layer) = self { Some(layer) } else { None }
    }

    /// Whether shaders have these weights, or the processor alone.
    pub fn has_shaders(&self) -> bool {
        matches!(self, Self::Stored(..) | Self::Computed(_))
    }

    /// The relevance, where it is one.
    pub fn relevance(&self) -> Option<&LayerRelevance<'a>> {
        if let Self::Relevance(relevance) = self { Some(relevance) } else { None }
    }

    /// Whether a row costs more than reading it.
    pub fn is_computed(&self) -> bool {
        self.stored().is_none()
    }

    /// Runs of these heads whose rows are best read together, in their order: [`Self::read`] takes one of them.
    pub fn together(&self, heads: Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
        let group = self.group();
        (heads.start / group..heads.end.div_ceil(group))
            .map(move |number| (number * group).max(heads.start)..((number + 1) * group).min(heads.end))
    }

    fn group(&self) -> usize {
        match self {
            Self::Stored(..) | Self::Relevance(_) => 1,
            Self::Computed(layer) => layer.group(),
            Self::NormWeighted(weights, _) => weights.group(),
        }
    }

    /// How many rows, over all heads that are read together, are best read at once.
    pub fn rows_at_once(&self) -> usize {
        match self {
            Self::Stored(..) | Self::Relevance(_) => 1,
            // The norms are decoded once for all of them.
            Self::Computed(_) | Self::NormWeighted(..) => TILE_ROWS,
        }
    }

    /// The rows of some queries in heads that belong together: `out` is `[heads, queries, keys]`.
    pub fn read(&self, heads: Range<usize>, queries: &[usize], buffers: &mut RowBuffers, out: &mut [f32]) {
        match self {
            Self::Stored(view, _) => {
                let [_, all_queries, keys] = self.shape();
                let rows = heads.flat_map(|head| queries.iter().map(move |query| head * all_queries + query));
                rows.zip(out.chunks_mut(keys.max(1))).for_each(|(row, out)| view.read(row * keys, out));
            }
            Self::Computed(layer) => cpu::rows(layer, heads, queries, &mut buffers.scratch, out),
            Self::NormWeighted(weights, norms) => {
                weights.read(heads.clone(), queries, buffers, out);
                let keys = self.shape()[2].max(1);
                buffers.norms.resize(keys, 0.0);
                for (head, rows) in heads.zip(out.chunks_mut((queries.len() * keys).max(1))) {
                    norms.read(head * keys, &mut buffers.norms);
                    rows.chunks_mut(keys).for_each(|row| weight_by_norms(row, &buffers.norms));
                }
            }
            Self::Relevance(relevance) => {
                let rows = heads.flat_map(|head| queries.iter().map(move |query| (head, *query)));
                let out = out.chunks_mut(self.shape()[2].max(1));
                rows.zip(out).for_each(|((head, query), row)| relevance.row(head, query, row));
            }
        }
    }

    /// The rows of some queries in heads that belong together, head by head and within those in the order of the queries where they
    /// are read one by one: `of_row` hears of each its head, its number among the queries, and the row. `None` if `goes_on`, which
    /// is asked before each reading, says no.
    pub fn walk(
        &self,
        heads: Range<usize>,
        queries: &[usize],
        goes_on: &(dyn Fn() -> bool + Sync),
        of_row: &mut dyn FnMut(usize, usize, &[f32]),
    ) -> Option<()> {
        let keys = self.shape()[2];
        if keys == 0 {
            return Some(());
        }
        let at_once = (self.rows_at_once() / heads.len().max(1)).max(1);
        let mut buffers = RowBuffers::default();
        let mut rows = vec![0.0; heads.len() * at_once.min(queries.len()) * keys];
        for (chunk, queries) in queries.chunks(at_once).enumerate() {
            if !goes_on() {
                return None;
            }
            let rows = &mut rows[..heads.len() * queries.len() * keys];
            self.read(heads.clone(), queries, &mut buffers, rows);
            for (number, row) in rows.chunks(keys).enumerate() {
                let (head, place) = (heads.start + number / queries.len(), number % queries.len());
                of_row(head, chunk * at_once + place, row);
            }
        }
        Some(())
    }

    /// Runs of queries whose rows [`Self::rows`] best gives at once.
    pub fn tiles(&self, queries: Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
        let length = if self.is_computed() { TILE_ROWS } else { queries.len().max(1) };
        queries.clone().step_by(length).map(move |first| first..(first + length).min(queries.end))
    }

    /// The rows of a run of queries in one head, from the first weight of the first of them on. What follows the last row is
    /// anything.
    pub fn rows<'b>(&'b self, head: usize, queries: Range<usize>, buffers: &'b mut RowBuffers) -> TensorView<'b> {
        let [_, all_queries, keys] = self.shape();
        match self {
            Self::Stored(view, _) => {
                let [first, behind] = [queries.start, all_queries].map(|query| (head * all_queries + query) * keys);
                let shape = vec![all_queries - queries.start, keys];
                TensorView { dtype: view.dtype, shape, bytes: view.bytes_of(first, behind - first) }
            }
            Self::Computed(_) | Self::NormWeighted(..) | Self::Relevance(_) => {
                let shape = vec![queries.len(), keys];
                let mut tile = std::mem::take(&mut buffers.tile);
                tile.resize(queries.len() * keys, 0.0);
                self.read(head..head + 1, &queries.collect::<Vec<_>>(), buffers, &mut tile);
                buffers.tile = tile;
                TensorView { dtype: Dtype::F32, shape, bytes: bytemuck::cast_slice(&buffers.tile) }
            }
        }
    }

    /// The weights of each query of a head on some keys, query by query. `None` if `goes_on`, which is asked now and then, says
    /// no.
    pub fn columns(
        &self,
        head: usize,
        keys: &[usize],
        buffers: &mut RowBuffers,
        goes_on: &(dyn Fn() -> bool + Sync),
        of_query: &mut dyn FnMut(usize, &[f32]),
    ) -> Option<()> {
        let [_, queries, all_keys] = self.shape();
        match self {
            Self::Stored(view, _) => {
                let mut weights = vec![0.0; keys.len()];
                for query in 0..queries {
                    let first = (head * queries + query) * all_keys;
                    let cells = weights.chunks_mut(1).zip(keys);
                    cells.for_each(|(weight, key)| view.read(first + key, weight));
                    of_query(query, &weights);
                }
            }
            Self::Computed(layer) => {
                let sums = log_sum_exp::of_head(layer, head, goes_on)?;
                cpu::columns(layer, head, keys, &sums, &mut buffers.scratch, of_query);
            }
            Self::NormWeighted(..) | Self::Relevance(_) => {
                let all: Vec<usize> = (0..queries).collect();
                let mut weights = vec![0.0; keys.len()];
                self.walk(head..head + 1, &all, goes_on, &mut |_, query, row| {
                    weights.iter_mut().zip(keys).for_each(|(weight, key)| *weight = row[*key]);
                    of_query(query, &weights);
                })?;
            }
        }
        Some(())
    }

    /// Some weights of a head, by their places in its matrix `[queries, keys]`, ascending. `None` if `goes_on` says no.
    pub fn cells(
        &self,
        head: usize,
        places: impl Iterator<Item = usize>,
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Option<Vec<f32>> {
        match self {
            Self::Stored(view, _) => {
                let matrix = view.entry(head);
                let cell = |place| {
                    let mut weight = [0.0];
                    matrix.read(place, &mut weight);
                    weight[0]
                };
                Some(places.map(cell).collect())
            }
            Self::Computed(layer) => {
                let sums = log_sum_exp::of_head(layer, head, goes_on)?;
                Some(cpu::cells(layer, head, places, &sums))
            }
            Self::NormWeighted(..) | Self::Relevance(_) => {
                let keys = self.shape()[2];
                let places: Vec<usize> = places.collect();
                let mut cells = Vec::with_capacity(places.len());
                let of_query = |place: &usize| place / keys.max(1);
                let needed: Vec<usize> =
                    places.chunk_by(|a, b| of_query(a) == of_query(b)).map(|run| of_query(&run[0])).collect();
                let mut runs = places.chunk_by(|a, b| of_query(a) == of_query(b));
                self.walk(head..head + 1, &needed, goes_on, &mut |_, _, row| {
                    cells.extend(runs.next().into_iter().flatten().map(|place| row[place % keys.max(1)]));
                })?;
                Some(cells)
            }
        }
    }
}

/// Each weight times its key's norm, and the row scaled to 1; a row that sums to 0 stays. What is not finite makes its row
/// no number, but for what is masked.
fn weight_by_norms(row: &mut [f32], norms: &[f32]) {
    let mut sum = 0.0_f64;
    for (weight, norm) in row.iter_mut().zip(norms).filter(|(weight, _)| **weight != 0.0) {
        *weight *= norm;
        sum += f64::from(*weight);
    }
    if sum != 0.0 {
        let scale = if sum.is_finite() { 1.0 / sum } else { f64::NAN };
        let seen = row.iter_mut().filter(|weight| **weight != 0.0);
        seen.for_each(|weight| *weight = (f64::from(*weight) * scale) as f32);
    }
}
