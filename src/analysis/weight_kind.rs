//! Which weights are looked at: those of the model, or what else a trace says of its layers and heads.
//!
//! - **Norm-weighted** attention: each weight times the norm of what its key puts into the output, ‖W_O v‖, with each head's
//!   rows scaled to 1 (Kobayashi et al. 2020, [arXiv 2004.10102](https://arxiv.org/abs/2004.10102), equation 4, whose
//!   ‖α f(x)‖ it is). A token that draws attention and adds nothing, as sinks do, loses it.
//! - A **rollout** multiplies the layers through.
//! - A **relevance** is what the trace holds of another method, for some outputs ([`LayerRelevance`](super::LayerRelevance)).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::trace::{Block, Document, Relevance, Trace};

/// Which weights are looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightKind {
    /// As the model multiplied its values by.
    #[default]
    Raw,
    /// Times the norms of the values, rows scaled to 1.
    NormWeighted,
    /// The attention of several layers multiplied through, instead of that of a layer alone.
    Rollout(Rollout),
    /// The relevance of that name.
    Relevance(String),
}

/// Attention rollout up to the selected layer, or up to the last where the layer is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(default)]
pub struct Rollout {
    /// The first layer that takes part, by its place in the block.
    pub start: usize,
    /// The share of the identity, which stands for the residual connection, in percent: 0 to 100.
    pub residual_percent: u8,
}

/// Why a trace has no weights of a kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchWeights {
    /// The block has no value norms.
    #[error(
        "the trace holds no value norms of block `{block}`: norm-weighted attention needs `value_norm.{block}.<layer>`{others}"
    )]
    NoNorms {
        /// Its name.
        block: String,
        /// The blocks that have some, in words.
        others: String,
    },
    /// A rollout multiplies matrices, so rows and columns have to be the same tokens.
    #[error("rollout needs self-attention: the queries of block `{block}` are not its keys")]
    NoSelfAttention {
        /// Its name.
        block: String,
    },
    /// The trace has no such relevance.
    #[error("the trace holds no relevance `{name}`: {known}")]
    NoRelevance {
        /// As it was asked for.
        name: String,
        /// Those that it has, in words.
        known: String,
    },
    /// It is divided among the heads of another block.
    #[error("relevance `{name}` is divided among the heads of block `{of}`, not of `{block}`")]
    OtherBlock {
        /// Of the relevance.
        name: String,
        /// Its block.
        of: String,
        /// The selected one.
        block: String,
    },
    /// The block's queries are not its targets, or the block's keys not its tokens.
    #[error(
        "relevance `{name}` is of the tokens of `{tokens}` for outputs at tokens of `{targets}`: no keys and queries of block \
         `{block}`"
    )]
    OtherSequences {
        /// Of the relevance.
        name: String,
        /// The sequence of the tokens that have one.
        tokens: String,
        /// The sequence of its targets.
        targets: String,
        /// The selected block.
        block: String,
    },
}

impl WeightKind {
    /// Every kind that a trace may have; [`Self::check`] says whether it does.
    pub fn all(document: &Document) -> Vec<Self> {
        let relevance = document.relevance.iter().map(|found| Self::Relevance(found.name.clone()));
        [Self::Raw, Self::NormWeighted, Self::Rollout(Rollout::default())].into_iter().chain(relevance).collect()
    }

    /// Whether the trace has such weights of a block, if it has the block.
    ///
    /// # Errors
    /// If not; the message says what it has.
    pub fn check(&self, trace: &Trace, block: usize) -> Result<(), NoSuchWeights> {
        let document = trace.document();
        let Some(described) = document.attention.get(block) else { return Ok(()) };
        match self {
            Self::Raw => Ok(()),
            Self::NormWeighted if trace.value_norm(block, 0).is_some() => Ok(()),
            Self::NormWeighted => {
                let has_some = |index: &usize| trace.value_norm(*index, 0).is_some();
                let names: Vec<&str> = (0..document.attention.len())
                    .filter(has_some)
                    .map(|index| document.attention[index].name.as_str())
                    .collect();
                let others =
                    if names.is_empty() { String::new() } else { format!("; there are some of {}", quoted(&names)) };
                Err(NoSuchWeights::NoNorms { block: described.name.clone(), others })
            }
            Self::Rollout(_) if described.query == described.key => Ok(()),
            Self::Rollout(_) => Err(NoSuchWeights::NoSelfAttention { block: described.name.clone() }),
            Self::Relevance(name) => match self.relevance(document) {
                Some((_, relevance)) => check_relevance(document, relevance, block),
                None => {
                    let names: Vec<&str> = document.relevance.iter().map(|found| found.name.as_str()).collect();
                    let known =
                        if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", quoted(&names)) };
                    Err(NoSuchWeights::NoRelevance { name: name.clone(), known })
                }
            },
        }
    }

    /// The relevance that it is, with its index in [`Document::relevance`]; `None` if it is none of the trace's.
    pub fn relevance<'a>(&self, document: &'a Document) -> Option<(usize, &'a Relevance)> {
        let Self::Relevance(name) = self else { return None };
        document.relevance.iter().enumerate().find(|(_, found)| found.name == *name)
    }

    /// The same; a rollout begins at the layer that the function makes of its first one.
    pub(super) fn with_first_layer(&self, first: impl Fn(usize) -> usize) -> Self {
        match *self {
            Self::Rollout(rollout) => Self::Rollout(Rollout { start: first(rollout.start), ..rollout }),
            _ => self.clone(),
        }
    }

    /// Whether it has negative values.
    pub fn is_signed(&self, document: &Document) -> bool {
        self.relevance(document).is_some_and(|(_, found)| found.signed)
    }

    /// Whether it is the same whichever layers and heads are selected.
    pub fn is_undivided(&self, document: &Document) -> bool {
        self.relevance(document).is_some_and(|(_, found)| found.block.is_none())
    }

    /// What a single layer has that is no relevance: what statistics and tiles of heads are made of.
    pub fn of_attention(&self) -> Self {
        if *self == Self::NormWeighted { Self::NormWeighted } else { Self::Raw }
    }

    /// As it is offered.
    pub fn label(&self) -> Cow<'static, str> {
        match self {
            Self::Raw => "raw weights".into(),
            Self::NormWeighted => "norm-weighted".into(),
            Self::Rollout(_) => "rollout".into(),
            Self::Relevance(name) => format!("relevance {name}").into(),
        }
    }

    /// What the numbers are.
    pub fn quantity(&self) -> Cow<'static, str> {
        match self {
            Self::Raw => "attention weight".into(),
            Self::NormWeighted => "norm-weighted attention".into(),
            Self::Rollout(_) => "attention rollout".into(),
            Self::Relevance(name) => format!("relevance {name}").into(),
        }
    }
}

fn check_relevance(document: &Document, relevance: &Relevance, index: usize) -> Result<(), NoSuchWeights> {
    let block: &Block = &document.attention[index];
    let name = || relevance.name.clone();
    if let Some(of) = relevance.block.filter(|of| *of != index) {
        let of = document.attention[of].name.clone();
        return Err(NoSuchWeights::OtherBlock { name: name(), of, block: block.name.clone() });
    }
    if [relevance.target_sequence, relevance.sequence] != [block.query, block.key] {
        let [tokens, targets] =
            [relevance.sequence, relevance.target_sequence].map(|sequence| document.sequences[sequence].name.clone());
        return Err(NoSuchWeights::OtherSequences { name: name(), tokens, targets, block: block.name.clone() });
    }
    Ok(())
}

/// `` `self`, `cross` ``.
fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl Default for Rollout {
    fn default() -> Self {
        Self { start: 0, residual_percent: 50 }
    }
}

/// As it is typed.
impl fmt::Display for WeightKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw => formatter.write_str("raw"),
            Self::NormWeighted => formatter.write_str("norm-weighted"),
            Self::Rollout(_) => formatter.write_str("rollout"),
            Self::Relevance(name) => write!(formatter, "relevance:{name}"),
        }
    }
}

impl FromStr for WeightKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("relevance:")) {
            ("raw", _) => Ok(Self::Raw),
            ("norm-weighted", _) => Ok(Self::NormWeighted),
            ("rollout", _) => Ok(Self::Rollout(Rollout::default())),
            (_, Some(name)) if !name.is_empty() => Ok(Self::Relevance(name.to_owned())),
            _ => Err(format!("`{text}` is no kind of weights: expected raw, norm-weighted, rollout or relevance:NAME")),
        }
    }
}
