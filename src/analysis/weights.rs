//! Where the weights of a layer come from: stored, or made of queries and keys as they are asked for. Whoever reads weights reads
//! them here, and does not know which it is. Stored rows are read where they lie; of those that are made, several at a time cost
//! little more than one, so readers ask for [`LayerWeights::rows_at_once`] of them, in [heads that belong
//! together](LayerWeights::together).

use std::ops::Range;

use super::attention::cpu::{self, Scratch, TILE_ROWS};
use super::attention::{ComputedLayer, LayerKey, log_sum_exp};
use crate::trace::{Dtype, LayerMask, LayerTensors, TensorView, Trace};

/// The weights of one layer, `[heads, queries, keys]`.
#[derive(Clone, Debug)]
pub enum LayerWeights<'a> {
    /// As they lie in the file, and which keys the queries see.
    Stored(TensorView<'a>, LayerMask<'a>),
    /// Made of queries and keys.
    Computed(Box<ComputedLayer<'a>>),
}

/// What a thread that reads weights keeps from one reading to the next.
#[derive(Debug, Default)]
pub struct RowBuffers {
    scratch: Scratch,
    tile: Vec<f32>,
}

impl<'a> LayerWeights<'a> {
    /// A layer of a trace. Panics if there is no such block or layer.
    pub fn of(trace: &'a Trace, block: usize, layer: usize) -> Self {
        match trace.layer(block, layer) {
            LayerTensors::Weights(view) => Self::Stored(view, trace.mask(block, layer)),
            LayerTensors::QueriesKeys(tensors) => {
                let key = LayerKey { trace: trace.serial(), block, layer };
                Self::Computed(Box::new(ComputedLayer { key, tensors }))
            }
        }
    }

    /// All layers of a block. Panics if there is no such block.
    pub fn of_block(trace: &'a Trace, block: usize) -> Vec<Self> {
        (0..trace.document().attention[block].layers).map(|layer| Self::of(trace, block, layer)).collect()
    }

    /// `[heads, queries, keys]`.
    pub fn shape(&self) -> [usize; 3] {
        match self {
            Self::Stored(view, _) => [view.shape[0], view.shape[1], view.shape[2]],
            Self::Computed(layer) => layer.shape(),
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
            Self::Computed(_) => None,
        }
    }

    /// Which keys the queries see. What is stored for other keys counts in nothing that asks this.
    pub fn mask(&self) -> LayerMask<'a> {
        match self {
            Self::Stored(_, mask) => *mask,
            Self::Computed(layer) => layer.tensors.mask,
        }
    }

    /// The queries and keys, where the weights are made of those.
    pub fn computed(&self) -> Option<&ComputedLayer<'a>> {
        match self {
            Self::Stored(..) => None,
            Self::Computed(layer) => Some(layer),
        }
    }

    /// Whether a row costs more than reading it.
    pub fn is_computed(&self) -> bool {
        self.stored().is_none()
    }

    /// Runs of these heads whose rows are best read together, in their order: [`Self::read`] takes one of them.
    pub fn together(&self, heads: Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
        let group = match self {
            Self::Stored(..) => 1,
            Self::Computed(layer) => layer.group(),
        };
        (heads.start / group..heads.end.div_ceil(group))
            .map(move |number| (number * group).max(heads.start)..((number + 1) * group).min(heads.end))
    }

    /// How many rows, over all heads that are read together, are best read at once.
    pub fn rows_at_once(&self) -> usize {
        match self {
            Self::Stored(..) => 1,
            Self::Computed(_) => TILE_ROWS,
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
            Self::Computed(layer) => {
                let RowBuffers { scratch, tile } = buffers;
                let shape = vec![queries.len(), keys];
                tile.resize(queries.len() * keys, 0.0);
                cpu::rows(layer, head..head + 1, &queries.collect::<Vec<_>>(), scratch, tile);
                TensorView { dtype: Dtype::F32, shape, bytes: bytemuck::cast_slice(tile) }
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
        }
        Some(())
    }

    /// Some weights of a head, by their places in its matrix `[queries, keys]`. `None` if `goes_on` says no.
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
        }
    }
}
