//! What the numbers say, all of it already computed.

use std::sync::Arc;

use crate::analysis::neighbours::Neighbour;
use crate::analysis::projection::Recipe;
use crate::analysis::similarity::Similarity;
use crate::render::Values;

/// The numbers that the views show. Whatever is not there yet may be empty: the views say so.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// For the heads view.
    pub statistic: StatisticGrid,
    /// The selection's attention over the tokens of the other side (keys where it attends to, queries where it is
    /// attended by), as it is in the model; shares and tips are computed from it.
    pub weights: Arc<Vec<f32>>,
    /// The same after normalization, if one was chosen: what is coloured instead of `weights`.
    pub normalized: Option<Arc<Vec<f32>>>,
    /// `[queries, keys]` of the selected head.
    pub matrix: Values,
    /// The largest value of `matrix`.
    pub matrix_max: f32,
    /// `[queries, keys]` of the same head on the host: candidates of the links view, and the values in tips.
    pub links: Arc<Vec<f32>>,
    /// Hidden states in two dimensions.
    pub projection: Option<Arc<Projection>>,
    /// The attention that each key receives from the selected head: the mean over the queries that may see it.
    pub received: Arc<Vec<f32>>,
    /// The tokens nearest to the selected ones among the hidden states.
    pub neighbours: Option<Arc<Neighbours>>,
    /// How alike the hidden states are.
    pub similarity: Option<Arc<Similarity>>,
}

/// One statistic over layers × heads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatisticGrid {
    /// As on the command line.
    pub name: String,
    /// As a person reads it.
    pub label: String,
    /// Empty if it has none.
    pub unit: String,
    /// Number of rows.
    pub layers: usize,
    /// Number of columns.
    pub heads: usize,
    /// `[layers, heads]`; not a number where there is no value.
    pub values: Vec<f32>,
    /// `[layers]`; may be empty.
    pub layer_mean: Vec<f32>,
    /// Whether it has two sides, as a z-score has; its colours are centred at 0.
    pub diverging: bool,
    /// The values at the ends of the colours; `None` for those of the data.
    pub range: Option<[f32; 2]>,
}

/// The hidden states of a sequence in two dimensions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Projection {
    /// One per token.
    pub points: Vec<[f32; 2]>,
    /// Index in [`Document::sequences`](crate::trace::Document::sequences).
    pub sequence: usize,
    /// Which state: 0 is the embedding.
    pub state: usize,
    /// How many states there are.
    pub states: usize,
    /// The share of the variance that each axis explains, from 0 to 1.
    pub explained: [f32; 2],
    /// What was done.
    pub recipe: Recipe,
    /// `[states][tokens]`: the places in all states, where those compare; else empty.
    pub path: Arc<Vec<Vec<[f32; 2]>>>,
    /// What a reader has to know of the fit.
    pub notes: Vec<String>,
    /// The Euclidean length of each token's state.
    pub norms: Arc<Vec<f32>>,
}

/// The tokens nearest to the selected ones in the space of the hidden states.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Neighbours {
    /// Index in [`Document::sequences`](crate::trace::Document::sequences).
    pub sequence: usize,
    /// Which state: 0 is the embedding.
    pub state: usize,
    /// In the order of [`Metric::ALL`](crate::analysis::neighbours::Metric::ALL).
    pub by_metric: [NearTokens; 2],
}

/// The nearest tokens by one metric, the nearest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NearTokens {
    /// Of the modality of the first selected token.
    pub same: Vec<Neighbour>,
    /// Of the other.
    pub other: Vec<Neighbour>,
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            statistic: StatisticGrid::default(),
            weights: Arc::default(),
            normalized: None,
            matrix: Values::Host(Arc::default()),
            matrix_max: 0.0,
            links: Arc::default(),
            projection: None,
            received: Arc::default(),
            neighbours: None,
            similarity: None,
        }
    }
}
