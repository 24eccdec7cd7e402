//! The bar at the top: which trace, which part of it, in which direction.

use egui::Slider;

use super::{aggregation, layout_menu};
use crate::analysis::{Direction, Pick};
use crate::app::model::choices::UI_SCALES;
use crate::app::model::command::Command;
use crate::app::model::state::State;
use crate::app::ui::controls::{begin_row_without, button_width, choice, menu, thousands};
use crate::export::Play;
use crate::trace::{NAME_LETTERS, shortened};
use crate::view::Options;

/// The sizes of letters that are offered.
pub const FONT_SCALES: [f32; 5] = [0.75, 1.0, 1.25, 1.5, 2.0];

/// Shows it.
pub fn show(ui: &mut egui::Ui, state: &State, commands: &mut Vec<Command>) {
    ui.add_space(3.0);
    ui.horizontal_wrapped(|ui| {
        if ui.button("Open…").on_hover_text("Ctrl+O; or drop a trace or a folder on the window").clicked() {
            commands.push(Command::ChooseFile);
        }
        show_recent(ui, state, commands);
        show_example_steps(ui, state, commands);
        show_selection(ui, state, commands);
        // At the right, where the row has room for them; else in the next one.
        let spacing = ui.spacing().item_spacing.x;
        let width: f32 = OF_WINDOW.into_iter().map(|name| button_width(ui, name) + spacing).sum();
        let room = ui.available_size_before_wrap().x - spacing;
        if room > width {
            ui.add_space(room - width);
        } else {
            ui.end_row();
        }
        show_window_buttons(ui, state, commands);
    });
    ui.add_space(3.0);
}

/// The button beside *Play*, and that beside *Open*.
const MORE: &str = "↓";
/// What is about the window, in its order.
const OF_WINDOW: [&str; 5] = ["Find…", "Panels", "Screenshot", "Settings", "?"];

/// Buttons of these names stay in one row.
fn keep_together(ui: &mut egui::Ui, names: &[&str]) {
    let spacing = ui.spacing().item_spacing.x;
    begin_row_without(ui, names.iter().map(|name| button_width(ui, name) + spacing).sum::<f32>() - spacing);
}

fn show_window_buttons(ui: &mut egui::Ui, state: &State, commands: &mut Vec<Command>) {
    let [find, panels, screenshot, settings, keys] = OF_WINDOW;
    if ui.button(find).on_hover_text("Ctrl+K: a command, a head (L11H5), a token, an example").clicked() {
        commands.push(Command::TogglePalette);
    }
    layout_menu::show(ui, panels, state, commands);
    if ui.button(screenshot).on_hover_text("F12: saves a picture of the window").clicked() {
        commands.push(Command::Screenshot);
    }
    show_settings(ui, settings, state, commands);
    if ui.button(keys).on_hover_text("Help: keys, views, statistics, first steps").clicked() {
        commands.push(Command::ToggleHelp);
    }
}

/// What was open before.
fn show_recent(ui: &mut egui::Ui, state: &State, commands: &mut Vec<Command>) {
    // The newest is the one that is open.
    if state.recent.len() < 2 {
        return;
    }
    let menu = ui.menu_button(MORE, |ui| {
        for recent in &state.recent {
            let path = recent.path.display().to_string();
            let name = recent.path.file_name().map_or(path.as_str().into(), |name| name.to_string_lossy());
            let button = ui.add_enabled(recent.is_there, egui::Button::new(shortened(&name, NAME_LETTERS)));
            let button = button.on_hover_text(&path).on_disabled_hover_text(format!("{path} is not there"));
            if button.clicked() {
                ui.close();
                commands.push(Command::Open(recent.path.clone()));
            }
        }
    });
    menu.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Recent"));
    menu.response.on_hover_text("Traces and folders that were open before");
}

fn show_example_steps(ui: &mut egui::Ui, state: &State, commands: &mut Vec<Command>) {
    if state.examples.is_empty() {
        return;
    }
    ui.separator();
    if ui.button("◀").on_hover_text("Example before: {").clicked() {
        commands.push(Command::StepExample(-1));
    }
    let place = state.browsing.place(state.example).map_or("–".to_owned(), |place| thousands(place + 1));
    ui.label(format!("{place} of {}", thousands(state.browsing.listing.rows.len())));
    if ui.button("▶").on_hover_text("Example after: }").clicked() {
        commands.push(Command::StepExample(1));
    }
}

fn show_selection(ui: &mut egui::Ui, state: &State, commands: &mut Vec<Command>) {
    let (Some(trace), Some(block)) = (&state.trace, state.block()) else { return };
    let document = trace.document();
    let selection = &state.selection;
    ui.separator();
    if document.attention.len() > 1 {
        let names = document.attention.iter().map(|block| block.name.as_str());
        let says = "The attention block: who attends to whom";
        if let Some(index) = choice(ui, ("Block", says), names, selection.block) {
            commands.push(Command::SelectBlock(index));
        }
    }
    let heads = trace.trace.max_heads(selection.block);
    if let Some(pick) = pick(
        ui,
        ("Layer", "One layer, or all: ↑ ↓"),
        (0..block.layers).map(|layer| block.layer_number(layer)),
        selection.layer,
    ) {
        commands.push(Command::SelectLayer(pick));
    }
    if let Some(pick) = pick(ui, ("Head", "One head, or all: ← →"), 0..heads, selection.head) {
        commands.push(Command::SelectHead(pick));
    }
    keep_together(ui, &Direction::ALL.map(Direction::label));
    for direction in Direction::ALL {
        let label = ui.selectable_label(selection.direction == direction, direction.label());
        let says = match direction {
            Direction::AttendsTo => "D: the selected tokens are queries, and the weights are over the keys",
            Direction::AttendedBy => "D: the selected tokens are keys, and the weights are over the queries",
        };
        if label.on_hover_text(says).clicked() {
            commands.push(Command::SetDirection(direction));
        }
    }
    aggregation::show(ui, state, commands);
    let play = format!("Play {}", state.playing.play.name());
    let play = if state.is_playing { "Stop" } else { &play };
    keep_together(ui, &[play, MORE]);
    if ui.button(play).on_hover_text("Space: goes through them one after another, or stops").clicked() {
        commands.push(Command::TogglePlay);
    }
    show_playing(ui, state, commands);
}

/// What plays, how fast, and whether it begins again at its end.
fn show_playing(ui: &mut egui::Ui, state: &State, commands: &mut Vec<Command>) {
    let (response, _) = menu(MORE).ui(ui, |ui| {
        let mut playing = state.playing;
        for play in Play::ALL {
            let radio = ui.radio_value(&mut playing.play, play, format!("Play {}", play.name()));
            radio.on_hover_text(format!("Space goes through the {}", play.name()));
        }
        ui.separator();
        ui.add(Slider::new(&mut playing.frames_per_second, 0.25..=20.0).logarithmic(true).text("per second"))
            .on_hover_text("How many are shown in a second");
        ui.checkbox(&mut playing.loops, "Begin again at the end").on_hover_text("Or stop there");
        if playing != state.playing {
            commands.push(Command::SetPlaying(playing));
        }
    });
    let name = "Play options";
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, name));
    response.on_hover_text(name);
}

/// Sizes.
fn show_settings(ui: &mut egui::Ui, name: &str, state: &State, commands: &mut Vec<Command>) {
    let (response, _) = menu(name).ui(ui, |ui| {
        let theme = ui.button("Light / dark");
        if theme.on_hover_text("T: between the dark and the light theme").clicked() {
            commands.push(Command::ToggleTheme);
        }
        let mut previews = state.previews_tokens;
        let tokens = ui.checkbox(&mut previews, "Preview tokens under the pointer");
        let tokens = tokens
            .on_hover_text("All views show them as if they were selected. While Alt is held, the other way round");
        if tokens.changed() {
            commands.push(Command::PreviewTokens(previews));
        }
        ui.separator();
        ui.label("Size of everything (Ctrl+Plus, Ctrl+−)");
        ui.horizontal(|ui| {
            for scale in UI_SCALES {
                let name = format!("{:.0} %", scale * 100.0);
                let label = ui.selectable_label(state.ui_scale.0 == scale, name);
                if label.on_hover_text("Size of controls and views").clicked() {
                    commands.push(Command::SetUiScale(scale));
                }
            }
        });
        ui.label("Letters in the views");
        ui.horizontal(|ui| {
            for scale in FONT_SCALES {
                let name = format!("{:.0} % letters", scale * 100.0);
                let label = ui.selectable_label(state.options.font_scale == scale, name);
                if label.on_hover_text("Size of the letters in the views alone").clicked() {
                    let options = Options { font_scale: scale, ..state.options.clone() };
                    commands.push(Command::SetOptions(Box::new(options)));
                }
            }
        });
    });
    response.on_hover_text("Sizes, and what the pointer previews");
}

/// A choice of one of those with these numbers, or the mean or the maximum of all.
fn pick(ui: &mut egui::Ui, name: (&str, &str), numbers: impl Iterator<Item = usize>, now: Pick) -> Option<Pick> {
    let row = match now {
        Pick::Mean => 0,
        Pick::Max => 1,
        Pick::One(index) => index + 2,
    };
    let all = ["mean of all", "maximum of all"].map(str::to_owned);
    let rows = all.into_iter().chain(numbers.map(|number| number.to_string()));
    choice(ui, name, rows, row).map(|row| match row {
        0 => Pick::Mean,
        1 => Pick::Max,
        _ => Pick::One(row - 2),
    })
}
