//! What is asked of a projection.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How hidden states get to the plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(default)]
pub struct Recipe {
    /// By which method.
    pub method: Method,
    /// How the fits of different states go together.
    pub align: Align,
    /// The same seed gives the same picture.
    pub seed: u64,
}

/// A method of projection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Principal components.
    #[default]
    Pca,
    /// t-distributed stochastic neighbour embedding.
    Tsne,
    /// Uniform manifold approximation and projection.
    Umap,
}

/// How the fits of different states go together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Align {
    /// Each state by itself.
    #[default]
    None,
    /// One fit over all states.
    Shared,
    /// Each state by itself, turned onto the state before.
    Procrustes,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pca, Self::Tsne, Self::Umap];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pca => "pca",
            Self::Tsne => "tsne",
            Self::Umap => "umap",
        }
    }
}

impl Align {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Shared, Self::Procrustes];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Shared => "shared",
            Self::Procrustes => "procrustes",
        }
    }
}

/// As a person writes it.
impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Pca => "PCA",
            Self::Tsne => "t-SNE",
            Self::Umap => "UMAP",
        })
    }
}

/// As a person writes it.
impl fmt::Display for Align {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::None => "each state by itself",
            Self::Shared => "one fit for all states",
            Self::Procrustes => "states aligned",
        })
    }
}

/// A name that is not one of those there are.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` is none of {}", known.join(", "))]
pub struct UnknownName {
    name: String,
    known: Vec<&'static str>,
}

impl UnknownName {
    /// Of what was asked for, and what there is.
    pub fn new(name: &str, known: impl IntoIterator<Item = &'static str>) -> Self {
        Self { name: name.to_owned(), known: known.into_iter().collect() }
    }
}

impl FromStr for Method {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|method| method.name() == name);
        found.ok_or_else(|| UnknownName::new(name, Self::ALL.map(Self::name)))
    }
}

impl FromStr for Align {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|align| align.name() == name);
        found.ok_or_else(|| UnknownName::new(name, Self::ALL.map(Self::name)))
    }
}
