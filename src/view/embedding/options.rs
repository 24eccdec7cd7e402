//! How the hidden states are shown.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use crate::analysis::neighbours::Metric;
use crate::analysis::projection::{Align, Recipe, UnknownName};

/// Everything that can be chosen about the hidden states view, apart from which state it shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct EmbeddingOptions {
    /// How states get to the plane.
    pub recipe: Recipe,
    /// What colours mean.
    pub color_by: ColorBy,
    /// What sizes mean.
    pub size_by: SizeBy,
    /// Whether selected tokens have their path through the layers; needs places that compare.
    pub trajectories: bool,
    /// Whether patches are small pictures.
    pub pictures: bool,
    /// The tokens nearest to the selected ones beside the plot, by this metric.
    pub neighbours: Option<Metric>,
    /// Whether a drag draws a lasso; with Shift it always does.
    pub lasso: bool,
}

impl EmbeddingOptions {
    /// Draws the way of selected tokens through the states, or stops it. Without places that compare there is no way.
    pub fn show_trajectories(&mut self, shown: bool) {
        self.trajectories = shown;
        if shown && self.recipe.align == Align::None {
            self.recipe.align = Align::Shared;
        }
    }
}

/// What the colours of points mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColorBy {
    /// Text, image or special.
    #[default]
    Modality,
    /// The segment of the trace.
    Segment,
    /// The length of the hidden state.
    Norm,
    /// The mean attention that queries pay to the token.
    Received,
    /// How widely the token itself attends.
    Entropy,
    /// The selection's attention.
    Selection,
}

/// What the sizes of points mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SizeBy {
    /// Nothing.
    #[default]
    Equal,
    /// The mean attention that queries pay to the token.
    Received,
}

impl ColorBy {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Modality, Self::Segment, Self::Norm, Self::Received, Self::Entropy, Self::Selection];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Modality => "modality",
            Self::Segment => "segment",
            Self::Norm => "norm",
            Self::Received => "received",
            Self::Entropy => "entropy",
            Self::Selection => "selection",
        }
    }
}

impl SizeBy {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Equal, Self::Received];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Received => "received",
        }
    }
}

/// As a person reads it.
impl fmt::Display for ColorBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Modality => "modality",
            Self::Segment => "segment",
            Self::Norm => "norm of the state",
            Self::Received => "attention received",
            Self::Entropy => "entropy of its attention",
            Self::Selection => "attention from the selection",
        })
    }
}

/// As a person reads it.
impl fmt::Display for SizeBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Equal => "equal sizes",
            Self::Received => "size by attention received",
        })
    }
}

impl FromStr for ColorBy {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|color_by| color_by.name() == name);
        found.ok_or_else(|| UnknownName::new(name, Self::ALL.map(Self::name)))
    }
}

impl FromStr for SizeBy {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|size_by| size_by.name() == name);
        found.ok_or_else(|| UnknownName::new(name, Self::ALL.map(Self::name)))
    }
}
