//! Weights from which sinks are left out, and those of each head by itself under rollout and without sinks. All of it on the
//! processor: the matrices have to become host memory first.

use std::sync::Arc;

use super::{Engine, EngineError, HeadMatrix, keys, layers};
use crate::analysis::gather::{self, Resolved};
use crate::analysis::per_head::{self, HeadWeights};
use crate::analysis::{BlockLayout, Direction, Pick, Selection, SinkTreatment, sinks};
use crate::trace::Trace;

impl Engine {
    /// What [`Self::gather`] and [`Self::host_matrix`] give once these keys are left out, and each row's others are
    /// scaled up to the sum that it had if the selection says so.
    ///
    /// # Errors
    /// If the selection does not fit the trace, or the device fails. Panics if there is no such block.
    pub fn treated(
        &self,
        trace: &Trace,
        selection: &Selection,
        left_out: &[usize],
    ) -> Result<(Vec<f32>, Arc<Vec<f32>>), EngineError> {
        let layers = layers(trace, selection.block)?;
        let part = Resolved::new(&BlockLayout::of(trace, selection.block), &layers, selection)?;
        let part = without(part, left_out);
        let mut matrix = self.host_matrix(trace, selection)?.to_vec();
        sinks::leave_out(&mut matrix, keys(&layers), left_out, selection.sinks == SinkTreatment::Renormalise);
        Ok((gather::cpu::gather_matrix(&matrix, keys(&layers), &part), Arc::new(matrix)))
    }

    /// `[queries, keys]` of each selected head by itself, with its number: the mean over the selected layers, or the rollout
    /// through them, without the keys that are left out if the selection says so.
    ///
    /// # Errors
    /// If the selection does not fit the trace, or the device fails. Panics if there is no such block.
    pub fn host_matrices_by_head(
        &self,
        trace: &Trace,
        selection: &Selection,
        left_out: &[usize],
    ) -> Result<Vec<HeadMatrix>, EngineError> {
        let layers = layers(trace, selection.block)?;
        let selected = gather::heads(&layers, selection)?;
        let end = selected.iter().map(|(_, heads)| heads.end).max().unwrap_or(0);
        let exists = |head: &usize| selected.iter().any(|(_, heads)| heads.contains(head));
        let of_head = |head: usize| {
            let mut matrix = self.host_matrix(trace, &Selection { head: Pick::One(head), ..selection.clone() })?;
            if selection.sinks.leaves_out() {
                let renormalises = selection.sinks == SinkTreatment::Renormalise;
                let weights: &mut Vec<f32> = Arc::make_mut(&mut matrix);
                sinks::leave_out(weights, keys(&layers), left_out, renormalises);
            }
            Ok((head, matrix))
        };
        (0..end).filter(exists).map(of_head).collect()
    }

    /// [`Self::per_head`] under the selection's rollout, and without the keys that are left out if it says so. A head that the
    /// selected layers lack has weights that are not numbers.
    ///
    /// # Errors
    /// If the selection does not fit the trace, or the device fails. Panics if there is no such block.
    pub fn per_head_treated(
        &self,
        trace: &Trace,
        selection: &Selection,
        left_out: &[usize],
    ) -> Result<HeadWeights, EngineError> {
        if selection.rollout.is_none() && !selection.sinks.leaves_out() {
            return self.per_head(trace, selection);
        }
        let layers = layers(trace, selection.block)?;
        let part = per_head::resolve(&BlockLayout::of(trace, selection.block), &layers, &selection.as_mean())?;
        let part = if selection.sinks.leaves_out() { without(part, left_out) } else { part };
        let every_head = Selection { rollout: selection.rollout, head: Pick::Mean, ..selection.as_mean() };
        let found = self.host_matrices_by_head(trace, &every_head, left_out)?;
        let gathered =
            found.iter().map(|(head, matrix)| (*head, gather::cpu::gather_matrix(matrix, keys(&layers), &part)));
        let gathered: Vec<(usize, Vec<f32>)> = gathered.collect();
        let heads = gathered.last().map_or(0, |(head, _)| head + 1);
        let others = gathered.first().map_or(0, |(_, weights)| weights.len());
        let mut values = vec![f32::NAN; heads * others];
        for (head, weights) in gathered {
            values[head * others..][..others].copy_from_slice(&weights);
        }
        Ok(HeadWeights { heads, values })
    }
}

/// Selected keys that are left out say nothing; if all of them are, they stay selected, without weights.
fn without(mut part: Resolved, left_out: &[usize]) -> Resolved {
    if part.direction == Direction::AttendedBy && !part.tokens.iter().all(|token| left_out.contains(token)) {
        part.tokens.retain(|token| !left_out.contains(token));
    }
    part
}
