//! The figure of several panels that is being put together, and what can be asked of it.

use crate::export::{Figure, FigurePanel, Format, figure_line};
use crate::view::{Theme, View};

/// One panel of it.
#[derive(Clone, Debug, PartialEq)]
pub struct DraftPanel {
    /// What it shows.
    pub panel: FigurePanel,
    /// The same as it is typed.
    pub typed: String,
    /// What a caption says of it.
    pub words: String,
}

/// The figure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FigureDraft {
    /// Whether its dialog is shown.
    pub is_shown: bool,
    /// From left to right and then down.
    pub panels: Vec<DraftPanel>,
    /// How they become one.
    pub figure: Figure,
}

/// One wish about the figure.
#[derive(Clone, Debug, PartialEq)]
pub enum FigureCommand {
    /// Show its dialog, or hide it.
    Show(bool),
    /// What a view shows now becomes its last panel.
    Add(View),
    /// Leave a panel out.
    Remove(usize),
    /// Move a panel so many places back, or on.
    Move {
        /// Which.
        panel: usize,
        /// Towards the end is positive.
        by: isize,
    },
    /// Begin anew.
    Clear,
    /// How panels become one.
    Set(Figure),
    /// Write it.
    Save(Format),
    /// Copy the `vlscope figure` line that draws it.
    CopyCommand,
}

impl FigureDraft {
    /// The `vlscope figure` line that draws it in a theme.
    pub fn line(&self, theme: Theme) -> String {
        let typed = |draft: &DraftPanel| {
            let trace = draft.panel.state.trace.clone().unwrap_or_default();
            (trace, draft.typed.clone())
        };
        let figure = Figure { theme, ..self.figure.clone() };
        figure_line(&figure, &self.panels.iter().map(typed).collect::<Vec<_>>(), "figure.pdf")
    }
}
