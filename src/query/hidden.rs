//! From hidden states to what the views show of them: places in the plane, nearest tokens, similarity of states.

use std::sync::Arc;

use super::error::QueryError;
use super::request::{Context, Lane, Request};
use super::value::HeapBytes;
use crate::analysis::neighbours::{Metric, Neighbour, neighbours};
use crate::analysis::projection::{Align, Fit, Recipe, Stopped, project};
use crate::analysis::similarity::{Similarity, similarity};
use crate::analysis::{Direction, Pick, Selection};
use crate::trace::{Document, Modality, TensorView};

/// How many neighbours of each modality are found.
const NEIGHBOURS: usize = 24;

/// A hidden state of all tokens of a sequence, in the plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Plane {
    hidden: usize,
    state: usize,
    recipe: Recipe,
}

/// What [`Plane`]s of one recipe share: the fit of one state, or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct StatesFit {
    hidden: usize,
    /// `None` for all.
    state: Option<usize>,
    recipe: Recipe,
}

/// The tokens nearest to the selected ones in a hidden state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NearestTokens {
    hidden: usize,
    state: usize,
    tokens: Vec<usize>,
}

/// The similarity of all hidden states of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StateSimilarity {
    hidden: usize,
}

/// The hidden states of a sequence in two dimensions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Projection {
    /// One per token.
    pub points: Vec<[f32; 2]>,
    /// Index in [`Document::sequences`].
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
    /// Index in [`Document::sequences`].
    pub sequence: usize,
    /// Which state: 0 is the embedding.
    pub state: usize,
    /// In the order of [`Metric::ALL`].
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

/// Index in [`Document::hidden`] and the state that a selection means, unless `chosen` says another: of the selected tokens'
/// sequence, or of the other one if only that has any; of a trace without attention the first that there is, and its last state.
/// `None` where there is none.
pub fn hidden_state(document: &Document, selection: &Selection, chosen: Option<usize>) -> Option<(usize, usize)> {
    let has_states = |index: &usize| document.hidden[*index].states > 0;
    let of = |sequence| (0..document.hidden.len()).find(|i| document.hidden[*i].sequence == sequence && has_states(i));
    let block = document.attention.get(selection.block);
    let index = match (block, selection.direction) {
        (Some(block), Direction::AttendsTo) => of(block.query).or_else(|| of(block.key)),
        (Some(block), Direction::AttendedBy) => of(block.key).or_else(|| of(block.query)),
        (None, _) => (0..document.hidden.len()).find(has_states),
    }?;
    let last = document.hidden[index].states - 1;
    let state = chosen.unwrap_or(match selection.layer {
        Pick::One(layer) => block.map_or(last, |block| block.layer_number(layer) + 1),
        Pick::Mean | Pick::Max => last,
    });
    Some((index, state.min(last)))
}

impl Plane {
    /// What a selection means; `None` where the trace has no such states.
    pub fn of(document: &Document, selection: &Selection, chosen: Option<usize>, recipe: Recipe) -> Option<Self> {
        hidden_state(document, selection, chosen).map(|(hidden, state)| Self { hidden, state, recipe })
    }
}

impl NearestTokens {
    /// Of the selected tokens; `None` where no token is selected that has a hidden state.
    pub fn of(document: &Document, selection: &Selection, chosen: Option<usize>) -> Option<Self> {
        let (hidden, state) = hidden_state(document, selection, chosen)?;
        let sequence = document.hidden[hidden].sequence;
        let tokens = &document.sequences[sequence].tokens;
        let is_here = selection.sequence(document) == Some(sequence);
        let exists = !selection.tokens.is_empty() && selection.tokens.iter().all(|&token| token < tokens.len());
        (is_here && exists).then(|| Self { hidden, state, tokens: selection.tokens.clone() })
    }
}

impl StateSimilarity {
    /// Of the sequence that a selection means; `None` where the trace has no such states.
    pub fn of(document: &Document, selection: &Selection) -> Option<Self> {
        hidden_state(document, selection, None).map(|(hidden, _)| Self { hidden })
    }

    /// Index in [`Document::hidden`].
    pub fn hidden(&self) -> usize {
        self.hidden
    }
}

impl Request for Plane {
    type Result = Projection;
    const LANE: Lane = Lane::States;

    fn compute(&self, context: &Context<'_>) -> Result<Projection, QueryError> {
        let &Self { hidden, state, recipe } = self;
        let alone = recipe.align == Align::None;
        let fit = context.get(&StatesFit { hidden, state: alone.then_some(state), recipe })?;
        let described = &context.document().hidden[hidden];
        let place = if alone { 0 } else { state };
        Ok(Projection {
            points: fit.points.get(place).cloned().unwrap_or_default(),
            sequence: described.sequence,
            state,
            states: described.states,
            explained: fit.explained.get(place).copied().unwrap_or([f32::NAN; 2]),
            recipe: fit.recipe,
            path: if alone { Arc::default() } else { Arc::new(fit.points.clone()) },
            notes: fit.notes.clone(),
            norms: Arc::new(norms(&context.trace().hidden(hidden, state))),
        })
    }
}

impl Request for StatesFit {
    type Result = Fit;
    const LANE: Lane = Lane::States;

    fn compute(&self, context: &Context<'_>) -> Result<Fit, QueryError> {
        let states = match self.state {
            Some(state) => state..state + 1,
            None => 0..context.document().hidden[self.hidden].states,
        };
        let views: Vec<_> = states.map(|state| context.trace().hidden(self.hidden, state)).collect();
        Ok(project(self.recipe, &views, &mut |share| context.progress(share))?)
    }
}

impl Request for NearestTokens {
    type Result = Neighbours;

    fn compute(&self, context: &Context<'_>) -> Result<Neighbours, QueryError> {
        let document = context.document();
        let sequence = document.hidden[self.hidden].sequence;
        let tokens = &document.sequences[sequence].tokens;
        let view = context.trace().hidden(self.hidden, self.state);
        let own = self.tokens.first().map_or(Modality::Text, |&token| tokens[token].modality());
        let by_metric = Metric::ALL.map(|metric| {
            let all = neighbours(&view, &self.tokens, metric);
            let (same, other): (Vec<Neighbour>, Vec<Neighbour>) =
                all.into_iter().partition(|found| tokens[found.token].modality() == own);
            let first = |mut all: Vec<Neighbour>| {
                all.truncate(NEIGHBOURS);
                all
            };
            NearTokens { same: first(same), other: first(other) }
        });
        Ok(Neighbours { sequence, state: self.state, by_metric })
    }
}

impl Request for StateSimilarity {
    type Result = Similarity;
    const LANE: Lane = Lane::States;

    fn compute(&self, context: &Context<'_>) -> Result<Similarity, QueryError> {
        let states = context.document().hidden[self.hidden].states;
        let views: Vec<_> = (0..states).map(|state| context.trace().hidden(self.hidden, state)).collect();
        Ok(similarity(&views, &mut |share| context.progress(share))?)
    }
}

impl From<Stopped> for QueryError {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// The Euclidean length of each row.
pub(super) fn norms(state: &TensorView<'_>) -> Vec<f32> {
    let mut row = vec![0.0; state.shape[1]];
    let norm = |token: usize| {
        state.read(token * row.len(), &mut row);
        row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt() as f32
    };
    (0..state.shape[0]).map(norm).collect()
}

fn path_bytes(path: &[Vec<[f32; 2]>]) -> usize {
    path.iter().map(HeapBytes::heap_bytes).sum()
}

impl HeapBytes for Projection {
    fn heap_bytes(&self) -> usize {
        self.points.heap_bytes() + self.norms.heap_bytes() + path_bytes(&self.path)
    }
}

impl HeapBytes for Fit {
    fn heap_bytes(&self) -> usize {
        path_bytes(&self.points) + self.explained.heap_bytes()
    }
}

impl HeapBytes for Neighbours {
    fn heap_bytes(&self) -> usize {
        self.by_metric.iter().map(|near| near.same.heap_bytes() + near.other.heap_bytes()).sum()
    }
}

impl HeapBytes for Similarity {
    fn heap_bytes(&self) -> usize {
        self.values.heap_bytes()
    }
}
