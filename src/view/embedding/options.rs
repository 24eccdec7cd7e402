//! How the hidden states are shown.

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::analysis::neighbours::Metric;
use crate::analysis::projection::{Align, Recipe};
use crate::typed::choice;

/// Everything that can be chosen about points in the plane, apart from which hidden state it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, Args)]
#[serde(default)]
pub struct EmbeddingOptions {
    /// How states get to the plane.
    #[command(flatten)]
    pub recipe: Recipe,
    /// What the colours of hidden states, queries and keys mean.
    #[arg(long, value_enum, default_value_t)]
    pub color_by: ColorBy,
    /// What the sizes of the hidden states mean.
    #[arg(long, value_enum, default_value_t)]
    pub size_by: SizeBy,
    /// The way of the selected tokens through the states.
    #[arg(long)]
    pub trajectories: bool,
    /// Patches as small pictures.
    #[arg(long = "patches")]
    pub pictures: bool,
    /// The tokens nearest to the selected ones, beside the plot.
    #[arg(long, value_enum)]
    pub neighbours: Option<Metric>,
    /// Whether a drag draws a lasso; with Shift it always does.
    #[arg(skip)]
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

choice! {
    /// What the colours of points mean.
    #[derive(Default)]
    pub enum ColorBy {
        /// Text, image or special.
        #[default]
        Modality = "modality";
        /// The segment of the trace.
        Segment = "segment";
        /// The place in the sequence.
        Position = "position", "position in the sequence";
        /// The length of the hidden state, query or key.
        Norm = "norm", "norm of the state";
        /// The mean attention that queries pay to the token.
        Received = "received", "attention received";
        /// How widely the token itself attends.
        Entropy = "entropy", "entropy of its attention";
        /// The selection's attention.
        Selection = "selection", "attention from the selection";
    }
}

choice! {
    /// What the sizes of points mean.
    #[derive(Default)]
    pub enum SizeBy {
        /// Nothing.
        #[default]
        Equal = "equal", "equal sizes";
        /// The mean attention that queries pay to the token.
        Received = "received", "size by attention received";
    }
}
