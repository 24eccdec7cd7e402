//! Queries and keys of a head in one plane.

use super::error::QueryError;
use super::hidden::norms;
use super::request::{Context, Lane, Request};
use super::value::HeapBytes;
use crate::analysis::joint::joint;
use crate::analysis::projection::{Align, Recipe, project};
use crate::trace::{Dtype, LayerTensors, TensorView};

/// Queries and keys of a head of a block that stores them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JointPlane {
    block: usize,
    layer: usize,
    head: usize,
    recipe: Recipe,
}

/// Queries and keys in one plane, so that what is near attends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueriesAndKeys {
    /// One a query; NaN where it is not finite.
    pub queries: Vec<[f32; 2]>,
    /// One a key.
    pub keys: Vec<[f32; 2]>,
    /// Of the queries as the model has them.
    pub query_norms: Vec<f32>,
    /// Of the keys.
    pub key_norms: Vec<f32>,
    /// By how much queries are scaled up, and keys down.
    pub scale: f32,
    /// Between distance and product of pairs, before they were projected: −1 where distance says attention.
    pub correlation: f32,
    /// The share of the variance that each axis explains, from 0 to 1.
    pub explained: [f32; 2],
    /// What was done.
    pub recipe: Recipe,
    /// What a reader has to know of the fit.
    pub notes: Vec<String>,
}

impl JointPlane {
    /// Of a head.
    pub fn of(block: usize, layer: usize, head: usize, recipe: Recipe) -> Self {
        // Queries and keys are fitted together: there is nothing to align.
        Self { block, layer, head, recipe: Recipe { align: Align::None, ..recipe } }
    }
}

impl Request for JointPlane {
    type Result = QueriesAndKeys;
    const LANE: Lane = Lane::States;

    fn compute(&self, context: &Context<'_>) -> Result<QueriesAndKeys, QueryError> {
        let &Self { block, layer, head, recipe } = self;
        let described = &context.document().attention[block];
        let LayerTensors::QueriesKeys(tensors) = context.trace().layer(block, layer) else {
            return Err(QueryError::failed(format!("block `{}` stores weights, not queries and keys", described.name)));
        };
        let [heads, key_heads] = [&tensors.query, &tensors.key].map(|tensor| tensor.shape[0]);
        if head >= heads {
            let number = described.layer_number(layer);
            return Err(QueryError::failed(format!("layer {number} of block `{}` has no head {head}", described.name)));
        }
        let query = tensors.query.entry(head);
        let key = tensors.key.entry(head / (heads / key_heads.max(1)).max(1));
        let together = joint(&query, &key, &tensors.mask);
        context.check()?;
        let count = query.shape[0];
        let shape = vec![count + key.shape[0], query.shape[1]];
        let rows = TensorView { dtype: Dtype::F32, shape, bytes: bytemuck::cast_slice(&together.rows) };
        let fit = project(recipe, &[rows], &mut |share| context.progress(share))?;
        let mut points = fit.points.into_iter().next().unwrap_or_default();
        let keys = points.split_off(count.min(points.len()));
        Ok(QueriesAndKeys {
            queries: points,
            keys,
            query_norms: norms(&query),
            key_norms: norms(&key),
            scale: together.scale,
            correlation: together.correlation,
            explained: fit.explained.first().copied().unwrap_or([f32::NAN; 2]),
            recipe: fit.recipe,
            notes: fit.notes,
        })
    }
}

impl HeapBytes for QueriesAndKeys {
    fn heap_bytes(&self) -> usize {
        let norms = self.query_norms.heap_bytes() + self.key_norms.heap_bytes();
        self.queries.heap_bytes() + self.keys.heap_bytes() + norms
    }
}
