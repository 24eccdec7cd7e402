//! What is said about a target: its name, its value and the unit.

use std::sync::Arc;

use super::{Inputs, StatisticGrid, Target, words::token_names};
use crate::analysis::Direction;
use crate::analysis::similarity::Similarity;
use crate::render::Values;

/// What tips are made of, kept beside a scene so that they are made only when asked for.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// Of every sequence.
    names: Vec<Vec<String>>,
    query: usize,
    key: usize,
    direction: Direction,
    statistic: StatisticGrid,
    weights: Arc<Vec<f32>>,
    matrix: Arc<Vec<f32>>,
    similarity: Option<Arc<Similarity>>,
}

impl Facts {
    pub fn new(inputs: &Inputs<'_>) -> Self {
        let document = inputs.document;
        let block = document.attention.get(inputs.selection.block);
        let matrix = match &inputs.evidence.matrix {
            Values::Host(values) if inputs.evidence.links.is_empty() => values,
            _ => &inputs.evidence.links,
        };
        Self {
            names: document.sequences.iter().map(|sequence| token_names(&sequence.tokens)).collect(),
            query: block.map_or(0, |block| block.query),
            key: block.map_or(0, |block| block.key),
            direction: inputs.selection.direction,
            statistic: inputs.evidence.statistic.clone(),
            weights: inputs.evidence.weights.clone(),
            matrix: matrix.clone(),
            similarity: inputs.evidence.similarity.clone(),
        }
    }

    pub fn tip(&self, target: Target) -> String {
        match target {
            Target::Head { layer, head } => {
                let value = self.statistic.values.get(layer * self.statistic.heads + head);
                format!("layer {layer} · head {head}: {}", self.statistic_value(value))
            }
            Target::LayerMean { layer } => {
                format!("layer {layer} · mean of heads: {}", self.statistic_value(self.statistic.layer_mean.get(layer)))
            }
            Target::Token { sequence, token } => {
                let other = if self.direction == Direction::AttendsTo { self.key } else { self.query };
                let name = self.name(sequence, token);
                match self.weights.get(token).filter(|_| sequence == other) {
                    Some(weight) => format!("{name}: {} (attention weight)", number(*weight)),
                    None => name.to_owned(),
                }
            }
            Target::Cell { query, key } => {
                let keys = self.names.get(self.key).map_or(0, Vec::len);
                let weight = self.matrix.get(query * keys + key).copied().unwrap_or(f32::NAN);
                let (from, to) = (self.name(self.query, query), self.name(self.key, key));
                format!("query {query} {from} → key {key} {to}: {} (attention weight)", number(weight))
            }
            Target::State { state, with } => {
                let value = self.similarity.as_ref().and_then(|all| all.values.get(state * all.states + with));
                format!(
                    "state {state} · state {with}: {} (linear CKA)",
                    value.map_or("no value".into(), |&v| number(v))
                )
            }
        }
    }

    fn name(&self, sequence: usize, token: usize) -> &str {
        self.names.get(sequence).and_then(|names| names.get(token)).map_or("?", String::as_str)
    }

    fn statistic_value(&self, value: Option<&f32>) -> String {
        let unit = if self.statistic.unit.is_empty() { &self.statistic.label } else { &self.statistic.unit };
        match value {
            Some(value) if !value.is_nan() && unit.is_empty() => number(*value),
            Some(value) if !value.is_nan() => format!("{} ({unit})", number(*value)),
            _ => "no value".to_owned(),
        }
    }
}

/// Three significant digits or so, with a true minus sign.
pub(super) fn number(value: f32) -> String {
    let size = value.abs();
    let digits = match size {
        _ if value.is_nan() => return "no value".to_owned(),
        0.0 => "0".to_owned(),
        _ if size < 0.000_95 => format!("{size:.1e}").replace("e-", "e−"),
        _ if size < 0.01 => format!("{size:.4}"),
        _ if size < 1.0 => format!("{size:.3}"),
        _ if size < 10.0 => format!("{size:.2}"),
        _ if size < 100.0 => format!("{size:.1}"),
        _ => format!("{size:.0}"),
    };
    if value < 0.0 { format!("−{digits}") } else { digits }
}
