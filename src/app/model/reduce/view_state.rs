//! From the state to the question that it asks of a trace, and to the view state that is saved and copied; and back.

use anyhow::Result;

use crate::app::model::state::State;
use crate::export::{ViewState, check_selection};
use crate::query::Question;
use crate::view::{ColorBy, LinkColor, Options, View};

impl State {
    /// What has to be known for what is shown.
    pub fn question(&self) -> Question {
        Question {
            selection: self.shown_selection().clone(),
            statistic: self.options.statistic.clone(),
            specials: self.specials,
            normalization: self.normalization,
            hidden_state: self.hidden_state,
            z_score: self.z_score,
            thumbnails: (self.thumbnail_side > 0 && self.shown_views.contains(&View::Thumbnails))
                .then_some((self.thumbnail_side, self.pooling)),
            per_head: self.shown_views.contains(&View::Overlays),
            lock_scale: self.options.lock_scale,
            links_by_head: self.options.links_color == LinkColor::Head,
            timeline: self.shown_views.contains(&View::Timeline),
            neighbours: self.shown_views.contains(&View::Embedding),
            row_entropy: self.shown_views.contains(&View::Embedding)
                && self.options.embedding.color_by == ColorBy::Entropy,
        }
    }

    /// What is selected, as a picture of a view, or of the window, would show it.
    pub fn view_state(&self, view: Option<View>) -> ViewState {
        let question = Question { selection: self.selection.clone(), ..self.question() };
        let trace = self.trace.as_ref().map(|trace| trace.trace.path().to_owned());
        let front = if view.is_none() { self.shown_views.clone() } else { Vec::new() };
        // The window has no titles, since its tabs say what they would; a view that is drawn of it has.
        let options = Options { title: true, ..self.options.clone() };
        ViewState { front, ..ViewState::new(trace, view, question, options) }
    }

    /// Shows what a view state says of the trace that is shown.
    ///
    /// # Errors
    /// If the trace lacks what is selected; nothing has changed then.
    pub fn show_view_state(&mut self, shown: ViewState) -> Result<()> {
        let Some(trace) = &self.trace else { return Ok(()) };
        // Taken apart without `..`, so that nothing that is new is forgotten.
        let ViewState { trace: _, view: _, question, options, front: _ } = shown;
        let Question {
            selection,
            statistic: _,
            specials,
            normalization,
            hidden_state,
            z_score,
            thumbnails,
            per_head: _,
            lock_scale: _,
            links_by_head: _,
            timeline: _,
            neighbours: _,
            row_entropy: _,
        } = question;
        check_selection(&trace.trace, &selection)?;
        self.selection = selection;
        self.specials = specials;
        self.normalization = normalization;
        self.hidden_state = hidden_state;
        self.z_score = z_score;
        if let Some((_, pooling)) = thumbnails {
            self.pooling = pooling;
        }
        // Titles and captions are for figures.
        let statistic =
            if options.statistic.is_empty() { self.options.statistic.clone() } else { options.statistic.clone() };
        self.options = Options { statistic, title: false, caption: None, text_scroll: Some(0.0), ..options };
        self.set_preview(None);
        self.version += 1;
        Ok(())
    }
}
