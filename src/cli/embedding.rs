//! How `render` shows hidden states.

use anyhow::{Result, ensure};
use clap::Args;

use crate::analysis::Selection;
use crate::analysis::neighbours::Metric;
use crate::analysis::projection::{Align, Method, Recipe};
use crate::query::{OpenTrace, hidden_state};
use crate::view::{ColorBy, EmbeddingOptions, SizeBy};

#[derive(Args, Clone, Debug)]
pub struct EmbeddingArguments {
    /// pca, tsne or umap: how hidden states get to the plane.
    #[arg(long, value_name = "METHOD", value_parser = |name: &str| name.parse::<Method>().map_err(|error| error.to_string()), default_value = "pca")]
    projection: Method,
    /// none: each state by itself; shared: one fit for all; procrustes: each turned onto the one before. With --trajectories `shared` if not given.
    #[arg(long, value_name = "HOW", value_parser = |name: &str| name.parse::<Align>().map_err(|error| error.to_string()))]
    align: Option<Align>,
    /// Of t-SNE and UMAP: the same seed gives the same picture.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// modality, segment, norm, received (attention received), entropy (of the token's own attention) or selection (the selection's attention).
    #[arg(long, value_name = "WHAT", value_parser = |name: &str| name.parse::<ColorBy>().map_err(|error| error.to_string()), default_value = "modality")]
    color_by: ColorBy,
    /// equal or received (attention received).
    #[arg(long, value_name = "WHAT", value_parser = |name: &str| name.parse::<SizeBy>().map_err(|error| error.to_string()), default_value = "equal")]
    size_by: SizeBy,
    /// The way of the selected tokens through the states.
    #[arg(long)]
    trajectories: bool,
    /// Patches as small pictures.
    #[arg(long)]
    patches: bool,
    /// cosine or euclidean: the tokens nearest to the selected ones, beside the plot.
    #[arg(long, value_name = "METRIC", value_parser = parse_metric)]
    neighbours: Option<Metric>,
}

/// Reads `cosine` or `euclidean`.
pub fn parse_metric(name: &str) -> Result<Metric, String> {
    let found = Metric::ALL.into_iter().find(|metric| metric.name() == name);
    found.ok_or_else(|| format!("`{name}` is none of {}", Metric::ALL.map(Metric::name).join(", ")))
}

impl EmbeddingArguments {
    /// As the view takes them.
    pub fn options(&self) -> EmbeddingOptions {
        let align = self.align.unwrap_or(if self.trajectories { Align::Shared } else { Align::None });
        EmbeddingOptions {
            recipe: Recipe { method: self.projection, align, seed: self.seed },
            color_by: self.color_by,
            size_by: self.size_by,
            trajectories: self.trajectories,
            pictures: self.patches,
            neighbours: self.neighbours,
            lasso: false,
        }
    }

    /// Whether the trace has the hidden state that is asked for.
    ///
    /// # Errors
    /// If not; the message says which there are.
    pub fn check(open: &OpenTrace, selection: &Selection, chosen: Option<usize>) -> Result<()> {
        if let (Some((hidden, _)), Some(asked)) = (hidden_state(open.document(), selection, chosen), chosen) {
            let last = open.document().hidden[hidden].states - 1;
            ensure!(asked <= last, "there is no hidden state {asked}: there are 0 to {last}");
        }
        Ok(())
    }
}
