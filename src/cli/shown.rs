//! What a view shows and how: the options that `render` and each panel of a `figure` have alike.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};

use super::selection::SelectionArguments;
use super::statistic::statistic_of;
use super::terminal;
use crate::analysis::Selection;
use crate::dataset::notes::{HeadLabel, Notes, Place, config_folder};
use crate::export::{ViewState, check_selection};
use crate::query::OpenTrace;
use crate::render::Rect;
use crate::view::{Options, View};

#[derive(Args, Clone, Debug)]
pub struct ShownArguments {
    #[command(flatten)]
    pub selection: SelectionArguments,
    #[command(flatten)]
    options: Options,
    /// Whether the colours of thumbnails and of heads on the image end at its own maximum, or at that of all.
    #[arg(long, value_enum)]
    head_scale: Option<HeadScale>,
}

/// Of the views of pictures of heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum HeadScale {
    Own,
    Shared,
}

impl ShownArguments {
    /// What the arguments ask for, in this trace; `view` is `None` for the window.
    ///
    /// # Errors
    /// If the trace lacks what is asked for.
    pub fn view_state(&self, open: &OpenTrace, trace: Option<PathBuf>, view: Option<View>) -> Result<ViewState> {
        let state_of = |selection: Selection, statistic: String| {
            ViewState::new(trace, view, selection, Options { statistic, ..self.options() })
        };
        let shows_states = matches!(view, Some(View::Embedding | View::Similarity));
        if open.document().attention.is_empty()
            && (shows_states || matches!(view, Some(View::Text | View::Lens) | None))
        {
            let has_states = open.document().hidden.iter().any(|hidden| hidden.states > 0);
            ensure!(has_states || !shows_states, "the trace holds no hidden states: {}", open.trace.path().display());
            return Ok(state_of(self.selection.without_attention(&open.trace)?, String::new()));
        }
        let selection = self.selection.resolve(&open.trace)?;
        let statistic = Some(self.options.statistic.as_str()).filter(|name| !name.is_empty());
        let statistic = statistic_of(open.document(), selection.block, statistic)?;
        for pin in &self.options.pins {
            let pinned = pin.selection(open.document(), &selection).map_err(anyhow::Error::from);
            pinned.and_then(|pinned| check_selection(&open.trace, &pinned)).with_context(|| format!("--pin {pin}"))?;
        }
        self.check(open, selection.block)?;
        let mut state = state_of(selection, statistic);
        state.options.head_labels = head_labels(open);
        Ok(state)
    }

    /// Whether the trace has the image and the cells that are asked for.
    fn check(&self, open: &OpenTrace, block: usize) -> Result<()> {
        let document = open.document();
        if let Some(image) = self.options.image {
            ensure!(image < document.images, "there is no image {image}: the trace has {}", document.images);
        }
        if let Some(Rect { min, max }) = self.options.matrix_window {
            let block = &document.attention[block];
            let [queries, keys] = [document.query_tokens(block).len(), document.key_tokens(block).len()];
            let is_inside = min.min_element() >= 0.0 && max.x <= keys as f32 && max.y <= queries as f32;
            ensure!(
                is_inside,
                "--matrix-window reaches beyond the matrix of block `{}`: {keys} keys, {queries} queries",
                block.name
            );
        }
        Ok(())
    }

    fn options(&self) -> Options {
        let mut options = self.options.clone();
        if let Some(scale) = self.head_scale {
            options.thumbnails_own_scale = scale == HeadScale::Own;
            options.overlays_own_scale = scale == HeadScale::Own;
            options.lattice_own_scale = scale == HeadScale::Own;
        }
        options
    }
}

/// What was written down beside the trace about its model's heads.
fn head_labels(open: &OpenTrace) -> Vec<HeadLabel> {
    let place = Place::of(open.trace.path(), config_folder().as_deref());
    match Notes::read(&place) {
        Ok(notes) => notes.heads_of(open.document()),
        Err(error) => {
            terminal::warn(format_args!("the heads' labels are left out: {error}"));
            Vec::new()
        }
    }
}
