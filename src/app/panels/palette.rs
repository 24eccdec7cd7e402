//! The command palette: everything that can be done, found by typing a part of its name.

use std::path::PathBuf;

use egui::{Align2, Key, ScrollArea, TextEdit, vec2};

use crate::analysis::normalize::Normalization;
use crate::analysis::statistics;
use crate::analysis::{Direction, Pick};
use crate::app::command::Command;
use crate::app::dataset::DatasetCommand;
use crate::app::keys;
use crate::app::state::State;
use crate::app::token_desk::TokenCommand;
use crate::render::colormap::Colormap;
use crate::scene::{CompareView, View, token_names};

/// Of a larger dataset the browser's filter finds the others.
const MOST_EXAMPLES: usize = 2000;
/// Rows that are shown at once.
const ROWS: usize = 12;

/// Something that can be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it does, as it is searched for.
    pub words: String,
    /// The key that does it too; empty if there is none.
    pub key: &'static str,
    /// What is carried out.
    pub command: Command,
}

/// Shows it over the window while it is open.
pub fn show(context: &egui::Context, state: &State, commands: &mut Vec<Command>) {
    let Some(palette) = &state.palette else { return };
    let found = found(&palette.query, state);
    let last = found.len().saturating_sub(1);
    let mut chosen = palette.chosen.min(last);
    let (enter, down, up) = context.input_mut(|input| {
        let none = egui::Modifiers::NONE;
        (
            input.consume_key(none, Key::Enter),
            input.count_and_consume_key(none, Key::ArrowDown),
            input.count_and_consume_key(none, Key::ArrowUp),
        )
    });
    chosen = (chosen + down).min(last).saturating_sub(up);
    let mut query = palette.query.clone();
    let mut done = if enter { found.get(chosen).map(|entry| entry.command.clone()) } else { None };
    egui::Window::new("Commands")
        .title_bar(false)
        .resizable(false)
        .fixed_size(vec2(440.0, 0.0))
        .anchor(Align2::CENTER_TOP, vec2(0.0, 48.0))
        .show(context, |ui| {
            let field = TextEdit::singleline(&mut query).hint_text("a command, a token, an example or a path");
            let response = ui.add(field.desired_width(f32::INFINITY));
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Search commands"));
            response.request_focus();
            ui.add_space(4.0);
            let first = chosen.saturating_sub(ROWS - 1);
            ScrollArea::vertical().max_height(f32::INFINITY).show(ui, |ui| {
                for (place, entry) in found.iter().enumerate().skip(first).take(ROWS) {
                    let row = egui::Button::selectable(place == chosen, entry.words.as_str())
                        .shortcut_text(entry.key)
                        .min_size(vec2(ui.available_width(), 0.0));
                    if ui.add(row).clicked() {
                        done = Some(entry.command.clone());
                    }
                }
            });
            match found.len() {
                0 => ui.weak("nothing is called so"),
                count => ui.weak(format!("{} of {count} · ↑ ↓ Enter Esc", chosen + 1)),
            };
        });
    if let Some(command) = done {
        commands.push(Command::TogglePalette);
        commands.push(command);
    } else if query != palette.query {
        commands.push(Command::SearchPalette { query, chosen: 0 });
    } else if chosen != palette.chosen {
        commands.push(Command::SearchPalette { query, chosen });
    }
}

/// The entries that hold every word of the query, those that begin with it first.
pub fn found(query: &str, state: &State) -> Vec<Entry> {
    let query = query.trim().to_lowercase();
    let mut found: Vec<Entry> = entries(state)
        .into_iter()
        .filter(|entry| {
            let words = entry.words.to_lowercase();
            query.split_whitespace().all(|word| words.contains(word))
        })
        .collect();
    found.sort_by_key(|entry| !entry.words.to_lowercase().starts_with(&query));
    let is_path = query.starts_with(['/', '~', '.']) || query.contains(".safetensors");
    if is_path && let Some(palette) = &state.palette {
        let path = PathBuf::from(palette.query.trim());
        found.insert(0, entry(format!("open {}", path.display()), Command::Open(path)));
    }
    found
}

fn entry(words: impl Into<String>, command: Command) -> Entry {
    Entry { words: words.into(), key: "", command }
}

/// Everything that can be done now.
fn entries(state: &State) -> Vec<Entry> {
    let mut entries: Vec<Entry> = keys::shortcuts()
        .into_iter()
        .filter(|shortcut| !matches!(shortcut.command, Command::TogglePalette | Command::FocusView(_)))
        .map(|shortcut| Entry { words: shortcut.does.to_owned(), key: shortcut.shown, command: shortcut.command })
        .collect();
    entries.extend(View::all().map(|view| entry(format!("show view {view}"), Command::FocusView(view))));
    entries.push(entry("put the panels back", Command::ResetLayout));
    entries.extend(
        CompareView::ALL.map(|view| entry(format!("compare two traces: {view}"), Command::SetCompareView(view))),
    );
    entries.push(entry("stop comparing", Command::EndComparison));
    entries.push(entry("show token atlas", Command::Tokens(TokenCommand::Focus)));
    entries.push(entry("show head atlas", Command::Dataset(DatasetCommand::FocusAtlas)));
    entries.push(entry("index this folder", Command::Dataset(DatasetCommand::Index)));
    let option = |words: String, change: &dyn Fn(&mut crate::scene::Options)| {
        let mut options = state.options.clone();
        change(&mut options);
        entry(words, Command::SetOptions(Box::new(options)))
    };
    entries.extend(statistics::TABLE.iter().map(|statistic| {
        option(format!("statistic {}", statistic.label), &|options| options.statistic = statistic.name.to_owned())
    }));
    entries.extend(
        Colormap::all().iter().map(|&map| option(format!("colours {map}"), &|options| options.colormap = Some(map))),
    );
    entries.push(option("colours of each view's own".to_owned(), &|options| options.colormap = None));
    entries.extend(
        Normalization::ALL.map(|how| entry(format!("normalize {}", how.name()), Command::SetNormalization(how))),
    );
    entries.push(entry(
        if state.specials { "leave special tokens out of statistics" } else { "count special tokens in statistics" },
        Command::CountSpecials(!state.specials),
    ));
    entries.push(entry("attends to", Command::SetDirection(Direction::AttendsTo)));
    entries.push(entry("attended by", Command::SetDirection(Direction::AttendedBy)));
    entries.extend(of_trace(state));
    let name = |example: &PathBuf| example.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    entries.extend(state.examples.iter().enumerate().take(MOST_EXAMPLES).filter_map(|(place, example)| {
        Some(entry(format!("example {}", name(example)?), Command::ShowExample(place)))
    }));
    entries
}

/// Blocks, layers, heads and tokens.
fn of_trace(state: &State) -> Vec<Entry> {
    let (Some(trace), Some(block)) = (&state.trace, state.block()) else { return Vec::new() };
    let document = trace.document();
    let mut entries = Vec::new();
    if document.attention.len() > 1 {
        let blocks = document.attention.iter().enumerate();
        entries
            .extend(blocks.map(|(place, block)| entry(format!("block {}", block.name), Command::SelectBlock(place))));
    }
    let layers = (0..block.layers).map(|layer| (format!("layer {layer}"), Pick::One(layer)));
    let layers = layers.chain([("layer: mean of all".to_owned(), Pick::Mean)]);
    entries.extend(layers.map(|(words, pick)| entry(words, Command::SelectLayer(pick))));
    let heads = (0..trace.trace.max_heads(state.selection.block)).map(|head| (format!("head {head}"), Pick::One(head)));
    let heads = heads.chain([("head: mean of all".to_owned(), Pick::Mean)]);
    entries.extend(heads.map(|(words, pick)| entry(words, Command::SelectHead(pick))));
    let sequence = match state.selection.direction {
        Direction::AttendsTo => block.query,
        Direction::AttendedBy => block.key,
    };
    let names = token_names(&document.sequences[sequence].tokens);
    entries.extend(names.into_iter().enumerate().map(|(token, name)| {
        let target = crate::scene::Target::Token { sequence, token };
        entry(format!("token {token}: {name}"), Command::Select { target, extend: false })
    }));
    entries
}
