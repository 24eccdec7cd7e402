//! What the index keeps of one trace, in memory.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use super::reduce::{Projection, REDUCED};
use super::thumbnail;
use crate::analysis::statistics::{self, HeadStatistics};
use crate::analysis::{Engine, EngineError};
use crate::trace::{Document, TensorView, Token, Trace};

/// What of a trace goes into the index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentOptions {
    /// Which hidden states.
    pub hidden_states: HiddenStates,
    /// Whether special tokens count in vlscope's own statistics.
    pub specials: bool,
}

/// Which hidden states of each sequence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HiddenStates {
    /// The last.
    #[default]
    Last,
    /// None.
    None,
    /// Each.
    All,
    /// These, as far as a trace has them.
    These(Vec<usize>),
}

impl HiddenStates {
    fn of(&self, states: usize) -> Vec<usize> {
        match self {
            Self::Last => (states.saturating_sub(1)..states).collect(),
            Self::None => Vec::new(),
            Self::All => (0..states).collect(),
            Self::These(chosen) => chosen.iter().copied().filter(|&state| state < states).collect(),
        }
    }
}

impl fmt::Display for HiddenStates {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last => formatter.write_str("last"),
            Self::None => formatter.write_str("none"),
            Self::All => formatter.write_str("all"),
            Self::These(chosen) => {
                let chosen: Vec<String> = chosen.iter().map(usize::to_string).collect();
                formatter.write_str(&chosen.join(","))
            }
        }
    }
}

impl FromStr for HiddenStates {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "last" => Ok(Self::Last),
            "none" => Ok(Self::None),
            "all" => Ok(Self::All),
            list => {
                let mut chosen = list.split(',').map(str::parse).collect::<Result<Vec<usize>, _>>().map_err(|_| {
                    format!("`{text}` names no hidden states: expected last, none, all or for example 0,6,12")
                })?;
                chosen.sort_unstable();
                chosen.dedup();
                Ok(Self::These(chosen))
            }
        }
    }
}

/// One trace.
#[derive(Debug)]
pub(super) struct Row {
    pub key: RowKey,
    /// Or why it could not be read.
    pub content: Result<Content, String>,
}

/// Which trace, and which state of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RowKey {
    pub example: i64,
    /// Relative to the dataset, with `/`.
    pub path: String,
    /// Size in bytes and time of change in nanoseconds, of the file before it was read; none if it could not be read.
    pub version: Option<[i64; 2]>,
}

/// What a sound trace says.
#[derive(Debug)]
pub(super) struct Content {
    pub document: Document,
    pub blocks: Vec<BlockRows>,
    /// `[index in Document::hidden]`.
    pub hidden: Vec<HiddenRows>,
    /// PNG, by image.
    pub thumbnails: Vec<Vec<u8>>,
}

/// The heads of one block.
#[derive(Debug)]
pub(super) struct BlockRows {
    /// By layer: how many.
    pub heads: Vec<usize>,
    /// In the order of the table of statistics.
    pub statistics: Vec<HeadStatistics>,
    /// In the order of the trace.
    pub metrics: Vec<HeadStatistics>,
}

/// The hidden states of one sequence.
#[derive(Debug)]
pub(super) struct HiddenRows {
    /// How many numbers a state has in the trace.
    pub size: usize,
    /// `[tokens]`, of the last state.
    pub norms: Vec<f32>,
    pub states: Vec<StateRows>,
}

/// One hidden state of all tokens of a sequence.
#[derive(Debug)]
pub(super) struct StateRows {
    pub state: usize,
    pub dim: usize,
    /// `[tokens, dim]`.
    pub values: Vec<f32>,
}

impl Content {
    /// Computes what the index keeps. `goes_on` is asked after each layer.
    pub fn of(
        trace: Trace,
        engine: &Engine,
        options: &ContentOptions,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<Self, EngineError> {
        let document = trace.document();
        let choice = statistics::Options { specials: options.specials, ..Default::default() };
        let blocks = document.attention.iter().enumerate().map(|(index, block)| {
            Ok(BlockRows {
                heads: (0..block.layers).map(|layer| trace.heads(index, layer)).collect(),
                statistics: engine.statistics(&trace, index, &choice, &mut |_, _| goes_on())?,
                metrics: statistics::head_metrics(&trace, index),
            })
        });
        let blocks = blocks.collect::<Result<_, EngineError>>()?;
        let hidden = document.hidden.iter().enumerate().map(|(index, hidden)| {
            let states = options.hidden_states.of(hidden.states).into_iter();
            let states: Vec<_> = states.map(|state| StateRows::of(state, &trace.hidden(index, state))).collect();
            let last = hidden.states.checked_sub(1);
            let size = last.map_or(0, |last| trace.hidden(index, last).shape[1]);
            let norms = match (last, states.last()) {
                (Some(last), Some((rows, norms))) if rows.state == last => norms.clone(),
                (Some(last), _) => StateRows::of(last, &trace.hidden(index, last)).1,
                (None, _) => Vec::new(),
            };
            HiddenRows { size, norms, states: states.into_iter().map(|(rows, _)| rows).collect() }
        });
        let hidden = hidden.collect();
        let thumbnails = (0..document.images).map(|image| thumbnail::png(trace.image(image))).collect();
        trace.check_unchanged()?;
        Ok(Self { document: trace.into_document(), blocks, hidden, thumbnails })
    }

    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        const TOKEN_BYTES: usize = 128;
        let tokens = self.document.sequences.iter().flat_map(|sequence| &sequence.tokens);
        let text_bytes = |token: &Token| token.text().map_or(0, str::len);
        let tokens: usize = tokens.map(|token| TOKEN_BYTES + text_bytes(token)).sum();
        let maps = [&self.document.outputs, &self.document.attributes];
        let keys = maps.iter().flat_map(|map| map.iter()).map(|(key, value)| key.len() + value_bytes(value));
        let statistics = self.blocks.iter().flat_map(|block| block.statistics.iter().chain(&block.metrics));
        let numbers = statistics.map(|statistic| statistic.values.len()).sum::<usize>()
            + self.hidden.iter().flat_map(|hidden| &hidden.states).map(|state| state.values.len()).sum::<usize>();
        tokens + keys.sum::<usize>() + 4 * numbers + self.thumbnails.iter().map(Vec::len).sum::<usize>()
    }
}

/// About how much memory a value takes, with the place of its key.
fn value_bytes(value: &Value) -> usize {
    const PLACE_BYTES: usize = 128;
    PLACE_BYTES
        + match value {
            Value::String(text) => text.len(),
            Value::Array(values) => values.iter().map(value_bytes).sum(),
            Value::Object(values) => values.iter().map(|(key, value)| key.len() + value_bytes(value)).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}

impl StateRows {
    /// With the norms of the states.
    fn of(state: usize, view: &TensorView<'_>) -> (Self, Vec<f32>) {
        let [tokens, dim] = [view.shape[0], view.shape[1]];
        let projection = Projection::of(dim);
        let mut values = Vec::with_capacity(tokens * dim.min(REDUCED));
        let mut norms = Vec::with_capacity(tokens);
        let mut numbers = vec![0.0; dim];
        for token in 0..tokens {
            let numbers = view.decoded(token * dim, &mut numbers);
            norms.push(norm(numbers));
            match &projection {
                Some(projection) => values.extend(projection.project(numbers)),
                None => values.extend(numbers),
            }
        }
        (Self { state, dim: dim.min(REDUCED), values }, norms)
    }
}

/// By lanes, since an addition waits for the one before it.
fn norm(numbers: &[f32]) -> f32 {
    let mut squares = [0.0_f64; 8];
    let (blocks, rest) = numbers.as_chunks::<8>();
    let mut add = |numbers: &[f32]| {
        squares.iter_mut().zip(numbers).for_each(|(sum, &number)| *sum += f64::from(number).powi(2));
    };
    blocks.iter().for_each(|block| add(block));
    add(rest);
    squares.iter().sum::<f64>().sqrt() as f32
}
