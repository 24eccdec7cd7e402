//! From a trace and a question to the numbers that the views show. What is asked twice is computed once.

mod atlas;
mod growing;
mod hidden;
mod partner;
mod tokens;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::analysis::gather::SelectionError;
use crate::analysis::normalize::Normalization;
use crate::analysis::peaks::Peaks;
use crate::analysis::pool::{Pooling, Tiling};
use crate::analysis::sinks::{self, Criteria, Sinks};
use crate::analysis::statistics::{self, Group, HeadStatistics, Over};
use crate::analysis::timeline::{HeadMasses, Timeline};
use crate::analysis::token_statistics::{attention_received, row_entropy};
use crate::analysis::{Combine, Direction, Engine, EngineError, Matrix, Pick, Selection, SinkTreatment};
use crate::render::{Pixels, Values};
use crate::trace::{Document, Trace};
use crate::view::{Evidence, StatisticGrid, Thumbnails, View, thumbnail_gap};

pub use atlas::{Atlas, AtlasError, AtlasQuestion, AtlasValue, PERMUTATIONS, SIGNIFICANT};
use growing::GrowingStatistics;
pub use hidden::{ProjectionQuestion, Projector, compare_states, complete, hidden_state};
pub use partner::Partner;
pub use tokens::{PaintedTokens, TokenColor, UnknownTokenColor, rows_of, token_name};

/// A trace with its images decoded for drawing.
#[derive(Debug)]
pub struct OpenTrace {
    /// The trace.
    pub trace: Trace,
    /// In its order.
    pub images: Vec<Arc<Pixels>>,
}

/// What the views want to know about a trace.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Question {
    /// Which part of it.
    pub selection: Selection,
    /// The statistic of the heads view, as on the command line; empty for none, which spares a pass over all weights.
    pub statistic: String,
    /// Whether special tokens count in vlscope's own statistics.
    pub specials: bool,
    /// How the weights are normalized before they are coloured.
    pub normalization: Normalization,
    /// Which hidden state; `None` for the one that the selected layer put out.
    pub hidden_state: Option<usize>,
    /// Which values the statistic is compared with; `None` for its plain values.
    pub z_score: Option<Over>,
    /// Cells a side of every head's tile, and what a cell says; `None` for no tiles.
    pub thumbnails: Option<(usize, Pooling)>,
    /// Whether every head of the layer is asked for apart.
    pub per_head: bool,
    /// Whether colours reach up to the largest weight of all heads and layers.
    pub lock_scale: bool,
    /// Whether the links are wanted of each head by itself.
    pub links_by_head: bool,
    /// Whether the output tokens are asked for.
    pub timeline: bool,
    /// Whether the neighbours of the selected tokens and the attention that each token receives are asked for.
    pub neighbours: bool,
    /// Whether the entropy of each query's attention is asked for.
    pub row_entropy: bool,
}

impl Question {
    /// What one view alone has to know.
    pub fn for_view(&self, view: View) -> Self {
        let statistic = if view == View::Heads { self.statistic.clone() } else { String::new() };
        Self { statistic, ..self.clone() }
    }

    /// Whether its answer holds all that the other one's does.
    pub fn covers(&self, other: &Self) -> bool {
        let Self { timeline, neighbours, row_entropy, .. } = *self;
        let wants_no_more =
            (timeline || !other.timeline) && (neighbours || !other.neighbours) && (row_entropy || !other.row_entropy);
        wants_no_more && Self { timeline, neighbours, row_entropy, ..other.clone() } == *self
    }
}

/// How long the views wait for all numbers before they get those that are there.
const PATIENCE: Duration = Duration::from_millis(40);
/// How long, from then on, until they get more: they are drawn anew each time.
const PART_EVERY: Duration = Duration::from_millis(150);

/// Answers questions, and remembers what it computed for the last trace.
#[derive(Debug)]
pub struct Analyst {
    engine: Engine,
    trace: u64,
    statistics: HashMap<(usize, bool), Arc<Vec<HeadStatistics>>>,
    /// Of these, what is not complete.
    growing: HashMap<(usize, bool), GrowingStatistics>,
    /// By block, with the criteria that they meet.
    sinks: HashMap<usize, (Criteria, Arc<Sinks>)>,
    thumbnails: HashMap<(usize, usize, Pooling), Arc<Thumbnails>>,
    /// By block, with its sinks where they were looked for.
    timelines: HashMap<usize, (Vec<usize>, Arc<HeadMasses>)>,
    /// By block, direction, combination and tokens.
    peaks: HashMap<(usize, Direction, Combine, Vec<usize>), Peaks>,
}

/// The weights of the selection, and the matrix they come from.
struct Weights {
    of_selection: Arc<Vec<f32>>,
    matrix: Values,
    host_matrix: Arc<Vec<f32>>,
}

impl OpenTrace {
    /// Opens a trace and decodes its images.
    ///
    /// # Errors
    /// If it is not a sound trace.
    pub fn open(path: &Path) -> Result<Self> {
        let trace = Trace::open(path)?;
        let images = (0..trace.document().images)
            .map(|index| {
                let view = trace.image(index);
                Arc::new(Pixels { width: view.width as u32, height: view.height as u32, rgb: view.rgb.to_vec() })
            })
            .collect();
        trace.check_unchanged()?;
        Ok(Self { trace, images })
    }

    /// Tokens, blocks, outputs.
    pub fn document(&self) -> &Document {
        self.trace.document()
    }

    /// Tokens, layers, heads and size, in a few words.
    pub fn summary(&self) -> String {
        let document = self.document();
        let tokens: usize = document.sequences.iter().map(|sequence| sequence.tokens.len()).sum();
        let layers: usize = document.attention.iter().map(|block| block.layers).sum();
        let heads = (0..document.attention.len()).map(|block| self.trace.max_heads(block)).max().unwrap_or(0);
        format!("{tokens} tokens · {layers} layers · {heads} heads · {:.1} MB", self.trace.bytes() as f64 / 1e6)
    }
}

impl Analyst {
    /// Computes with this engine.
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            trace: u64::MAX,
            statistics: HashMap::new(),
            growing: HashMap::new(),
            sinks: HashMap::new(),
            thumbnails: HashMap::new(),
            timelines: HashMap::new(),
            peaks: HashMap::new(),
        }
    }

    /// The numbers for all views but projections and the likeness of states. `stop` may become true at any time; the answer is then an error that nobody reads.
    ///
    /// # Errors
    /// If the engine fails, or was stopped.
    pub fn answer(&mut self, open: &OpenTrace, question: &Question, stop: &AtomicBool) -> Result<Evidence> {
        self.answer_in_parts(open, question, stop, &mut |_| ())
    }

    /// The same. While it takes longer than a moment, `on_part` is given what is there: the selection's own weights first,
    /// then more and more layers of the statistics, those next to the selected one first.
    ///
    /// # Errors
    /// If the engine fails, was stopped, or the file is no longer the one that was opened.
    pub fn answer_in_parts(
        &mut self,
        open: &OpenTrace,
        question: &Question,
        stop: &AtomicBool,
        on_part: &mut dyn FnMut(Evidence),
    ) -> Result<Evidence> {
        let mut next_part = Instant::now() + PATIENCE;
        open.trace.check_unchanged()?;
        if self.trace != open.trace.serial() {
            self.trace = open.trace.serial();
            self.statistics.clear();
            self.growing.clear();
            self.sinks.clear();
            self.thumbnails.clear();
            self.timelines.clear();
            self.peaks.clear();
        }
        let selection = &question.selection;
        if selection.block >= open.document().attention.len() {
            let neighbours = if question.neighbours { hidden::nearest(open, question).map(Arc::new) } else { None };
            return Ok(Evidence { neighbours, ..Evidence::default() });
        }
        let sinks = self.sinks(open, selection, stop)?;
        let (found, refusal) = match self.weights(open, selection, sinks.as_deref(), stop) {
            Ok(found) => (found, None),
            // A rollout that this block or layer cannot have: the other views go on, and these say why.
            Err(EngineError::Selection(why @ (SelectionError::NoSelfAttention | SelectionError::NoStart { .. }))) => {
                (Weights::none(), Some(why.to_string()))
            }
            Err(error) => return Err(error.into()),
        };
        let Weights { of_selection: weights, matrix, host_matrix: host } = found;
        let normalized = match question.normalization {
            Normalization::None => None,
            how => Some(Arc::new(self.engine.normalize(&weights, weights.len(), how)?)),
        };
        let matrix_max = host.iter().copied().filter(|weight| !weight.is_nan()).fold(0.0, f32::max);
        let document = open.document();
        let keys = document.key_tokens(&document.attention[selection.block]).len();
        let entropy = if question.row_entropy { row_entropy(keys, &host) } else { Vec::new() };
        let (mut received, mut neighbours) = (Vec::new(), None);
        if question.neighbours {
            received = attention_received(document, selection.block, &host);
            neighbours = hidden::nearest(open, question).map(Arc::new);
        }
        let left_out = sinks.as_deref().map(Sinks::tokens).unwrap_or_default();
        let per_head = match question.per_head && refusal.is_none() {
            true => Some(Arc::new(self.engine.per_head_treated(&open.trace, selection, &left_out)?)),
            false => None,
        };
        let links = host;
        let peaks = question.lock_scale.then(|| self.peaks(open, selection)).transpose()?;
        let head_links = match question.links_by_head {
            true if refusal.is_none() => self.engine.host_matrices_by_head(&open.trace, selection, &left_out)?,
            _ => Vec::new(),
        };
        let mut evidence = Evidence {
            weights,
            normalized,
            matrix,
            matrix_max,
            links,
            received: Arc::new(received),
            row_entropy: Arc::new(entropy),
            neighbours,
            refusal,
            per_head,
            peaks,
            head_links,
            sinks: sinks.clone(),
            ..Evidence::default()
        };
        if !question.statistic.is_empty() {
            evidence.statistic =
                self.grow_statistics(open, question, stop, &mut next_part, &mut |statistic, progress| {
                    on_part(Evidence { statistic, progress: Some(progress), ..evidence.clone() });
                })?;
        }
        if question.timeline {
            evidence.timeline = Some(self.timeline(open, selection, sinks.as_deref(), stop)?);
        }
        if let Some(how) = question.thumbnails {
            if Instant::now() >= next_part {
                on_part(evidence.clone());
            }
            evidence.thumbnails = Some(self.thumbnails(open, selection.block, how, stop)?);
        }
        open.trace.check_unchanged()?;
        Ok(evidence)
    }

    fn weights(
        &self,
        open: &OpenTrace,
        selection: &Selection,
        sinks: Option<&Sinks>,
        stop: &AtomicBool,
    ) -> Result<Weights, EngineError> {
        let goes_on = || !stop.load(Ordering::Relaxed);
        let host_matrix = self.engine.host_matrix_while(&open.trace, selection, &goes_on)?;
        if let Some(sinks) = sinks
            && selection.sinks.leaves_out()
        {
            let (weights, matrix) = self.engine.treated(&open.trace, selection, &sinks.tokens())?;
            let matrix = (Values::Host(Arc::clone(&matrix)), matrix);
            return Ok(Weights { of_selection: Arc::new(weights), matrix: matrix.0, host_matrix: matrix.1 });
        }
        let of_selection = Arc::new(self.engine.gather(&open.trace, selection)?);
        let matrix = match self.engine.runs_shaders().then(|| self.engine.matrix(&open.trace, selection)).transpose()? {
            Some(Matrix::Resident(head)) => Values::Resident(head),
            _ => Values::Host(Arc::clone(&host_matrix)),
        };
        Ok(Weights { of_selection, matrix, host_matrix })
    }

    /// `None` where they are shown like all other tokens.
    fn sinks(
        &mut self,
        open: &OpenTrace,
        selection: &Selection,
        stop: &AtomicBool,
    ) -> Result<Option<Arc<Sinks>>, EngineError> {
        if selection.sinks == SinkTreatment::Show || selection.block >= open.document().attention.len() {
            return Ok(None);
        }
        let criteria = selection.sink_criteria;
        if let Some((met, known)) = self.sinks.get(&selection.block)
            && *met == criteria
        {
            return Ok(Some(Arc::clone(known)));
        }
        let goes_on = || !stop.load(Ordering::Relaxed) && !open.trace.is_torn();
        let found = sinks::find_while(&open.trace, selection.block, &criteria, &goes_on);
        open.trace.check_unchanged()?;
        let found = Arc::new(found.ok_or(EngineError::Cancelled)?);
        self.sinks.insert(selection.block, (criteria, Arc::clone(&found)));
        Ok(Some(found))
    }

    /// The masses of the output tokens, of the selected heads in every layer.
    fn timeline(
        &mut self,
        open: &OpenTrace,
        selection: &Selection,
        sinks: Option<&Sinks>,
        stop: &AtomicBool,
    ) -> Result<Arc<Timeline>> {
        let found = sinks.map(Sinks::tokens).unwrap_or_default();
        let masses = match self.timelines.get(&selection.block) {
            Some((sinks, known)) if *sinks == found => Arc::clone(known),
            _ => {
                let goes_on = || !stop.load(Ordering::Relaxed);
                let summed = Arc::new(self.engine.output_masses(&open.trace, selection.block, &found, goes_on)?);
                self.timelines.insert(selection.block, (found, Arc::clone(&summed)));
                summed
            }
        };
        let heads = self.engine.heads_of_all_layers(&open.trace, selection)?;
        Ok(Arc::new(masses.mean(&heads)))
    }

    fn peaks(&mut self, open: &OpenTrace, selection: &Selection) -> Result<Peaks> {
        let key = (selection.block, selection.direction, selection.combine, selection.tokens.clone());
        if let Some(known) = self.peaks.get(&key) {
            return Ok(*known);
        }
        let peaks = self.engine.peaks(&open.trace, selection)?;
        self.peaks.insert(key, peaks);
        Ok(peaks)
    }

    /// The statistic, and meanwhile, at `next_part` and then every so often, what is known of it, with how many layers of
    /// how many those are.
    fn grow_statistics(
        &mut self,
        open: &OpenTrace,
        question: &Question,
        stop: &AtomicBool,
        next_part: &mut Instant,
        on_part: &mut dyn FnMut(StatisticGrid, [usize; 2]),
    ) -> Result<StatisticGrid> {
        let block = question.selection.block;
        let key = (block, question.specials);
        let shown = |all: &[HeadStatistics]| {
            let found = all.iter().find(|statistic| statistic.name == question.statistic);
            found.map_or_else(StatisticGrid::default, |found| grid(open.document(), block, found, question.z_score))
        };
        if let Some(known) = self.statistics.get(&key) {
            return Ok(shown(known));
        }
        let near = match question.selection.layer {
            Pick::One(layer) => layer,
            Pick::Mean | Pick::Max => 0,
        };
        let metrics = statistics::head_metrics(&open.trace, block);
        let options = statistics::Options { specials: question.specials, ..Default::default() };
        let growing = self.growing.entry(key).or_insert_with(|| GrowingStatistics::new(&open.trace, block, &options));
        let all_of = |growing: &GrowingStatistics| [growing.statistics(), metrics.clone()].concat();
        while let Some(layer) = growing.next(near) {
            if Instant::now() >= *next_part {
                on_part(shown(&all_of(growing)), growing.progress());
                *next_part = Instant::now() + PART_EVERY;
            }
            growing.add(&self.engine, &open.trace, layer, &|| !stop.load(Ordering::Relaxed))?;
        }
        let all = all_of(growing);
        let grid = shown(&all);
        self.growing.remove(&key);
        self.statistics.insert(key, Arc::new(all));
        Ok(grid)
    }

    fn thumbnails(
        &mut self,
        open: &OpenTrace,
        block: usize,
        (side, pooling): (usize, Pooling),
        stop: &AtomicBool,
    ) -> Result<Arc<Thumbnails>> {
        let key = (block, side, pooling);
        if let Some(known) = self.thumbnails.get(&key) {
            return Ok(Arc::clone(known));
        }
        let document = open.document();
        let described = &document.attention[block];
        let sides = [document.query_tokens(described).len(), document.key_tokens(described).len()];
        let tiling = Tiling::within(side, sides, pooling, described.causal);
        let tiles = self.engine.pool(&open.trace, block, &tiling, || !stop.load(Ordering::Relaxed))?;
        let thumbnails = Arc::new(Thumbnails::of(&tiles, &tiling, thumbnail_gap(tiling.rows.min(tiling.columns))));
        // Other sizes and poolings are a panel that was resized, or a choice that was tried.
        self.thumbnails.retain(|(known, ..), _| *known != block);
        self.thumbnails.insert(key, Arc::clone(&thumbnails));
        Ok(thumbnails)
    }
}

impl Weights {
    fn none() -> Self {
        let nothing = Arc::<Vec<f32>>::default();
        Self { of_selection: Arc::default(), matrix: Values::Host(Arc::clone(&nothing)), host_matrix: nothing }
    }
}

/// A statistic, or a metric of the trace, as the views take it.
fn grid(document: &Document, block: usize, found: &HeadStatistics, z_score: Option<Over>) -> StatisticGrid {
    let entry = statistics::statistic(&found.name);
    let metric = statistics::metric_names(document, block).find(|(name, _)| *name == found.name);
    let label = entry.map_or(metric.map_or("", |(_, title)| title), |entry| entry.label);
    let scored = z_score.map(|over| found.z_scored(over));
    let shown = scored.as_ref().unwrap_or(found);
    StatisticGrid {
        name: found.name.to_string(),
        label: z_score.map_or(label.to_owned(), |over| format!("{label}, {}", over.label())),
        unit: if z_score.is_some() { "standard deviations" } else { entry.map_or("", |entry| entry.unit) }.to_owned(),
        layers: shown.layers,
        heads: shown.heads,
        values: shown.values.clone(),
        layer_mean: shown.layer_mean.clone(),
        head_mean: shown.head_mean(),
        diverging: z_score.is_some()
            || entry.map_or(found.values.iter().any(|&value| value < 0.0), |entry| entry.group == Group::VlInterpret),
        range: None,
        marked: Vec::new(),
        rows_left_out: Arc::clone(&found.rows_left_out),
    }
}
