//! What a view shows, as one array with named axes.

use serde::Serialize;

use super::common::asked;
use super::common::sides::Sides;
use super::{Inputs, View, token_names};
use crate::analysis::Direction;
use crate::analysis::normalize::Normalization;
use crate::trace::Block;

/// One direction of an array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Axis {
    /// What is counted along it: `layer`, `head`, `query`, `key`, `token` or `component`.
    pub name: &'static str,
    /// What each place is called; empty where it is its number.
    pub labels: Vec<String>,
    /// How many places there are.
    pub length: usize,
}

/// An array whose axes have names.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    /// Which view shows them.
    pub view: View,
    /// The trace's name, if it has one.
    pub id: Option<String>,
    /// What the values are.
    pub quantity: String,
    /// Empty if they have none.
    pub unit: String,
    /// The first varies slowest.
    pub axes: Vec<Axis>,
    /// As many as the product of the axes' lengths; NaN where there is no value.
    pub values: Vec<f32>,
    /// The word that each value is of, where it is of one; else empty.
    pub words: Vec<String>,
}

/// Why a view has no numbers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoNumbers(pub String);

impl Axis {
    pub(super) fn counted(name: &'static str, length: usize) -> Self {
        Self { name, labels: Vec::new(), length }
    }

    /// By the model's own numbers; empty where they are 0 to `length - 1`.
    pub(super) fn layers(length: usize, numbers: &[usize]) -> Self {
        Self { name: "layer", labels: numbers.iter().map(usize::to_string).collect(), length }
    }

    pub(super) fn named(name: &'static str, labels: Vec<String>) -> Self {
        Self { name, length: labels.len(), labels }
    }
}

impl Numbers {
    /// Of a view.
    ///
    /// # Errors
    /// If there are other than the axes say.
    pub(super) fn new(
        view: View,
        inputs: &Inputs<'_>,
        (quantity, unit): (&str, &str),
        axes: Vec<Axis>,
        values: Vec<f32>,
    ) -> Result<Self, NoNumbers> {
        let expected: usize = axes.iter().map(|axis| axis.length).product();
        if values.len() != expected {
            return Err(NoNumbers(format!("the {view} view has {} numbers, expected {expected}", values.len())));
        }
        let id = inputs.document.id.clone();
        Ok(Self { view, id, quantity: quantity.to_owned(), unit: unit.to_owned(), axes, values, words: Vec::new() })
    }
}

impl NoNumbers {
    /// Because of what failed, or else because of `why`.
    pub(super) fn because(inputs: &Inputs<'_>, why: &str) -> Self {
        Self(
            inputs
                .refusal
                .map(str::to_owned)
                .or_else(|| inputs.results.failures().first().map(|why| (*why).to_owned()))
                .unwrap_or_else(|| why.to_owned()),
        )
    }

    /// Because there is no attention.
    pub(super) fn no_attention() -> Self {
        Self("this trace holds no attention".to_owned())
    }
}

/// The block that is looked at.
pub(super) fn block<'a>(inputs: &Inputs<'a>) -> Result<&'a Block, NoNumbers> {
    inputs.document.attention.get(inputs.shown.block).ok_or_else(NoNumbers::no_attention)
}

/// What the tokens of a sequence are called.
pub(super) fn names(inputs: &Inputs<'_>, sequence: usize) -> Vec<String> {
    token_names(&inputs.document.sequences[sequence].tokens)
}

/// The weights of the selection, as they are coloured: `[key]`, or `[query]` where it is attended by.
pub(super) fn of_weights(view: View, inputs: &Inputs<'_>) -> Result<Numbers, NoNumbers> {
    let axis = far_axis(inputs, block(inputs)?);
    let quantity = match asked::normalization(inputs) {
        Normalization::None => inputs.shown.weights.quantity().into_owned(),
        normalization => format!("{}, {}", inputs.shown.weights.quantity(), normalization.label()),
    };
    let shown = Sides::of(inputs).map_or(&[][..], |sides| sides.shown);
    if shown.is_empty() && axis.length > 0 {
        return Err(NoNumbers::because(inputs, "the weights are not known"));
    }
    Numbers::new(view, inputs, (&quantity, ""), vec![axis], shown.to_vec())
}

/// The axis of the tokens that have the selection's weights.
pub(super) fn far_axis(inputs: &Inputs<'_>, block: &Block) -> Axis {
    match inputs.selection.direction {
        Direction::AttendsTo => Axis::named("key", names(inputs, block.key)),
        Direction::AttendedBy => Axis::named("query", names(inputs, block.query)),
    }
}
