//! What is asked of a projection.

use clap::Args;
use clap::builder::ArgPredicate;
use serde::{Deserialize, Serialize};

use crate::typed::choice;

/// How hidden states get to the plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize, Args)]
#[serde(default)]
pub struct Recipe {
    /// How hidden states get to the plane.
    #[arg(long = "projection", value_enum, default_value_t)]
    pub method: Method,
    /// How the fits of different states go together; with --trajectories `shared` if not given.
    #[arg(
        long,
        value_enum,
        default_value = "none",
        default_value_if("trajectories", ArgPredicate::IsPresent, "shared")
    )]
    pub align: Align,
    /// Of t-SNE and UMAP: the same seed gives the same picture.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

impl Recipe {
    /// The method, with the seed where it has one: what draws the same picture again.
    pub fn words(&self) -> String {
        match self.method {
            Method::Pca => self.method.to_string(),
            Method::Tsne | Method::Umap => format!("{}, seed {}", self.method, self.seed),
        }
    }
}

choice! {
    /// A method of projection.
    #[derive(Default)]
    pub enum Method {
        /// Principal components.
        #[default]
        Pca = "pca", "PCA";
        /// t-distributed stochastic neighbour embedding.
        Tsne = "tsne", "t-SNE";
        /// Uniform manifold approximation and projection.
        Umap = "umap", "UMAP";
    }
}

choice! {
    /// How the fits of different states go together.
    #[derive(Default)]
    pub enum Align {
        /// Each state by itself.
        #[default]
        None = "none", "each state by itself";
        /// One fit over all states.
        Shared = "shared", "one fit for all states";
        /// Each state by itself, turned onto the state before.
        Procrustes = "procrustes", "states aligned";
    }
}
