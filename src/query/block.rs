//! What is known of a whole block, whichever of its heads is selected.

use super::error::QueryError;
use super::request::{Context, Lane, Request};
use super::value::HeapBytes;
use crate::analysis::peaks::Peaks;
use crate::analysis::sinks::{self, Criteria, Sinks};
use crate::analysis::timeline::{HeadMasses, Timeline};
use crate::analysis::{Combine, Direction, Selection, SinkTreatment, WeightKind};

/// The sinks among a block's keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BlockSinks {
    block: usize,
    criteria: Criteria,
}

/// What the output tokens attend to in the selected head of every layer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OutputMasses {
    selection: Selection,
}

/// The same of every head.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct OutputMassesByHead {
    block: usize,
    weights: WeightKind,
    sinks: Option<BlockSinks>,
}

/// The largest weights of all heads and layers for the selected tokens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BlockPeaks {
    block: usize,
    weights: WeightKind,
    direction: Direction,
    combine: Combine,
    tokens: Vec<usize>,
}

impl BlockSinks {
    /// By a selection's criteria.
    pub fn of(selection: &Selection) -> Self {
        Self { block: selection.block, criteria: selection.sink_criteria }
    }

    /// The same, where the selection treats sinks in another way than all tokens.
    pub fn treated(selection: &Selection) -> Option<Self> {
        (selection.sinks != SinkTreatment::Show).then(|| Self::of(selection))
    }
}

impl OutputMasses {
    /// Of a selection's heads; its layers and tokens play no part.
    pub fn of(selection: &Selection) -> Self {
        let Selection { block, head, sinks, sink_criteria, .. } = *selection;
        let weights = selection.as_mean().weights;
        Self { selection: Selection { block, head, weights, sinks, sink_criteria, ..Selection::default() } }
    }
}

impl BlockPeaks {
    /// For a selection's tokens; its layer and head play no part.
    pub fn of(selection: &Selection) -> Self {
        let Selection { block, direction, combine, .. } = *selection;
        Self { block, weights: selection.as_mean().weights, direction, combine, tokens: selection.tokens.clone() }
    }
}

impl Request for BlockSinks {
    type Result = Sinks;
    const LANE: Lane = Lane::Block;

    fn compute(&self, context: &Context<'_>) -> Result<Sinks, QueryError> {
        let found = sinks::find_while(context.trace(), self.block, &self.criteria, &|| context.goes_on());
        context.trace().check_unchanged()?;
        found.ok_or(QueryError::Stopped)
    }
}

impl Request for OutputMasses {
    type Result = Timeline;
    const LANE: Lane = Lane::Block;

    fn compute(&self, context: &Context<'_>) -> Result<Timeline, QueryError> {
        let sinks = BlockSinks::treated(&self.selection);
        let Selection { block, weights, .. } = self.selection.clone();
        let masses = context.get(&OutputMassesByHead { block, weights, sinks })?;
        let heads = context.engine().heads_of_all_layers(context.trace(), &self.selection)?;
        Ok(masses.mean(&heads))
    }
}

impl Request for OutputMassesByHead {
    type Result = HeadMasses;
    const LANE: Lane = Lane::Block;

    fn compute(&self, context: &Context<'_>) -> Result<HeadMasses, QueryError> {
        let found = match &self.sinks {
            Some(sinks) => context.get(sinks)?.tokens(),
            None => Vec::new(),
        };
        Ok(context.engine().output_masses(context.trace(), self.block, &self.weights, &found, &|| context.goes_on())?)
    }
}

impl Request for BlockPeaks {
    type Result = Peaks;
    const LANE: Lane = Lane::Block;

    fn compute(&self, context: &Context<'_>) -> Result<Peaks, QueryError> {
        let Self { block, weights, direction, combine, tokens } = self.clone();
        let selection = Selection { block, weights, direction, combine, tokens, ..Selection::default() };
        Ok(context.engine().peaks(context.trace(), &selection, &|| context.goes_on())?)
    }
}

impl HeapBytes for Sinks {
    fn heap_bytes(&self) -> usize {
        self.sinks.heap_bytes() + self.dimensions.heap_bytes()
    }
}

impl HeapBytes for Timeline {
    fn heap_bytes(&self) -> usize {
        self.tokens.heap_bytes() + self.masses.heap_bytes()
    }
}

impl HeapBytes for HeadMasses {
    fn heap_bytes(&self) -> usize {
        self.bytes()
    }
}

impl HeapBytes for Peaks {
    fn heap_bytes(&self) -> usize {
        0
    }
}
