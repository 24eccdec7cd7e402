//! From a trace and a question to the numbers that the views show. What is asked twice is computed once.

mod hidden;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;

use crate::analysis::normalize::Normalization;
use crate::analysis::statistics::{self, Group, HeadStatistics};
use crate::analysis::{Engine, Matrix, Selection};
use crate::render::{Pixels, Values};
use crate::scene::{Evidence, StatisticGrid};
use crate::trace::{Document, Trace};

pub use hidden::{ProjectionQuestion, Projector, compare_states, hidden_state};

/// A trace with its images decoded for drawing.
#[derive(Debug)]
pub struct OpenTrace {
    /// The trace.
    pub trace: Trace,
    /// In its order.
    pub images: Vec<Arc<Pixels>>,
}

/// What the views want to know about a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Which part of it.
    pub selection: Selection,
    /// The statistic of the heads view, as on the command line.
    pub statistic: String,
    /// Whether special tokens count in vlscope's own statistics.
    pub specials: bool,
    /// How the weights are normalized before they are coloured.
    pub normalization: Normalization,
    /// Which hidden state; `None` for the one that the selected layer put out.
    pub hidden_state: Option<usize>,
}

/// Answers questions, and remembers what it computed for the last trace.
#[derive(Debug)]
pub struct Analyst {
    engine: Engine,
    trace: u64,
    statistics: HashMap<(usize, bool), Arc<Vec<HeadStatistics>>>,
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
        Self { engine, trace: u64::MAX, statistics: HashMap::new() }
    }

    /// The numbers for all views but projections and the likeness of states. `stop` may become true at any time; the answer is then an error that nobody reads.
    ///
    /// # Errors
    /// If the engine fails, or was stopped.
    pub fn answer(&mut self, open: &OpenTrace, question: &Question, stop: &AtomicBool) -> Result<Evidence> {
        if self.trace != open.trace.serial() {
            self.trace = open.trace.serial();
            self.statistics.clear();
        }
        let selection = &question.selection;
        let weights = Arc::new(self.engine.gather(&open.trace, selection)?);
        let normalized = match question.normalization {
            Normalization::None => None,
            how => Some(Arc::new(self.engine.normalize(&weights, weights.len(), how)?)),
        };
        let host = self.engine.host_matrix(&open.trace, selection)?;
        let matrix = match self.engine.runs_shaders().then(|| self.engine.matrix(&open.trace, selection)).transpose()? {
            Some(Matrix::Resident(head)) => Values::Resident(head),
            _ => Values::Host(Arc::clone(&host)),
        };
        let matrix_max = host.iter().copied().filter(|weight| !weight.is_nan()).fold(0.0, f32::max);
        let statistic = self.statistic(open, question, stop)?;
        let received = Arc::new(attention_received(open.document(), selection.block, &host));
        let neighbours = hidden::nearest(open, question).map(Arc::new);
        Ok(Evidence {
            statistic,
            weights,
            normalized,
            matrix,
            matrix_max,
            links: host,
            received,
            neighbours,
            ..Evidence::default()
        })
    }

    fn statistic(&mut self, open: &OpenTrace, question: &Question, stop: &AtomicBool) -> Result<StatisticGrid> {
        let block = question.selection.block;
        let key = (block, question.specials);
        let all = match self.statistics.get(&key) {
            Some(known) => Arc::clone(known),
            None => {
                let options = statistics::Options { specials: question.specials };
                let mut goes_on = |_, _| !stop.load(Ordering::Relaxed);
                let computed = Arc::new(self.engine.statistics(&open.trace, block, &options, &mut goes_on)?);
                self.statistics.insert(key, Arc::clone(&computed));
                computed
            }
        };
        let Some(found) = all.iter().find(|statistic| statistic.name == question.statistic) else {
            return Ok(StatisticGrid::default());
        };
        let entry = statistics::statistic(found.name);
        Ok(StatisticGrid {
            name: found.name.to_owned(),
            label: entry.map_or("", |entry| entry.label).to_owned(),
            unit: entry.map_or("", |entry| entry.unit).to_owned(),
            layers: found.layers,
            heads: found.heads,
            values: found.values.clone(),
            layer_mean: found.layer_mean.clone(),
            diverging: entry.is_some_and(|entry| entry.group == Group::VlInterpret),
            range: None,
        })
    }
}

/// The attention that each key of `[queries, keys]` receives: the mean over the queries that may see it.
fn attention_received(document: &Document, block: usize, matrix: &[f32]) -> Vec<f32> {
    let Some(block) = document.attention.get(block) else { return Vec::new() };
    let (queries, keys) = (document.query_tokens(block).len(), document.key_tokens(block).len());
    let mut sums = vec![0.0_f64; keys];
    for row in matrix.chunks_exact(keys.max(1)) {
        for (sum, weight) in sums.iter_mut().zip(row) {
            *sum += f64::from(*weight);
        }
    }
    let is_masked = block.causal && block.query == block.key;
    let seen_by = |key: usize| if is_masked { queries - key } else { queries };
    sums.iter().enumerate().map(|(key, sum)| (sum / seen_by(key) as f64) as f32).collect()
}
