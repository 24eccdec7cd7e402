//! Notes: read once a dataset is open, written in a thread, gone back to.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;

use super::Interface;
use crate::analysis::Engine;
use crate::app::model::notes::NotesEffect;
use crate::app::model::panel::Panel;
use crate::app::work::exporter::Done;
use crate::dataset::notes::{Note, Notes, Place};
use crate::export::{ViewState, write_notes};
use crate::headless::Headless;
use crate::query::Solver;

impl Interface {
    /// Reads the notes of the dataset that is open, once.
    pub(super) fn ask_for_notes(&mut self) {
        let opened = self.desk.opened();
        if opened == self.noted_of.as_deref() {
            return;
        }
        self.noted_of = opened.map(ToOwned::to_owned);
        let Some(opened) = self.noted_of.clone() else { return };
        let place = self.place_of(&opened);
        self.export_by(move |_| {
            let notes = Notes::read(&place).map_err(|error| error.to_string());
            Ok(Done::Noted { place, notes, elsewhere: None, is_of_example: false })
        });
    }

    fn place_of(&self, opened: &std::path::Path) -> Place {
        Place::of(opened, self.settings_path.as_deref().and_then(std::path::Path::parent))
    }

    pub(super) fn carry_out_of_notes(&mut self, effect: NotesEffect) {
        let Some(place) = self.state.notes.place.clone() else { return };
        match effect {
            NotesEffect::Add(note) => self.change_notes(place, &note.clone(), move |notes| notes.add(note)),
            NotesEffect::Remove(note) => self.change_notes(place, &note.clone(), move |notes| notes.remove(&note)),
            NotesEffect::Show(bookmark) => {
                let Some(bookmark) = self.state.notes.known.bookmarks().nth(bookmark).cloned() else { return };
                match ViewState::from_keys(bookmark.state, place.root.join(&bookmark.trace)) {
                    Ok(state) => self.show_state_of_trace(state),
                    Err(error) => self.messages.fail(format!("the note cannot be shown: {error:#}")),
                }
            }
            NotesEffect::Export => self.export_notes(place),
            NotesEffect::Focus => self.bring_forward(Panel::Notes),
        }
    }

    fn change_notes(&self, place: Place, note: &Note, change: impl FnOnce(&mut Notes) + Send + 'static) {
        let is_of_example = matches!(note, Note::Example(_));
        self.export_by(move |_| {
            let (notes, elsewhere) = Notes::change(&place, change)?;
            Ok(Done::Noted { place, notes: Ok(notes), elsewhere, is_of_example })
        });
    }

    /// What has come of it.
    pub(super) fn take_notes(
        &mut self,
        place: Place,
        notes: Result<Notes, String>,
        elsewhere: Option<PathBuf>,
        is_of_example: bool,
    ) {
        let is_of_opened = self.noted_of.as_deref().is_some_and(|opened| self.place_of(opened) == place);
        if !is_of_opened {
            return;
        }
        if let Some(file) = elsewhere {
            let root = place.root.display();
            self.messages.tell(format!("{root} takes no file: the notes are in {}", file.display()));
        }
        self.state.set_notes(place, notes);
        if is_of_example {
            self.desk.reopen();
        }
    }

    fn export_notes(&self, place: Place) {
        let (notes, destination) = (self.state.notes.known.clone(), self.destination());
        let (compute, budget_bytes) = (self.compute, self.budget_bytes);
        self.export_by(move |gpu| {
            let Some(path) = destination.new_path("notes", ".md")? else { return Ok(Done::Nothing) };
            let engine = Engine::new(Some(Arc::clone(gpu)), compute, budget_bytes).unwrap_or_else(|_| Engine::cpu());
            let (solver, mut headless) = (Solver::new(engine), Headless::on(Arc::clone(gpu)));
            write_notes(&notes, &place, &path, &solver, &mut headless, || {}).context("cannot export the notes")?;
            Ok(Done::Saved(path))
        });
    }
}
