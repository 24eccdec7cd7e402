//! From the state to the view state that is saved and copied; and back.

use anyhow::Result;

use crate::app::model::state::State;
use crate::export::{ViewState, selection_in};
use crate::view::{Options, View};

impl State {
    /// What is selected, as a picture of a view, or of the window, would show it.
    pub fn view_state(&self, view: Option<View>) -> ViewState {
        let trace = self.trace.as_ref().map(|trace| trace.trace.path().to_owned());
        let front = if view.is_none() { self.shown_views.clone() } else { Vec::new() };
        // The window has no titles, since its tabs say what they would; a view that is drawn of it has.
        let options = Options { title: true, ..self.options.clone() };
        ViewState { front, ..ViewState::new(trace, view, self.selection.clone(), options) }
    }

    /// The state of the window, as a file has it.
    pub fn state_of_file(&self) -> ViewState {
        let state = self.view_state(None);
        let selection = self.trace.as_ref().map(|trace| state.selection.numbered(trace.document()));
        ViewState { selection: selection.unwrap_or_else(|| state.selection.clone()), ..state }
    }

    /// Shows what a file says of the trace that is shown.
    ///
    /// # Errors
    /// If the trace lacks what is selected; nothing has changed then.
    pub fn show_view_state(&mut self, shown: ViewState) -> Result<()> {
        let Some(trace) = &self.trace else { return Ok(()) };
        // Taken apart without `..`, so that nothing that is new is forgotten.
        let ViewState { trace: _, view: _, selection, options, front: _ } = shown;
        let selection = selection_in(&trace.trace, &selection)?;
        let before = std::mem::replace(&mut self.selection, selection);
        // Titles and captions are for figures.
        let statistic =
            if options.statistic.is_empty() { self.options.statistic.clone() } else { options.statistic.clone() };
        let theme = options.theme.in_window();
        let head_labels = std::mem::take(&mut self.options.head_labels);
        self.options =
            Options { statistic, title: false, caption: None, text_scroll: Some(0.0), theme, head_labels, ..options };
        self.renew_preview(&before);
        self.version += 1;
        Ok(())
    }
}
