//! Questions to the workers, and their answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::app::shell::interface::Interface;
use crate::app::work::dialog::ChooseFile;
use crate::app::work::exporter::Done;
use crate::view::{Evidence, View};

/// How long the views go on showing the picture before, so that they are not drawn once without the new numbers and, a few
/// milliseconds later, once with them.
const NUMBERS_EXPECTED_WITHIN: Duration = Duration::from_millis(60);

impl Interface {
    /// How long a frame may still be put off: the numbers for the last change, or the list of examples, are on their way, and
    /// all would only have to be drawn again with them. `None` if they are there, or late.
    pub(super) fn time_for_numbers(&self) -> Option<Duration> {
        let lacks_numbers = self.state.trace.is_some() && !self.has_numbers();
        let awaited_since = [lacks_numbers.then_some(self.asked_at), self.desk.listing_since()];
        let waits =
            awaited_since.into_iter().flatten().map(|since| NUMBERS_EXPECTED_WITHIN.saturating_sub(since.elapsed()));
        waits.max().filter(|wait| !wait.is_zero())
    }

    /// Takes what the workers have answered; how long the frame that shows it may be put off.
    pub fn wake(&mut self) -> Option<Duration> {
        self.take_answers();
        self.time_for_numbers()
    }

    /// Whether nothing is awaited any more: what is shown is what was asked for last.
    pub fn is_settled(&self) -> bool {
        !self.loader.is_waiting() && self.desk.is_settled() && self.has_numbers()
    }

    fn has_numbers(&self) -> bool {
        self.state.failure.is_some()
            || (self.answered.is_some()
                && self.answered == self.asked
                && !self.is_new_question()
                && self.projections.is_settled()
                && self.comparer.is_settled()
                && self.token_desk.is_settled())
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
        for effect in self.desk.take_answers(&mut self.state, &mut self.messages) {
            self.carry_out(effect);
        }
        let answers: Vec<_> = self.analyst.answers().collect();
        for (trace, question, answer, is_all) in answers {
            let answered = Some((trace, question));
            if answered != self.asked {
                continue;
            }
            if is_all {
                self.answered = answered;
            }
            // Numbers that cannot be had take those of the selection before away.
            let evidence = answer.unwrap_or_else(|error| {
                let why = format!("{error:#}");
                self.messages.fail(why.as_str());
                self.state.find_out_about_the_file();
                Evidence { refusal: Some(why), ..Evidence::default() }
            });
            self.state.set_evidence(Arc::new(evidence));
        }
        while let Ok(note) = self.notes.1.try_recv() {
            match note {
                Ok(Done::Nothing) => {}
                Ok(Done::Saved(path)) => self.messages.tell(format!("Saved: {}", path.display())),
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
        self.comparer.take_answers(&mut self.state);
        self.token_desk.take_answers(&mut self.state);
        self.projections.take_answers(&mut self.state, Instant::now())
    }

    /// Asks for the evidence of what is shown now, unless that was the last question already.
    pub fn ask(&mut self) {
        let compares = self.state.shown_views.contains(&View::Similarity);
        self.projections.ask(&mut self.state, compares);
        self.desk.ask(&self.state);
        self.comparer.ask(&mut self.state, self.shows_comparison);
        self.token_desk.ask(&mut self.state, self.shows_tokens);
        let Some(trace) = &self.state.trace else { return };
        if self.is_new_question() {
            let question = self.state.question();
            self.asked = Some((trace.trace.serial(), question.clone()));
            self.asked_at = Instant::now();
            self.analyst.ask((Arc::clone(trace), question));
        }
    }

    fn is_new_question(&self) -> bool {
        let Some(trace) = &self.state.trace else { return false };
        let question = self.state.question();
        self.asked
            .as_ref()
            .is_none_or(|(trace_asked, asked)| *trace_asked != trace.trace.serial() || *asked != question)
    }
}
