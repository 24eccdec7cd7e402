//! A relevance head by head.

use super::error::QueryError;
use super::request::{Context, Request};
use super::value::HeapBytes;
use crate::analysis::gather::Resolved;
use crate::analysis::statistics::HeadStatistics;
use crate::analysis::{BlockLayout, Direction, LayerWeights, Pick, RowBuffers, Selection};

/// What a relevance that is divided among heads says of each: the sum over all tokens for the selected outputs, or over the
/// selected tokens for all outputs; the mean over outputs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeadRelevance {
    selection: Selection,
}

impl HeadRelevance {
    /// For a selection's tokens; its layer and head play no part.
    pub fn of(selection: &Selection) -> Self {
        let Selection { block, direction, .. } = *selection;
        let (weights, tokens) = (selection.weights.clone(), selection.tokens.clone());
        Self { selection: Selection { block, direction, weights, tokens, layer: Pick::Mean, ..Selection::default() } }
    }
}

impl Request for HeadRelevance {
    type Result = HeadStatistics;

    fn compute(&self, context: &Context<'_>) -> Result<HeadStatistics, QueryError> {
        let every_head = Selection { head: Pick::Mean, ..self.selection.clone() };
        let layers = context.layers(&every_head)?;
        let part = Resolved::new(&BlockLayout::of(context.trace(), every_head.block), &layers, &every_head)?;
        let targets = layers.first().and_then(LayerWeights::relevance).map_or(&[][..], |relevance| relevance.targets);
        let queries = if part.direction == Direction::AttendsTo { part.tokens.as_slice() } else { targets };
        let queries: Vec<usize> = queries.iter().copied().filter(|query| targets.contains(query)).collect();
        // Without selected tokens all count, special ones too: they are a part of the sum.
        let keys =
            Some(&part.tokens).filter(|_| part.direction == Direction::AttendedBy && !every_head.tokens.is_empty());
        let heads = layers.iter().map(LayerWeights::heads).max().unwrap_or(0);
        let mut values = vec![f32::NAN; layers.len() * heads];
        let (mut buffers, mut row) = (RowBuffers::default(), Vec::new());
        for (number, layer) in layers.iter().enumerate() {
            context.check()?;
            row.resize(layer.shape()[2], 0.0);
            for head in 0..layer.heads() {
                let mut of_query = |query: &usize| {
                    layer.read(head..head + 1, &[*query], &mut buffers, &mut row);
                    match keys {
                        Some(keys) => keys.iter().map(|&key| f64::from(row[key])).sum::<f64>(),
                        None => row.iter().map(|&value| f64::from(value)).sum::<f64>(),
                    }
                };
                let sum: f64 = queries.iter().map(&mut of_query).sum();
                values[number * heads + head] = (sum / queries.len().max(1) as f64) as f32;
            }
        }
        context.trace().check_unchanged().map_err(QueryError::failed)?;
        Ok(HeadStatistics::new(self.selection.weights.to_string(), layers.len(), heads, values))
    }
}

impl HeapBytes for HeadStatistics {
    fn heap_bytes(&self) -> usize {
        self.values.heap_bytes() + self.layer_mean.heap_bytes()
    }
}
