//! What the numbers say, all of it already computed.

use std::sync::Arc;

use crate::analysis::neighbours::Neighbour;
use crate::analysis::peaks::Peaks;
use crate::analysis::per_head::HeadWeights;
use crate::analysis::pool::{Pooling, Tiling};
use crate::analysis::projection::Recipe;
use crate::analysis::similarity::Similarity;
use crate::analysis::sinks::Sinks;
use crate::analysis::timeline::Timeline;
use crate::render::Values;

/// The numbers that the views show. Whatever is not there yet may be empty: the views say so.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// For the heads view.
    pub statistic: StatisticGrid,
    /// The selection's attention over the tokens of the other side (keys where it attends to, queries where it is
    /// attended by), as it is in the model; shares and tips are computed from it.
    pub weights: Arc<Vec<f32>>,
    /// The same after normalization, if one was chosen: what is coloured instead of `weights`.
    pub normalized: Option<Arc<Vec<f32>>>,
    /// `[queries, keys]` of the selected head.
    pub matrix: Values,
    /// The largest value of `matrix`.
    pub matrix_max: f32,
    /// `[queries, keys]` of the same head on the host: candidates of the links view, and the values in tips.
    pub links: Arc<Vec<f32>>,
    /// Hidden states in two dimensions.
    pub projection: Option<Arc<Projection>>,
    /// The sinks of the block, if the selection treats them in another way than all tokens.
    pub sinks: Option<Arc<Sinks>>,
    /// Why there are neither weights nor a matrix.
    pub refusal: Option<String>,
    /// Every head at once; `None` where nobody looks at it.
    pub thumbnails: Option<Arc<Thumbnails>>,
    /// The selection's attention in each head of its layer; `None` where nobody looks at it.
    pub per_head: Option<Arc<HeadWeights>>,
    /// What the output tokens attend to; without tokens where there are none.
    pub timeline: Option<Arc<Timeline>>,
    /// The largest weights of all heads and layers, where colours reach up to them.
    pub peaks: Option<Peaks>,
    /// `[queries, keys]` of each selected head, the mean over the selected layers, with its number; empty unless links
    /// are coloured by head.
    pub head_links: Vec<(usize, Arc<Vec<f32>>)>,
    /// The attention that each key receives from the selected head: the mean over the queries that may see it.
    pub received: Arc<Vec<f32>>,
    /// The entropy of each query's row of the selected head, in nats.
    pub row_entropy: Arc<Vec<f32>>,
    /// The tokens nearest to the selected ones among the hidden states.
    pub neighbours: Option<Arc<Neighbours>>,
    /// How alike the hidden states are.
    pub similarity: Option<Arc<Similarity>>,
    /// While the statistics are computed: how many layers are known, of how many.
    pub progress: Option<[usize; 2]>,
}

/// One statistic over layers × heads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatisticGrid {
    /// As on the command line.
    pub name: String,
    /// As a person reads it.
    pub label: String,
    /// Empty if it has none.
    pub unit: String,
    /// Number of rows.
    pub layers: usize,
    /// Number of columns.
    pub heads: usize,
    /// `[layers, heads]`; not a number where there is no value.
    pub values: Vec<f32>,
    /// `[layers]`; may be empty.
    pub layer_mean: Vec<f32>,
    /// `[heads]`; may be empty.
    pub head_mean: Vec<f32>,
    /// Whether it has two sides, as a z-score has; its colours are centred at 0.
    pub diverging: bool,
    /// The values at the ends of the colours; `None` for those of the data.
    pub range: Option<[f32; 2]>,
    /// `[layers, heads]`: which heads get a dot; may be empty.
    pub marked: Vec<bool>,
    /// `[layers, heads]`: how many rows the values are without, since a weight of them is NaN or infinite; may be empty.
    pub rows_left_out: Arc<[u32]>,
}

/// The matrices of all heads, each as a small tile, in one matrix: layers downwards, heads to the right, with
/// [`gap`](Self::gap) cells between them. Cells of gaps, and of heads that a layer lacks, are not numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thumbnails {
    /// Number of layers.
    pub layers: usize,
    /// The largest number of heads in a layer.
    pub heads: usize,
    /// Of a tile.
    pub rows: usize,
    /// Of a tile.
    pub columns: usize,
    /// Cells between tiles.
    pub gap: usize,
    /// What a cell says of its weights.
    pub pooling: Pooling,
    /// `[layers, heads]`: the largest value of each tile; not a number where a weight is none. Empty where a layer has
    /// no such head.
    pub maxima: Vec<Option<f32>>,
    /// The atlas, as pooled.
    pub shared: Arc<Vec<f32>>,
    /// The atlas, each tile divided by its maximum.
    pub own: Arc<Vec<f32>>,
}

impl Thumbnails {
    /// Puts tiles in their places; `tiles` are `[heads, rows, columns]` a layer.
    pub fn of(tiles: &[Vec<f32>], tiling: &Tiling, gap: usize) -> Self {
        let cells = tiling.cells().max(1);
        let heads = tiles.iter().map(|layer| layer.len() / cells).max().unwrap_or(0);
        let mut thumbnails = Self {
            layers: tiles.len(),
            heads,
            rows: tiling.rows,
            columns: tiling.columns,
            gap,
            pooling: tiling.pooling,
            maxima: vec![None; tiles.len() * heads],
            ..Self::default()
        };
        let [height, width] = thumbnails.atlas_size();
        let mut shared = vec![f32::NAN; height * width];
        let mut own = shared.clone();
        for (layer, of_layer) in tiles.iter().enumerate() {
            for (head, tile) in of_layer.chunks_exact(cells).enumerate() {
                let poison = if tile.iter().all(|cell| cell.is_finite()) { 0.0 } else { f32::NAN };
                let finite = tile.iter().copied().filter(|cell| cell.is_finite()).fold(0.0, f32::max);
                thumbnails.maxima[layer * heads + head] = Some(finite + poison);
                for (row, cells) in tile.chunks_exact(tiling.columns).enumerate() {
                    let from = (layer * (tiling.rows + gap) + row) * width + head * (tiling.columns + gap);
                    let to = from + tiling.columns;
                    shared[from..to].copy_from_slice(cells);
                    let scaled = cells.iter().map(|cell| cell / finite.max(f32::MIN_POSITIVE));
                    own[from..to].iter_mut().zip(scaled).for_each(|(own, cell)| *own = cell);
                }
            }
        }
        (thumbnails.shared, thumbnails.own) = (Arc::new(shared), Arc::new(own));
        thumbnails
    }

    /// Rows and columns of the atlas.
    pub fn atlas_size(&self) -> [usize; 2] {
        let side = |count: usize, cells: usize| (count * (cells + self.gap)).saturating_sub(self.gap);
        [side(self.layers, self.rows), side(self.heads, self.columns)]
    }
}

/// The hidden states of a sequence in two dimensions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Projection {
    /// One per token.
    pub points: Vec<[f32; 2]>,
    /// Index in [`Document::sequences`](crate::trace::Document::sequences).
    pub sequence: usize,
    /// Which state: 0 is the embedding.
    pub state: usize,
    /// How many states there are.
    pub states: usize,
    /// The share of the variance that each axis explains, from 0 to 1.
    pub explained: [f32; 2],
    /// What was done.
    pub recipe: Recipe,
    /// `[states][tokens]`: the places in all states, where those compare; else empty.
    pub path: Arc<Vec<Vec<[f32; 2]>>>,
    /// What a reader has to know of the fit.
    pub notes: Vec<String>,
    /// The Euclidean length of each token's state.
    pub norms: Arc<Vec<f32>>,
}

/// The tokens nearest to the selected ones in the space of the hidden states.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Neighbours {
    /// Index in [`Document::sequences`](crate::trace::Document::sequences).
    pub sequence: usize,
    /// Which state: 0 is the embedding.
    pub state: usize,
    /// In the order of [`Metric::ALL`](crate::analysis::neighbours::Metric::ALL).
    pub by_metric: [NearTokens; 2],
}

/// The nearest tokens by one metric, the nearest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NearTokens {
    /// Of the modality of the first selected token.
    pub same: Vec<Neighbour>,
    /// Of the other.
    pub other: Vec<Neighbour>,
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            statistic: StatisticGrid::default(),
            weights: Arc::default(),
            normalized: None,
            matrix: Values::Host(Arc::default()),
            matrix_max: 0.0,
            links: Arc::default(),
            projection: None,
            sinks: None,
            refusal: None,
            thumbnails: None,
            per_head: None,
            timeline: None,
            peaks: None,
            head_links: Vec::new(),
            received: Arc::default(),
            row_entropy: Arc::default(),
            neighbours: None,
            similarity: None,
            progress: None,
        }
    }
}
