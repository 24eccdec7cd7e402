//! The weights of the selected tokens: one per token of the other side.

use std::sync::Arc;
use std::time::Instant;

use super::error::QueryError;
use super::heads::{PART_EVERY, PATIENCE};
use super::request::{Context, Lane, Request};
use super::rows::{rolled_out, rows};
use super::value::HeapBytes;
use crate::analysis::gather::Resolved;
use crate::analysis::normalize::Normalization;
use crate::analysis::per_head::{self, HeadWeights};
use crate::analysis::rollout::of_tokens::MATRIX_TOKENS;
use crate::analysis::{BlockLayout, Pick, Selection};

/// What the selected tokens attend to (keys), or what attends to them (queries), as it is in the model: `[others]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Weights {
    selection: Selection,
}

/// [`Weights`], normalized for display: `[others]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Normalized {
    weights: Weights,
    how: Normalization,
}

/// [`Weights`] of every head of the selected layers apart: `[heads, others]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeadsApart {
    selection: Selection,
}

/// [`HeadsApart`] of every layer of the block at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LayersApart {
    selection: Selection,
}

/// The selected tokens' weights in every head of every layer.
#[derive(Clone, Debug, Default)]
pub struct LayerHeads {
    /// `[heads, others]` of each layer; `None` where they are not known yet. A layer without heads has none.
    pub layers: Vec<Option<Arc<HeadWeights>>>,
}

impl Weights {
    /// Of a selection.
    pub fn of(selection: &Selection) -> Self {
        let tokens = selection.tokens.clone();
        let Selection { direction, combine, .. } = *selection;
        Self { selection: Selection { tokens, direction, combine, ..selection.matrix() } }
    }
}

impl Normalized {
    /// Of a selection; `None` where nothing is normalized.
    pub fn of(selection: &Selection, how: Normalization) -> Option<Self> {
        (how != Normalization::None).then(|| Self { weights: Weights::of(selection), how })
    }
}

impl HeadsApart {
    /// Of a selection's layers; which head is selected plays no part.
    pub fn of(selection: &Selection) -> Self {
        let every_head = Selection { head: Pick::Mean, weights: selection.weights.clone(), ..selection.as_mean() };
        Self { selection: Weights::of(&every_head).selection }
    }
}

impl LayersApart {
    /// Of a selection; which layer and head are selected plays no part. A rollout is of no layer alone: raw weights stand for it.
    pub fn of(selection: &Selection) -> Self {
        let every_layer = Selection { layer: Pick::Mean, ..selection.as_mean() };
        Self { selection: HeadsApart::of(&every_layer).selection }
    }
}

impl Request for Weights {
    type Result = Vec<f32>;

    fn compute(&self, context: &Context<'_>) -> Result<Vec<f32>, QueryError> {
        let selection = &self.selection;
        let layers = context.layers(selection)?;
        let part = Resolved::new(&BlockLayout::of(context.trace(), selection.block), &layers, selection)?;
        if part.is_by_head(selection) && !selection.sinks.leaves_out() {
            return Ok(context.engine().gather(context.trace(), selection, &|| context.goes_on())?);
        }
        if selection.rollout().is_some() && layers.first().is_some_and(|layer| layer.shape()[2] > MATRIX_TOKENS) {
            return rolled_out(context, selection, part);
        }
        let rows = rows(context, selection)?;
        rows.gather(&part.without(rows.left_out()), &|| context.goes_on()).ok_or(QueryError::Stopped)
    }
}

impl Request for Normalized {
    type Result = Vec<f32>;

    fn compute(&self, context: &Context<'_>) -> Result<Vec<f32>, QueryError> {
        let weights = context.get(&self.weights)?;
        Ok(context.engine().normalize(&weights, weights.len(), self.how)?)
    }
}

impl Request for HeadsApart {
    type Result = HeadWeights;

    fn compute(&self, context: &Context<'_>) -> Result<HeadWeights, QueryError> {
        let selection = &self.selection;
        if selection.rollout().is_none() && !selection.sinks.leaves_out() {
            return Ok(context.engine().per_head(context.trace(), selection, &|| context.goes_on())?);
        }
        let layers = context.layers(selection)?;
        let part = per_head::resolve(&BlockLayout::of(context.trace(), selection.block), &layers, selection)?;
        let heads = part.heads.iter().map(|(_, heads)| heads.end).max().unwrap_or(0);
        let mut of_heads = vec![Vec::new(); heads];
        for (head, weights) in of_heads.iter_mut().enumerate() {
            context.check()?;
            if part.heads.iter().any(|(_, heads)| heads.contains(&head)) {
                let one = Selection { head: Pick::One(head), ..selection.clone() };
                *weights = context.get(&Weights { selection: one })?.to_vec();
            }
        }
        // A head that the selected layers lack has no weights.
        let others = of_heads.iter().map(Vec::len).max().unwrap_or(0);
        of_heads.iter_mut().for_each(|weights| weights.resize(others, f32::NAN));
        Ok(HeadWeights { heads, values: of_heads.concat() })
    }
}

impl Request for LayersApart {
    type Result = LayerHeads;
    const LANE: Lane = Lane::Block;

    fn compute(&self, context: &Context<'_>) -> Result<LayerHeads, QueryError> {
        let count = context.layers(&self.selection)?.len();
        let mut known = LayerHeads { layers: vec![None; count] };
        let mut next_part = Instant::now() + PATIENCE;
        for layer in context.layers_outwards(count) {
            if Instant::now() >= next_part {
                context.tell(self, known.clone());
                next_part = Instant::now() + PART_EVERY;
            }
            let of_layer = Selection { layer: Pick::One(layer), ..self.selection.clone() };
            known.layers[layer] = Some(match context.trace().heads(self.selection.block, layer) {
                0 => Arc::default(),
                _ => context.get(&HeadsApart::of(&of_layer))?,
            });
        }
        Ok(known)
    }
}

impl HeapBytes for LayerHeads {
    fn heap_bytes(&self) -> usize {
        self.layers.iter().flatten().map(|layer| layer.heap_bytes()).sum()
    }
}

impl HeapBytes for HeadWeights {
    fn heap_bytes(&self) -> usize {
        self.values.heap_bytes()
    }
}
