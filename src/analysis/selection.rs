//! What the user looks at: every view is a function of trace, selection and options.

use serde::{Deserialize, Serialize};

use super::sinks::Criteria;
use super::weight_kind::{Rollout, WeightKind};
use crate::trace::Document;
use crate::typed::choice;

/// A part of a trace: block, layers, heads, tokens and a direction.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(default)]
pub struct Selection {
    /// Index of the attention block.
    pub block: usize,
    /// The layer by its place in the block, or all of them. People and files have its number: [`Self::numbered`].
    pub layer: Pick,
    /// The head, or all of them.
    pub head: Pick,
    /// Indices into the query sequence (`AttendsTo`) or the key sequence (`AttendedBy`), in the order of selection;
    /// empty means all tokens that are not special, or all where none else are.
    pub tokens: Vec<usize>,
    /// Which side the tokens are on.
    pub direction: Direction,
    /// How the rows (or columns) of several tokens become one.
    pub combine: Combine,
    /// Which weights of these heads.
    pub weights: WeightKind,
    /// What happens to attention sinks in the weights that are shown.
    pub sinks: SinkTreatment,
    /// Which tokens are sinks.
    pub sink_criteria: Criteria,
}

/// A number that no layer of a block has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no layer {number}: block `{block}` has layers {layers}")]
pub struct NoLayer {
    number: usize,
    block: String,
    layers: String,
}

/// One of several, their average, or their maximum: taken cell by cell of the matrices, over a layer's heads first, then
/// over the layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pick {
    /// This one, 0-based.
    One(usize),
    /// The mean of all.
    #[default]
    Mean,
    /// The largest of all.
    Max,
}

choice! {
    /// How the weights of several tokens become one.
    #[derive(Default)]
    pub enum Combine {
        /// Their mean: rows still sum to 1.
        #[default]
        Mean = "mean", "mean of several tokens";
        /// Their sum.
        Sum = "sum", "sum of several tokens";
        /// The largest.
        Max = "max", "maximum of several tokens";
    }
}

choice! {
    /// What happens to sinks in the weights that are shown.
    #[derive(Default)]
    pub enum SinkTreatment {
        /// Like all other tokens.
        #[default]
        Show = "show", "show sinks like all tokens";
        /// With a mark.
        Mark = "mark", "mark sinks with a dot";
        /// Not at all.
        Hide = "hide", "hide sinks";
        /// Not at all; each row's other weights are scaled up to the sum that it had.
        Renormalise = "renormalise", "hide sinks, scale rows up";
    }
}

choice! {
    /// Which side of the attention matrix the selected tokens are on.
    #[derive(Default)]
    pub enum Direction {
        /// The selected tokens are queries; the weights are over keys.
        #[default]
        AttendsTo = "to" | "attends-to", "attends to";
        /// The selected tokens are keys; the weights are over queries.
        AttendedBy = "from" | "attended-by", "attended by";
    }
}

impl Selection {
    /// Which matrix it is of: block, layers, heads, rollout and sinks, without the tokens. What plays no part has its default, so
    /// that two selections of one matrix are equal.
    pub fn matrix(&self) -> Self {
        let (sinks, sink_criteria) = match self.sinks.leaves_out() {
            true => (self.sinks, self.sink_criteria),
            false => Default::default(),
        };
        let Self { block, layer, head, .. } = *self;
        Self { block, layer, head, weights: self.weights.clone(), sinks, sink_criteria, ..Self::default() }
    }

    /// The same of other weights: of a relevance without the tokens that it says nothing of.
    pub fn with_weights(&self, document: &Document, weights: WeightKind) -> Self {
        let mut changed = Self { weights, ..self.clone() };
        if let Some((_, relevance)) = changed.weights.relevance(document)
            && changed.direction == Direction::AttendsTo
        {
            changed.tokens.retain(|token| relevance.targets.contains(token));
        }
        changed
    }

    /// The rollout, where the weights are one.
    pub fn rollout(&self) -> Option<Rollout> {
        if let WeightKind::Rollout(rollout) = self.weights { Some(rollout) } else { None }
    }

    /// The same without rollout, sums and maxima: what is shown by numbers that are means whatever else is chosen.
    pub fn as_mean(&self) -> Self {
        let mean = |pick| if pick == Pick::Max { Pick::Mean } else { pick };
        let (layer, head) = (mean(self.layer), mean(self.head));
        let weights = if self.rollout().is_some() { WeightKind::Raw } else { self.weights.clone() };
        Self { layer, head, combine: Combine::Mean, weights, ..self.clone() }
    }

    /// The same as people type it and files hold it: with the model's own numbers of layers in place of their places in the block.
    pub fn numbered(&self, document: &Document) -> Self {
        let Some(block) = document.attention.get(self.block) else { return self.clone() };
        let layer = if let Pick::One(layer) = self.layer { Pick::One(block.layer_number(layer)) } else { self.layer };
        Self { layer, weights: self.weights.with_first_layer(|start| block.layer_number(start)), ..self.clone() }
    }

    /// What [`Self::numbered`] made of it. A rollout begins at the first layer from the one of that number on.
    ///
    /// # Errors
    /// If the block has no layer of that number.
    pub fn placed(&self, document: &Document) -> Result<Self, NoLayer> {
        let Some(block) = document.attention.get(self.block) else { return Ok(self.clone()) };
        let layer = match self.layer {
            Pick::One(number) => {
                let no_layer = || NoLayer { number, block: block.name.clone(), layers: block.layers_in_words() };
                Pick::One(block.layer_index(number).ok_or_else(no_layer)?)
            }
            all => all,
        };
        let place = |number: usize| (0..block.layers).take_while(|&layer| block.layer_number(layer) < number).count();
        Ok(Self { layer, weights: self.weights.with_first_layer(place), ..self.clone() })
    }

    /// The sequence that the tokens are of: a side of the block; of a trace without attention the first that has hidden states,
    /// or the first of all.
    pub fn sequence(&self, document: &Document) -> Option<usize> {
        match (document.attention.get(self.block), self.direction) {
            (Some(block), Direction::AttendsTo) => Some(block.query),
            (Some(block), Direction::AttendedBy) => Some(block.key),
            (None, _) if !document.attention.is_empty() => None,
            (None, _) => {
                let hidden = document.hidden.iter().find(|hidden| hidden.states > 0);
                hidden.map(|hidden| hidden.sequence).or((!document.sequences.is_empty()).then_some(0))
            }
        }
    }
}

impl SinkTreatment {
    /// Whether the weights of sinks are left out.
    pub fn leaves_out(self) -> bool {
        matches!(self, Self::Hide | Self::Renormalise)
    }
}

impl Pick {
    /// The one, where it is one.
    pub fn one(self) -> Option<usize> {
        match self {
            Self::One(index) => Some(index),
            Self::Mean | Self::Max => None,
        }
    }

    /// The indices that take part, of `count` in all.
    pub fn indices(self, count: usize) -> std::ops::Range<usize> {
        match self {
            Self::One(index) => index..index.saturating_add(1).min(count),
            Self::Mean | Self::Max => 0..count,
        }
    }
}

impl std::fmt::Display for Pick {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::One(index) => index.fmt(formatter),
            Self::Mean => formatter.write_str("mean"),
            Self::Max => formatter.write_str("max"),
        }
    }
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            block: 0,
            layer: Pick::One(0),
            head: Pick::One(0),
            tokens: Vec::new(),
            direction: Direction::default(),
            combine: Combine::default(),
            weights: WeightKind::default(),
            sinks: SinkTreatment::default(),
            sink_criteria: Criteria::default(),
        }
    }
}
