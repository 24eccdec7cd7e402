//! Questions to the workers, and their answers.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use glam::Vec2;

use crate::app::model::panel::Panel;
use crate::app::shell::interface::Interface;
use crate::app::work::dialog::ChooseFile;
use crate::app::work::exporter::Done;
use crate::app::work::queries::Shown;
use crate::view::View;

/// How long the views go on showing the picture before, so that they are not drawn once without the new numbers and, a few
/// milliseconds later, once with them.
const NUMBERS_EXPECTED_WITHIN: Duration = Duration::from_millis(60);

impl Interface {
    /// How long a frame may still be put off: the numbers for the last change, or the list of examples, are on their way, and
    /// all would only have to be drawn again with them. `None` if they are there, or late.
    pub(super) fn time_for_numbers(&self) -> Option<Duration> {
        let lacks_numbers = self.state.trace.is_some() && !self.has_numbers();
        let awaited_since = [lacks_numbers.then(|| self.queries.asked_at()), self.desk.listing_since()];
        let waits =
            awaited_since.into_iter().flatten().map(|since| NUMBERS_EXPECTED_WITHIN.saturating_sub(since.elapsed()));
        waits.max().filter(|wait| !wait.is_zero())
    }

    /// Takes what the workers have answered; how long the frame that shows it may be put off.
    pub fn wake(&mut self) -> Option<Duration> {
        self.guarded(|interface| {
            // The frame that shows them looks again after that time.
            let _ = interface.take_answers();
        });
        self.time_for_numbers()
    }

    /// Whether nothing is awaited any more: what is shown is what was asked for last.
    pub fn is_settled(&self) -> bool {
        self.loader.is_settled() && self.desk.is_settled() && self.has_numbers()
    }

    fn has_numbers(&self) -> bool {
        self.state.failure.is_some()
            || (self.queries.is_settled(&self.state) && self.partner.is_settled() && self.token_desk.is_settled())
    }

    /// Takes what the workers have answered; the time after which what moves or is awaited should be looked at again.
    pub(super) fn take_answers(&mut self) -> Option<Duration> {
        match self.loader.take() {
            Some(Ok(trace)) => self.show_trace(Arc::new(trace)),
            Some(Err(error)) => {
                self.awaited_state = None;
                self.messages.fail(format!("{error:#}"));
                self.state.fail(format!("{error:#}"));
            }
            None => {}
        }
        let opened = self.desk.opened().map(Path::to_owned);
        for effect in self.desk.take_answers(&mut self.state, &mut self.messages) {
            self.carry_out(effect);
        }
        if self.desk.opened() != opened.as_deref() {
            self.note_opened();
        }
        if let Some(partner) = self.partner.take() {
            self.state.set_partner(partner.map_err(|error| format!("{error:#}")));
        }
        while let Ok(note) = self.notes.1.try_recv() {
            match note {
                Ok(Done::Nothing) => {}
                Ok(Done::Saved(path)) => self.messages.tell_saved(&path),
                Ok(Done::Noted { place, notes, elsewhere, is_of_example }) => {
                    self.take_notes(place, notes, elsewhere, is_of_example);
                }
                Ok(Done::Picture(picture)) => {
                    self.context.copy_image(picture);
                    self.messages.tell("The picture is on the clipboard");
                }
                Err(error) => self.messages.fail(format!("{error:#}")),
            }
        }
        if let Some(answer) = self.dialog.as_ref().and_then(ChooseFile::answer) {
            self.dialog = None;
            match answer {
                Ok(chosen) => chosen.into_iter().for_each(|command| self.apply(command)),
                Err(error) => {
                    self.messages.fail(format!("{error}: drop a file on the window, or type its path after Ctrl+K"));
                }
            }
        }
        self.token_desk.take_answers(&mut self.state);
        let comparison = self.comparison_size();
        self.queries.take_answers(&mut self.state, &mut self.messages, comparison, Instant::now())
    }

    /// Asks for what is shown now.
    pub fn ask(&mut self) {
        self.desk.ask(&self.state);
        self.ask_for_notes();
        self.token_desk.ask(&mut self.state, self.seen.panels.contains(&Panel::Tokens));
        self.ask_for_partner();
        let sizes = View::all().map(|view| self.canvases[Panel::View(view)].size());
        let shown = Shown { sizes: &sizes, pointed: self.seen.pointed, comparison: self.comparison_size() };
        self.queries.ask(&mut self.state, &shown);
    }

    /// Reads the trace that the shown one is to be compared with, once somebody looks.
    fn ask_for_partner(&mut self) {
        match self.state.comparison.partner.clone() {
            Some(path) if self.seen.panels.contains(&Panel::Compare) => {
                if self.partner.asked() != Some(&path) || self.lacks_partner() {
                    self.partner.ask_anew(path);
                    self.state.comparison.waits = true;
                }
            }
            Some(_) => {}
            None => {
                self.partner.forget();
                self.state.comparison.waits = false;
            }
        }
    }

    /// Whether there is neither a partner, nor one on its way, nor a reason why there is none.
    fn lacks_partner(&self) -> bool {
        let comparison = &self.state.comparison;
        comparison.shown.is_none() && comparison.failure.is_none() && self.partner.is_settled()
    }

    /// `None` while the comparison is not in front.
    fn comparison_size(&self) -> Option<Vec2> {
        let size = || self.canvases[Panel::Compare].size().unwrap_or(Vec2::new(900.0, 640.0));
        self.seen.panels.contains(&Panel::Compare).then(size)
    }
}
