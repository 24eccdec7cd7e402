//! The rows that a selection's heads make, wherever they come from: what other requests walk over.

use super::block::BlockSinks;
use super::error::QueryError;
use super::request::{Context, Request};
use crate::analysis::{HeadRows, Selection};

/// The rollout of the selected heads: `[queries, keys]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct RolledOut {
    matrix: Selection,
}

/// The rows that a selection's heads make.
pub(super) fn rows<'a>(context: &Context<'a>, selection: &Selection) -> Result<HeadRows<'a>, QueryError> {
    let left_out = left_out(context, selection)?;
    if selection.rollout.is_some() {
        let block = &context.document().attention[selection.block];
        let keys = context.document().key_tokens(block).len();
        let matrix = Selection { sinks: Default::default(), ..selection.matrix() }.matrix();
        return Ok(HeadRows::of_rollout(context.get(&RolledOut { matrix })?, keys, selection, left_out));
    }
    Ok(HeadRows::new(context.layers(selection.block)?, selection, left_out)?)
}

/// The keys that a selection's treatment of sinks leaves out, ascending.
fn left_out(context: &Context<'_>, selection: &Selection) -> Result<Vec<usize>, QueryError> {
    match selection.sinks.leaves_out() {
        true => Ok(context.get(&BlockSinks::of(selection))?.tokens()),
        false => Ok(Vec::new()),
    }
}

impl Request for RolledOut {
    type Result = Vec<f32>;

    fn compute(&self, context: &Context<'_>) -> Result<Vec<f32>, QueryError> {
        Ok(context.engine().rollout(context.trace(), &self.matrix, &|| context.goes_on())?)
    }
}
