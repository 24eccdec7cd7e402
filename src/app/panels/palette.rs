//! The command palette: everything that can be done, found by typing a part of its name.

mod entries;
mod entry;
mod menus;

use std::path::PathBuf;

use egui::{Align2, Key, Response, TextEdit, Ui, vec2};

pub use self::entry::Entry;
use self::entry::entry;
use crate::app::model::command::Command;
use crate::app::model::state::State;
use crate::view::Target;

/// Rows that are shown at once, where the window is high enough.
const ROWS: usize = 12;
/// Of the list, in logical pixels.
const WIDTH: f32 = 440.0;
/// Between the upper edge of the window and the palette.
const TOP: f32 = 48.0;

/// Shows it over the window while it is open.
pub fn show(context: &egui::Context, state: &State, commands: &mut Vec<Command>) {
    let Some(palette) = &state.palette else { return };
    // Before the field takes them.
    let (enter, down, up) = context.input_mut(|input| {
        let none = egui::Modifiers::NONE;
        (
            input.consume_key(none, Key::Enter),
            input.count_and_consume_key(none, Key::ArrowDown),
            input.count_and_consume_key(none, Key::ArrowUp),
        )
    });
    let mut query = palette.query.clone();
    let mut chosen = palette.chosen;
    let mut done = None;
    egui::Window::new("Commands")
        .title_bar(false)
        .resizable(false)
        .fixed_size(vec2(WIDTH, 0.0))
        .anchor(Align2::CENTER_TOP, vec2(0.0, TOP))
        .show(context, |ui| {
            show_field(ui, &mut query);
            ui.add_space(4.0);
            // After the field: Enter may come in the same frame as the letters before it.
            let found = found(&query, state);
            let last = found.len().saturating_sub(1);
            if query != palette.query {
                chosen = 0;
            }
            chosen = (chosen.min(last) + down).min(last).saturating_sub(up);
            let clicked = show_rows(ui, &found, chosen);
            done = clicked.or(enter.then_some(chosen)).and_then(|row| found.get(row)).map(|row| row.command.clone());
        });
    if let Some(command) = done {
        commands.push(Command::TogglePalette);
        commands.push(command);
    } else if query != palette.query || chosen != palette.chosen {
        commands.push(Command::SearchPalette { query, chosen });
    }
}

fn show_field(ui: &mut Ui, query: &mut String) -> Response {
    let field = TextEdit::singleline(query).hint_text("a command, a token, an example or a path");
    let response = ui.add(field.desired_width(f32::INFINITY));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Search commands"));
    response.request_focus();
    response
}

/// The rows around the chosen one; which of them was clicked.
fn show_rows(ui: &mut Ui, found: &[Entry], chosen: usize) -> Option<usize> {
    let row_height = ui.spacing().interact_size.y + ui.spacing().item_spacing.y;
    let room = ui.ctx().content_rect().height() - 2.0 * TOP - 3.0 * row_height;
    let rows = ((room / row_height) as usize).clamp(3, ROWS);
    let first = (chosen + 1).saturating_sub(rows);
    let mut clicked = None;
    for (place, entry) in found.iter().enumerate().skip(first).take(rows) {
        let row = egui::Button::selectable(place == chosen, entry.words.as_str())
            .shortcut_text(entry.key.as_str())
            .truncate()
            .min_size(vec2(ui.available_width(), 0.0));
        if ui.add(row).clicked() {
            clicked = Some(place);
        }
    }
    match found.len() {
        0 => ui.weak("nothing is called so"),
        count => ui.weak(format!("{} of {count} · ↑ ↓ Enter Esc", chosen + 1)),
    };
    clicked
}

/// What is called so first, then what begins so, then what has it as words of its own.
fn rank(words: &str, query: &str) -> u8 {
    let is_word = |wanted: &str| words.split([' ', ':', '·', '(', ')', ',']).any(|word| word == wanted);
    // `token 12: cat (decoder)`
    let name = words.split_once(": ").and_then(|(_, name)| name.split(" (").next());
    match () {
        () if words == query => 0,
        () if words.starts_with(query) || name == Some(query) => 1,
        () if query.split_whitespace().all(is_word) => 2,
        () => 3,
    }
}

/// The entries that hold every word of the query, the best first.
pub fn found(query: &str, state: &State) -> Vec<Entry> {
    let query = query.trim().to_lowercase();
    let mut found: Vec<Entry> = entries::all(state)
        .into_iter()
        .filter(|entry| {
            let words = entry.words.to_lowercase();
            query.split_whitespace().all(|word| words.contains(word))
        })
        .collect();
    found.extend(entries::further_examples(state, &query));
    found.sort_by_key(|entry| rank(&entry.words.to_lowercase(), &query));
    if let Some([number, layer, head]) = named_head(&query, state) {
        let select = Command::Select { target: Target::Head { layer, head }, extend: false };
        found.insert(0, entry(format!("layer {number} · head {head}"), select));
    }
    let is_path = query.starts_with(['/', '~', '.']) || query.contains(".safetensors");
    if is_path && let Some(palette) = &state.palette {
        let path = PathBuf::from(palette.query.trim());
        found.insert(0, entry(format!("open {}", path.display()), Command::Open(path)));
    }
    found
}

/// The head that `L11H5` or `11.5` names: the model's number of its layer, the layer and the head.
fn named_head(query: &str, state: &State) -> Option<[usize; 3]> {
    let (layer, head) = query.strip_prefix('l').map_or_else(|| query.split_once('.'), |rest| rest.split_once('h'))?;
    let (number, head) = (layer.trim().parse().ok()?, head.trim().parse().ok()?);
    let layer = state.block()?.layer_index(number)?;
    let heads = state.trace.as_ref()?.trace.heads(state.selection.block, layer);
    (head < heads).then_some([number, layer, head])
}
