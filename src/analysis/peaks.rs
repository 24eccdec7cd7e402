//! The largest weights of a block over all of its heads and layers: what colours reach up to where pictures of several
//! heads are to compare. Rejected: the largest weight of the picture that is shown when the scale is locked, which would
//! make a picture depend on what was looked at before it.

use rayon::prelude::*;

use super::gather::{self, LayerHeads, Resolved, SelectionError};
use super::{BlockLayout, Direction, LayerWeights, Pick, Selection};
use crate::trace::{Modality, Token};

/// The largest weights, or of a relevance the largest without their signs, that any single head of any layer has; a mean of heads is never above them. 0 where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Peaks {
    /// Of the selected tokens on an image token that is not special.
    pub patches: f32,
    /// Of the selected tokens on a text token that is not special.
    pub words: f32,
    /// Of the selected tokens on any token.
    pub tokens: f32,
    /// The greatest usual maximum ([`usual_maximum_of`]) of a head's matrix, whatever tokens are selected.
    pub matrix: f32,
}

impl Peaks {
    /// Those of a selection's block, direction and tokens; `layers` are all of the block. `None` if `goes_on`, which is asked now and
    /// then, says no.
    ///
    /// # Errors
    /// If the tokens do not fit the block, or it has no heads.
    pub fn of(
        layout: &BlockLayout<'_>,
        layers: &[LayerWeights<'_>],
        selection: &Selection,
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Self>, SelectionError> {
        let all = Selection { layer: Pick::Mean, head: Pick::Mean, ..selection.clone() };
        let resolved = Resolved::new(layout, layers, &all)?;
        let far = if selection.direction == Direction::AttendsTo { layout.keys } else { layout.queries };
        let of_layer = |(layer, heads): &LayerHeads| {
            let part = Resolved { heads: vec![(*layer, heads.clone())], ..resolved.clone() };
            let by_head = gather::cpu::apart(layers, &part, &|_, head| head, goes_on)?;
            let of_head = |(head, weights): (usize, &Vec<f32>)| {
                let largest = |counts: &dyn Fn(&Token) -> bool| {
                    far.iter()
                        .zip(weights)
                        .filter(|(token, _)| counts(token))
                        .fold(0.0, |top: f32, (_, w)| top.max(w.abs()))
                };
                Some(Self {
                    patches: largest(&|token| !token.special && token.modality() == Modality::Image),
                    words: largest(&|token| !token.special && token.modality() == Modality::Text),
                    tokens: largest(&|_| true),
                    matrix: usual_maximum(&layers[*layer], head, goes_on)?,
                })
            };
            by_head.par_iter().enumerate().map(of_head).try_reduce(Self::default, |one, other| Some(one.max(other)))
        };
        Ok(resolved.heads.par_iter().map(of_layer).try_reduce(Self::default, |one, other| Some(one.max(other))))
    }

    fn max(self, other: Self) -> Self {
        Self {
            patches: self.patches.max(other.patches),
            words: self.words.max(other.words),
            tokens: self.tokens.max(other.tokens),
            matrix: self.matrix.max(other.matrix),
        }
    }
}

/// How many weights of a matrix are looked at.
const SAMPLE: usize = 20_000;

/// The weight that one in 200 of those above 0 exceeds; from a sample where there are many. A few weights near 1 (the
/// first rows of a causal block, a sink) do not move it.
fn usual_maximum(layer: &LayerWeights<'_>, head: usize, goes_on: &(dyn Fn() -> bool + Sync)) -> Option<f32> {
    let [_, queries, keys] = layer.shape();
    let stride = (queries * keys / SAMPLE).max(1) | 1;
    let sample = layer.cells(head, (0..queries * keys).step_by(stride), goes_on)?;
    Some(exceeded_by_few(sample.into_iter()))
}

/// The same of weights that are decoded.
pub fn usual_maximum_of(weights: &[f32]) -> f32 {
    let stride = (weights.len() / SAMPLE).max(1) | 1;
    exceeded_by_few(weights.iter().step_by(stride).copied())
}

fn exceeded_by_few(weights: impl Iterator<Item = f32>) -> f32 {
    let mut sample: Vec<f32> = weights.map(f32::abs).filter(|weight| *weight > 0.0).collect();
    if sample.is_empty() {
        return 0.0;
    }
    let rank = (sample.len() - 1) * 199 / 200;
    *sample.select_nth_unstable_by(rank, f32::total_cmp).1
}
