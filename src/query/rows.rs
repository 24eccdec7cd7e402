//! The rows that a selection's heads make, wherever they come from: what other requests walk over.

use std::sync::Arc;

use super::block::BlockSinks;
use super::error::QueryError;
use super::request::{Context, Lane, Request};
use crate::analysis::gather::Resolved;
use crate::analysis::rollout::of_tokens::MATRIX_TOKENS;
use crate::analysis::{Combine, Direction, HeadRows, Selection, SinkTreatment};

/// Selected tokens whose rows of a rollout are made one by one; those of more are added up before.
const MOST_ROLLED_APART: usize = 64;

/// The rollout of the selected heads: `[queries, keys]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct RolledOut {
    matrix: Selection,
}

/// The rows that a selection's heads make.
pub(super) fn rows<'a>(context: &Context<'a>, selection: &Selection) -> Result<HeadRows<'a>, QueryError> {
    let left_out = left_out(context, selection)?;
    if selection.rollout().is_some() {
        let block = &context.document().attention[selection.block];
        let keys = context.document().key_tokens(block).len();
        if keys > MATRIX_TOKENS {
            return Err(QueryError::failed(format!(
                "a rollout over {keys} tokens is computed for selected tokens alone: its matrix is made of at most \
                 {MATRIX_TOKENS}"
            )));
        }
        let matrix = Selection { sinks: Default::default(), ..selection.matrix() }.matrix();
        return Ok(HeadRows::of_rollout(context.get(&RolledOut { matrix })?, keys, selection, left_out));
    }
    Ok(HeadRows::new(context.layers(selection)?, selection, left_out)?)
}

/// The weights of the selected tokens in a rollout over more tokens than its matrix is made of.
pub(super) fn rolled_out(context: &Context<'_>, selection: &Selection, part: Resolved) -> Result<Vec<f32>, QueryError> {
    let left_out = left_out(context, selection)?;
    let block = &context.document().attention[selection.block];
    let keys = context.document().key_tokens(block).len();
    let by_columns = selection.direction == Direction::AttendedBy;
    let part = part.without(&left_out);
    let is_sum = part.combine != Combine::Max && selection.sinks != SinkTreatment::Renormalise;
    let factors = match part.tokens.as_slice() {
        _ if by_columns && selection.sinks == SinkTreatment::Renormalise => {
            let message =
                "columns of a rollout over so many tokens cannot be scaled up for the sinks that are left out";
            return Err(QueryError::failed(message));
        }
        tokens if tokens.len() <= MOST_ROLLED_APART => {
            tokens.iter().map(|&token| one_hot(keys, &[token], 1.0)).collect()
        }
        tokens if is_sum => {
            let count = if part.combine == Combine::Mean { tokens.len() } else { 1 };
            vec![one_hot(keys, tokens, 1.0 / count as f32)]
        }
        tokens => {
            let message = format!("a rollout over so many tokens takes at most {MOST_ROLLED_APART} selected tokens");
            return Err(QueryError::failed(format!("{message}, not {}", tokens.len())));
        }
    };
    let count = factors.len();
    let rolled = context.engine().rollout_of_tokens(context.trace(), selection, factors, &|| context.goes_on())?;
    // What was rolled out is the matrix of the selected tokens alone.
    let part = Resolved { tokens: (0..count).collect(), ..part };
    let rows = match by_columns {
        false => HeadRows::of_rollout(Arc::new(rolled.concat()), keys, selection, left_out),
        true => {
            let matrix = (0..keys).flat_map(|query| rolled.iter().map(move |column| column[query])).collect();
            HeadRows::of_rollout(Arc::new(matrix), count, selection, Vec::new())
        }
    };
    rows.gather(&part, &|| context.goes_on()).ok_or(QueryError::Stopped)
}

fn one_hot(length: usize, tokens: &[usize], factor: f32) -> Vec<f32> {
    let mut factors = vec![0.0; length];
    tokens.iter().for_each(|&token| factors[token] += factor);
    factors
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
    const LANE: Lane = Lane::Matrix;

    fn compute(&self, context: &Context<'_>) -> Result<Vec<f32>, QueryError> {
        Ok(context.engine().rollout(context.trace(), &self.matrix, &|| context.goes_on())?)
    }
}
