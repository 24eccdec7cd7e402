//! One number, or one small picture, of every head.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::QueryError;
use super::request::{Context, Lane, Request};
use super::value::HeapBytes;
use crate::analysis::pool::{Pooling, Tiling};
use crate::analysis::statistics::{self, Group, HeadStatistics, Options, Over, Part, Parts, plan::Plan, sums::Sums};
use crate::analysis::{BlockLayout, WeightKind};
use crate::trace::Document;

/// How long a part of a result is waited for before it is told.
pub(super) const PATIENCE: Duration = Duration::from_millis(40);
/// How long until the next part: whatever shows it is drawn anew each time.
pub(super) const PART_EVERY: Duration = Duration::from_millis(150);

/// Every statistic of every head of a block.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BlockStatistics {
    block: usize,
    weights: WeightKind,
    options: Options,
}

/// The statistics of the layers that are computed.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownStatistics {
    /// Those of the table, and the trace's own metrics. A statistic that compares layers compares those that are known.
    pub all: Vec<HeadStatistics>,
    /// Layers that are computed, of how many.
    pub layers: [usize; 2],
}

/// The sums of one layer, one entry a head.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct LayerSums {
    of: BlockStatistics,
    layer: usize,
}

/// What the layers of a block share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct BlockPlan {
    block: usize,
    options: Options,
}

/// Every head of a block as a small picture of its matrix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AttentionGrid {
    block: usize,
    weights: WeightKind,
    side: usize,
    pooling: Pooling,
}

/// The heads of one layer, `[heads, rows, columns]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct LayerTiles {
    block: usize,
    weights: WeightKind,
    layer: usize,
    tiling: Tiling,
}

/// One statistic over layers × heads, as views show it.
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
    /// The models' own numbers of the layers; empty where they are 0 to `layers - 1`.
    pub layer_numbers: Vec<usize>,
    /// Number of columns.
    pub heads: usize,
    /// `[layers, heads]`; NaN where there is no value.
    pub values: Vec<f32>,
    /// `[layers]`; may be empty.
    pub layer_mean: Vec<f32>,
    /// `[heads]`; may be empty.
    pub head_mean: Vec<f32>,
    /// Whether it has two sides, as a z-score has; its colours are centred at 0.
    pub diverging: bool,
    /// The values at the ends of the colours; `None` for those of the data.
    pub range: Option<[f32; 2]>,
    /// The value of all heads, where they are the same but for rounding.
    pub flat: Option<f32>,
    /// `[layers, heads]`: which heads get a dot; may be empty.
    pub marked: Vec<bool>,
    /// `[layers, heads]`: how many rows the values are without, since a weight of them is NaN or infinite; may be empty.
    pub rows_left_out: Arc<[u32]>,
}

/// The matrices of all heads, each as a small tile, in one matrix: layers downwards, heads to the right, with
/// [`gap`](Self::gap) cells between them. Cells of gaps, and of heads that a layer lacks, are NaN.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttentionTiles {
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
    /// `[layers, heads]`: the largest value of each tile; NaN where a weight is. `None` where a layer has no such head.
    pub maxima: Vec<Option<f32>>,
    /// All tiles, as pooled.
    pub shared: Arc<Vec<f32>>,
    /// All tiles, each divided by its maximum.
    pub own: Arc<Vec<f32>>,
}

impl BlockStatistics {
    /// What is needed for a statistic of that name. Regions are looked for only where it is about them.
    pub fn of(block: usize, name: &str, specials: bool) -> Self {
        let is_needed =
            |part: &Part| *part != Part::Region || statistics::statistic(name).is_some_and(|found| found.part == *part);
        let parts = Parts::of(
            [Part::VlInterpret, Part::Shape, Part::Columns, Part::Distance, Part::Region].into_iter().filter(is_needed),
        );
        Self { block, weights: WeightKind::Raw, options: Options { specials, parts } }
    }

    /// The same of another kind of attention.
    pub fn of_weights(self, weights: &WeightKind) -> Self {
        Self { weights: weights.of_attention(), ..self }
    }
}

impl AttentionGrid {
    /// Tiles of at most `side` cells a side.
    pub fn of(block: usize, side: usize, pooling: Pooling) -> Self {
        Self { block, weights: WeightKind::Raw, side, pooling }
    }

    /// The same of another kind of attention.
    pub fn of_weights(self, weights: &WeightKind) -> Self {
        Self { weights: weights.of_attention(), ..self }
    }
}

impl Request for BlockStatistics {
    type Result = KnownStatistics;
    const LANE: Lane = Lane::Block;

    fn compute(&self, context: &Context<'_>) -> Result<KnownStatistics, QueryError> {
        let plan = context.get(&BlockPlan { block: self.block, options: self.options })?;
        let metrics = statistics::head_metrics(context.trace(), self.block);
        let count = context.document().attention[self.block].layers;
        let mut sums: Vec<Vec<Sums>> = vec![Vec::new(); count];
        let known = |sums: &[Vec<Sums>], layers| KnownStatistics {
            all: [statistics::finish(&plan, sums), metrics.clone()].concat(),
            layers: [layers, count],
        };
        let mut next_part = Instant::now() + PATIENCE;
        for (done, layer) in context.layers_outwards(count).into_iter().enumerate() {
            if Instant::now() >= next_part {
                context.tell(self, known(&sums, done));
                next_part = Instant::now() + PART_EVERY;
            }
            sums[layer].clone_from(&*context.get(&LayerSums { of: self.clone(), layer })?);
        }
        Ok(known(&sums, count))
    }
}

impl Request for LayerSums {
    type Result = Vec<Sums>;
    const LANE: Lane = Lane::Block;

    fn compute(&self, context: &Context<'_>) -> Result<Vec<Sums>, QueryError> {
        let BlockStatistics { block, weights, options } = self.of.clone();
        let plan = context.get(&BlockPlan { block, options })?;
        let goes_on = || context.goes_on();
        Ok(context.engine().layer_sums(context.trace(), (block, self.layer), &weights, &plan, &goes_on)?)
    }
}

impl Request for BlockPlan {
    type Result = Plan;
    const LANE: Lane = Lane::Block;

    fn compute(&self, context: &Context<'_>) -> Result<Plan, QueryError> {
        Ok(Plan::new(&BlockLayout::of(context.trace(), self.block), &self.options))
    }
}

impl Request for AttentionGrid {
    type Result = AttentionTiles;
    const LANE: Lane = Lane::Block;

    fn compute(&self, context: &Context<'_>) -> Result<AttentionTiles, QueryError> {
        let document = context.document();
        let block = &document.attention[self.block];
        let sides = [document.query_tokens(block).len(), document.key_tokens(block).len()];
        let tiling = Tiling::within(self.side, sides, self.pooling);
        let mut tiles = vec![Vec::new(); block.layers];
        let mut next_part = Instant::now() + PATIENCE;
        for layer in context.layers_outwards(block.layers) {
            if Instant::now() >= next_part {
                context.tell(self, AttentionTiles::of(&tiles, &tiling));
                next_part = Instant::now() + PART_EVERY;
            }
            tiles[layer] =
                context.get(&LayerTiles { block: self.block, weights: self.weights.clone(), layer, tiling })?.to_vec();
        }
        Ok(AttentionTiles::of(&tiles, &tiling))
    }
}

impl Request for LayerTiles {
    type Result = Vec<f32>;
    const LANE: Lane = Lane::Block;

    fn compute(&self, context: &Context<'_>) -> Result<Vec<f32>, QueryError> {
        let goes_on = || context.goes_on();
        Ok(context.engine().pool_layer(
            context.trace(),
            (self.block, self.layer),
            &self.weights,
            &self.tiling,
            &goes_on,
        )?)
    }
}

impl KnownStatistics {
    /// A statistic of the table, or a metric of the trace, as views take it; empty where there is none of that name.
    pub fn grid(&self, document: &Document, block: usize, name: &str, z_score: Option<Over>) -> StatisticGrid {
        let found = self.all.iter().find(|statistic| statistic.name == name);
        found.map_or_else(StatisticGrid::default, |found| StatisticGrid::of(document, block, found, z_score))
    }
}

fn layer_numbers(document: &Document, block: usize) -> Vec<usize> {
    document.attention.get(block).and_then(|block| block.numbers.clone()).unwrap_or_default()
}

impl StatisticGrid {
    /// A relevance, summed over tokens.
    pub fn of_relevance(document: &Document, block: usize, kind: &WeightKind, found: &HeadStatistics) -> Self {
        Self {
            name: found.name.to_string(),
            label: format!("{}, summed", kind.quantity()),
            layers: found.layers,
            layer_numbers: layer_numbers(document, block),
            heads: found.heads,
            values: found.values.clone(),
            layer_mean: found.layer_mean.clone(),
            head_mean: found.head_mean(),
            diverging: kind.is_signed(document),
            flat: found.flat(),
            ..Self::default()
        }
    }

    /// The row of the layer with that number.
    pub fn layer_index(&self, number: usize) -> Option<usize> {
        (0..self.layers).find(|&layer| self.layer_number(layer) == number)
    }

    /// The model's own number of a row.
    pub fn layer_number(&self, layer: usize) -> usize {
        self.layer_numbers.get(layer).copied().unwrap_or(layer)
    }

    /// A statistic, or a metric of the trace.
    pub fn of(document: &Document, block: usize, found: &HeadStatistics, z_score: Option<Over>) -> Self {
        let entry = statistics::statistic(&found.name);
        let metric = statistics::metric_names(document, block).find(|(name, _)| *name == found.name);
        let label = entry.map_or(metric.map_or("", |(_, title)| title), |entry| entry.label);
        let scored = z_score.map(|over| found.z_scored(over));
        let shown = scored.as_ref().unwrap_or(found);
        let has_two_sides = || match entry {
            Some(entry) => entry.group == Group::VlInterpret,
            None => found.values.iter().any(|&value| value < 0.0),
        };
        Self {
            name: found.name.to_string(),
            label: z_score.map_or(label.to_owned(), |over| format!("{label}, {}", over.label())),
            unit: if z_score.is_some() { "standard deviations" } else { entry.map_or("", |entry| entry.unit) }
                .to_owned(),
            layers: shown.layers,
            layer_numbers: layer_numbers(document, block),
            heads: shown.heads,
            values: shown.values.clone(),
            layer_mean: shown.layer_mean.clone(),
            head_mean: shown.head_mean(),
            diverging: z_score.is_some() || has_two_sides(),
            range: None,
            flat: found.flat().filter(|_| z_score.is_none()),
            marked: Vec::new(),
            rows_left_out: Arc::clone(&found.rows_left_out),
        }
    }
}

impl AttentionTiles {
    /// Puts tiles in their places; `tiles` are `[heads, rows, columns]` a layer.
    pub fn of(tiles: &[Vec<f32>], tiling: &Tiling) -> Self {
        let gap = Self::gap_of(tiling.rows.min(tiling.columns));
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

    /// Cells between tiles of that side.
    pub fn gap_of(side: usize) -> usize {
        (side / 16).max(1)
    }

    /// Rows and columns of all tiles together.
    pub fn atlas_size(&self) -> [usize; 2] {
        let side = |count: usize, cells: usize| (count * (cells + self.gap)).saturating_sub(self.gap);
        [side(self.layers, self.rows), side(self.heads, self.columns)]
    }
}

impl HeapBytes for KnownStatistics {
    fn heap_bytes(&self) -> usize {
        self.all.iter().map(HeapBytes::heap_bytes).sum()
    }
}

impl HeapBytes for Plan {
    fn heap_bytes(&self) -> usize {
        self.queries.heap_bytes() + self.keys.heap_bytes()
    }
}

impl HeapBytes for AttentionTiles {
    fn heap_bytes(&self) -> usize {
        self.shared.heap_bytes() + self.own.heap_bytes() + self.maxima.heap_bytes()
    }
}
