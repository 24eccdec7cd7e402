//! What the user looks at: every view is a function of trace, selection and options.

use serde::{Deserialize, Serialize};

/// A part of a trace: block, layers, heads, tokens and a direction.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(default)]
pub struct Selection {
    /// Index of the attention block.
    pub block: usize,
    /// The layer, or all of them.
    pub layer: Pick,
    /// The head, or all of them.
    pub head: Pick,
    /// Indices into the query sequence (`AttendsTo`) or the key sequence (`AttendedBy`), in the order of selection;
    /// empty means all tokens that are not special.
    pub tokens: Vec<usize>,
    /// Which side the tokens are on.
    pub direction: Direction,
}

/// One of several, or their average.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pick {
    /// This one, 0-based.
    One(usize),
    /// The mean of all.
    Mean,
}

/// Which side of the attention matrix the selected tokens are on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// The selected tokens are queries; the weights are over keys.
    #[default]
    AttendsTo,
    /// The selected tokens are keys; the weights are over queries.
    AttendedBy,
}

impl Pick {
    /// The indices that are averaged, of `count` in all.
    pub fn indices(self, count: usize) -> std::ops::Range<usize> {
        match self {
            Self::One(index) => index..(index + 1).min(count),
            Self::Mean => 0..count,
        }
    }
}

impl std::fmt::Display for Pick {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::One(index) => index.fmt(formatter),
            Self::Mean => formatter.write_str("mean"),
        }
    }
}

impl Default for Selection {
    fn default() -> Self {
        Self { block: 0, layer: Pick::One(0), head: Pick::One(0), tokens: Vec::new(), direction: Direction::default() }
    }
}
