//! From a trace and a question to the numbers that the views show. What is asked twice is computed once.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::analysis::normalize::Normalization;
use crate::analysis::statistics::{self, Group, HeadStatistics};
use crate::analysis::{Engine, Matrix, Pick, Selection, project};
use crate::render::{Pixels, Values};
use crate::scene::{Evidence, Projection, StatisticGrid};
use crate::trace::{Document, Trace};

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
    projections: HashMap<(usize, usize), Arc<Projection>>,
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
        Self { engine, trace: u64::MAX, statistics: HashMap::new(), projections: HashMap::new() }
    }

    /// The numbers for all views. `stop` may become true at any time; the answer is then an error that nobody reads.
    ///
    /// # Errors
    /// If the engine fails, or was stopped.
    pub fn answer(&mut self, open: &OpenTrace, question: &Question, stop: &AtomicBool) -> Result<Evidence> {
        if self.trace != open.trace.serial() {
            self.trace = open.trace.serial();
            self.statistics.clear();
            self.projections.clear();
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
        let projection = self.projection(open, question)?;
        let statistic = self.statistic(open, question, stop)?;
        Ok(Evidence { statistic, weights, normalized, matrix, matrix_max, links: host, projection })
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

    /// The hidden states of the selection's side, or of the other side if only that one has them.
    fn projection(&mut self, open: &OpenTrace, question: &Question) -> Result<Option<Arc<Projection>>> {
        let document = open.document();
        let Some(block) = document.attention.get(question.selection.block) else { return Ok(None) };
        let of = |sequence| document.hidden.iter().position(|hidden| hidden.sequence == sequence);
        let Some(index) = of(block.query).or_else(|| of(block.key)) else { return Ok(None) };
        let hidden = &document.hidden[index];
        let last = hidden.states.saturating_sub(1);
        let state = question.hidden_state.unwrap_or(match question.selection.layer {
            Pick::One(layer) => layer + 1,
            Pick::Mean => last,
        });
        let state = state.min(last);
        if let Some(known) = self.projections.get(&(index, state)) {
            return Ok(Some(Arc::clone(known)));
        }
        let found = project(&open.trace.hidden(index, state));
        let projection = Arc::new(Projection {
            points: found.points,
            sequence: hidden.sequence,
            state,
            states: hidden.states,
            explained: found.explained,
        });
        self.projections.insert((index, state), Arc::clone(&projection));
        Ok(Some(projection))
    }
}
