//! What was written down beside the dataset: a list to go back from, and the line in which a note is written.

use egui::{Align2, Button, Key, Label, RichText, ScrollArea, TextEdit, Ui, vec2};

use crate::analysis::{Pick, Selection};
use crate::app::model::command::Command;
use crate::app::model::notes::{About, NotesCommand};
use crate::app::model::state::State;
use crate::app::ui::appearance::color;
use crate::app::ui::controls::say_instead;
use crate::dataset::notes::{HeadLabel, Note};
use crate::trace::{LINE_LETTERS, shortened};

/// Of the line, in logical pixels.
const WIDTH: f32 = 440.0;
/// Between the upper edge of the window and the line.
const TOP: f32 = 48.0;

/// Shows the list.
pub fn show(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    if state.trace.is_none() {
        return say_instead(ui, "Notes lie beside the traces: open one.");
    }
    egui::Frame::NONE.inner_margin(6.0).show(ui, |ui| {
        ui.horizontal_wrapped(|ui| {
            let head = state.selection.layer.one().zip(state.selection.head.one());
            let ways = [
                ("Note on this view", About::View, "N: what is shown now, with a line of text", true),
                ("Label this head", About::Head, "Shift+N: shown wherever the head is named", head.is_some()),
                ("Label this example", About::Example, "A column of the examples to filter by: note=…", true),
            ];
            for (name, about, hint, is_possible) in ways {
                if ui.add_enabled(is_possible, Button::new(name)).on_hover_text(hint).clicked() {
                    commands.push(Command::Notes(NotesCommand::Begin(about)));
                }
            }
            let export = ui.add_enabled(!state.notes.known.is_empty(), Button::new("Markdown"));
            if export.on_hover_text("Writes all notes as Markdown, with the pictures of the bookmarks").clicked() {
                commands.push(Command::Notes(NotesCommand::Export));
            }
        });
        if let Some(why) = &state.notes.failure {
            ui.label(RichText::new(why).color(color(state.options.theme.palette().wrong)));
        }
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| show_list(ui, state, commands));
    });
}

fn show_list(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    let notes = &state.notes.known;
    if notes.is_empty() && state.notes.failure.is_none() {
        ui.weak("Nothing is written down yet. N writes a note on what is shown; a click on it comes back to it.");
    }
    for (place, bookmark) in notes.bookmarks().enumerate() {
        let go = Command::Notes(NotesCommand::GoTo(place));
        show_row(ui, &bookmark.text, &bookmark.trace, Some(go), Note::Bookmark(bookmark.clone()), commands);
    }
    for label in notes.heads() {
        let name = format!("L{}H{}: {}", label.layer, label.head, label.label);
        let of = format!("{} · {}", label.model, label.block);
        show_row(ui, &name, &of, to_head(state, label), Note::Head(label.clone()), commands);
    }
    for label in notes.examples() {
        let example = state
            .examples
            .iter()
            .position(|path| state.notes.place.as_ref().is_some_and(|place| place.name_of(path) == label.trace));
        let go = example.map(Command::ShowExample);
        show_row(ui, &label.label, &label.trace, go, Note::Example(label.clone()), commands);
    }
}

/// Selects a head of the model that is shown.
fn to_head(state: &State, label: &HeadLabel) -> Option<Command> {
    let document = state.trace.as_ref()?.document();
    state.options.head_labels.contains(label).then_some(())?;
    let block = document.block_index(&label.block)?;
    let layer = document.attention[block].layer_index(label.layer)?;
    let (layer, head) = (Pick::One(layer), Pick::One(label.head));
    let selection = Selection { block, layer, head, ..state.selection.clone() };
    let tokens = if block == state.selection.block { selection.tokens.clone() } else { Vec::new() };
    Some(Command::SetSelection(Selection { tokens, ..selection }))
}

fn show_row(ui: &mut Ui, words: &str, of: &str, go: Option<Command>, note: Note, commands: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        let gone = ui.add(Button::new("×").small());
        gone.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Take away note {words}")));
        if gone.on_hover_text("Takes the note away").clicked() {
            commands.push(Command::Notes(NotesCommand::Remove(note)));
        }
        let goes = ui.add_enabled(go.is_some(), Button::new(shortened(words, LINE_LETTERS)).truncate());
        if let Some(go) = go.filter(|_| goes.clicked()) {
            commands.push(go);
        }
        goes.on_hover_text(format!("{words}\n{of}"));
        ui.add(Label::new(RichText::new(of).weak()).truncate());
    });
}

/// Shows the line over the window while a note is being written.
pub fn show_draft(context: &egui::Context, state: &State, commands: &mut Vec<Command>) {
    let Some(draft) = &state.notes.draft else { return };
    // Before the field takes it.
    let is_entered = context.input_mut(|input| input.consume_key(egui::Modifiers::NONE, Key::Enter));
    let (name, hint) = match draft.about {
        About::View => ("Note on what is shown", "what is to be seen here"),
        About::Head => ("Label of the selected head", "what it does; nothing takes the label away"),
        About::Example => ("Label of this example", "what it is; nothing takes the label away"),
    };
    let mut text = draft.text.clone();
    egui::Window::new("Note")
        .title_bar(false)
        .resizable(false)
        .fixed_size(vec2(WIDTH, 0.0))
        .anchor(Align2::CENTER_TOP, vec2(0.0, TOP))
        .show(context, |ui| {
            let response = ui.add(TextEdit::singleline(&mut text).hint_text(hint).desired_width(f32::INFINITY));
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, name));
            response.request_focus();
            ui.weak(format!("{name} · Enter keeps it, Esc does not"));
        });
    if text != draft.text {
        commands.push(Command::Notes(NotesCommand::Type(text)));
    }
    if is_entered {
        commands.push(Command::Notes(NotesCommand::Save));
    }
}
