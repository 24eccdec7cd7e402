//! Notes: begun, typed, kept.

use crate::app::model::effect::Effect;
use crate::app::model::notes::{About, Draft, NotesCommand, NotesEffect};
use crate::app::model::panel::Panel;
use crate::app::model::state::State;
use crate::dataset::notes::{Bookmark, ExampleLabel, HeadLabel, Note, Notes, Place, model_name};
use crate::view::View;

impl State {
    pub(in crate::app) fn change_notes(&mut self, command: NotesCommand) -> Option<Effect> {
        let effect = match command {
            NotesCommand::Begin(about) => {
                let text = self.label_of(about)?;
                self.notes.draft = Some(Draft { about, text });
                return None;
            }
            NotesCommand::Type(text) => {
                self.notes.draft.as_mut()?.text = text;
                return None;
            }
            NotesCommand::Save => {
                let draft = self.notes.draft.take()?;
                NotesEffect::Add(self.note(&draft)?)
            }
            NotesCommand::GoTo(place) => NotesEffect::Show(place),
            NotesCommand::Remove(note) => NotesEffect::Remove(note),
            NotesCommand::Export => NotesEffect::Export,
            NotesCommand::Focus => NotesEffect::Focus,
        };
        Some(Effect::Notes(effect))
    }

    /// The notes of the dataset were read, or have changed.
    pub fn set_notes(&mut self, place: Place, notes: Result<Notes, String>) {
        (self.notes.known, self.notes.failure) = match notes {
            Ok(notes) => (notes, None),
            Err(why) => (Notes::default(), Some(why)),
        };
        self.notes.place = Some(place);
        self.label_heads();
        self.version += 1;
    }

    /// After another trace was opened, or another label written: those of its model's heads.
    pub(in crate::app) fn label_heads(&mut self) {
        let Some(trace) = &self.trace else { return };
        self.options.head_labels = self.notes.known.heads_of(trace.document());
    }

    /// What was written down before; `None` where there is nothing to write about.
    fn label_of(&self, about: About) -> Option<String> {
        let trace = self.trace.as_ref()?;
        let label = match about {
            About::View => None,
            About::Head => {
                let (layer, head) = self.selection.layer.one().zip(self.selection.head.one())?;
                let block = self.block()?;
                let layer = block.layer_number(layer);
                let is_its =
                    |label: &&HeadLabel| (label.layer, label.head) == (layer, head) && label.block == block.name;
                self.options.head_labels.iter().find(is_its).map(|label| label.label.clone())
            }
            About::Example => {
                let name = self.notes.place.as_ref()?.name_of(trace.trace.path());
                self.notes.known.examples().find(|label| label.trace == name).map(|label| label.label.clone())
            }
        };
        Some(label.unwrap_or_default())
    }

    fn note(&self, draft: &Draft) -> Option<Note> {
        let trace = self.trace.as_ref()?;
        let name = || Some(self.notes.place.as_ref()?.name_of(trace.trace.path()));
        let text = draft.text.trim().to_owned();
        Some(match draft.about {
            About::View => {
                let pictured = |view: &View| !matches!(view, View::Heads | View::Text);
                let front = || self.shown_views.iter().copied().find(pictured).or(self.shown_views.first().copied());
                let view = self.focused_panel.and_then(Panel::view).or_else(front);
                let mut state = self.state_of_file();
                state.view = view;
                Note::Bookmark(Bookmark { text, trace: name()?, state: state.keys() })
            }
            About::Head => {
                let (layer, head) = self.selection.layer.one().zip(self.selection.head.one())?;
                let (model, block) = (model_name(trace.document()).to_owned(), self.block()?);
                let (layer, block) = (block.layer_number(layer), block.name.clone());
                Note::Head(HeadLabel { model, block, layer, head, label: text })
            }
            About::Example => Note::Example(ExampleLabel { trace: name()?, label: text }),
        })
    }
}
