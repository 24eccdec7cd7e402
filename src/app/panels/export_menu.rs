//! What can be taken out of a view: its picture, its numbers, what plays in it, the command that draws it.

use egui::Ui;

use crate::app::model::choices::Export;
use crate::app::model::command::Command;
use crate::app::model::figure::FigureCommand;
use crate::app::model::panel::Panel;
use crate::app::model::state::State;
use crate::app::ui::controls::menu_anywhere;
use crate::export::{Format, Play};
use crate::view::{Theme, View};

/// Pixels per logical pixel that are offered.
pub const SCALES: [f32; 4] = [1.0, 2.0, 3.0, 4.0];

/// As a picture.
pub const PICTURES: [(&str, Export); 4] = [
    ("Save picture as PNG", Export::File(Format::Png)),
    ("Save picture as SVG", Export::File(Format::Svg)),
    ("Save picture as PDF", Export::File(Format::Pdf)),
    ("Copy picture", Export::CopyPicture),
];
/// As numbers.
const NUMBERS: [(&str, Export); 3] = [
    ("Save numbers as CSV", Export::File(Format::Csv)),
    ("Save numbers as JSON", Export::File(Format::Json)),
    ("Save numbers as NPY", Export::File(Format::Npy)),
];

/// What can be saved or copied of a view, while this plays.
pub fn offered(play: Play) -> impl Iterator<Item = (String, Export)> {
    let plays = play.name();
    let played = [
        (format!("Save all {plays} as a GIF"), Export::File(Format::Gif)),
        (format!("Save all {plays} as pictures"), Export::Frames),
    ];
    PICTURES.into_iter().chain(NUMBERS).map(|(name, export)| (name.to_owned(), export)).chain(played)
}

/// Shows the menu of a view.
pub fn show(ui: &mut Ui, view: View, state: &State, commands: &mut Vec<Command>) {
    if state.trace.is_none() {
        return;
    }
    let response = menu_anywhere(ui, "Export", |ui| {
        show_entries(ui, offered(state.playing.play), |export| commands.push(Command::Export(view, export)));
        ui.separator();
        if ui.button("Copy command").on_hover_text("The vlscope render line that draws this").clicked() {
            ui.close();
            commands.push(Command::CopyCommand(Some(view)));
        }
        if ui.button("Add to figure").on_hover_text("As a panel of a figure of several").clicked() {
            ui.close();
            commands.push(Command::Figure(FigureCommand::Add(view)));
        }
        if ui.button("Save view state").on_hover_text("Ctrl+S; Ctrl+Shift+O loads it").clicked() {
            ui.close();
            commands.push(Command::SaveState);
        }
        ui.separator();
        show_scales(ui, state, commands);
        show_choices(ui, state, commands);
    });
    response.on_hover_text("Pictures, numbers, and the command that draws this");
}

/// Shows the menu of a panel that shows no view of one trace.
pub fn show_of_panel(ui: &mut Ui, panel: Panel, state: &State, commands: &mut Vec<Command>) {
    let response = menu_anywhere(ui, "Export", |ui| {
        let pictures = PICTURES.map(|(name, export)| (name.to_owned(), export));
        show_entries(ui, pictures, |export| commands.push(Command::ExportPanel(panel, export)));
        ui.separator();
        let copy = ui.button("Copy command");
        if copy.on_hover_text("The vlscope line that draws this, and with --csv or --json prints its numbers").clicked()
        {
            ui.close();
            commands.push(Command::CopyPanelCommand(panel));
        }
        ui.separator();
        show_scales(ui, state, commands);
    });
    response.on_hover_text("What this panel shows, as a picture, and the command that draws it");
}

fn show_entries(ui: &mut Ui, entries: impl IntoIterator<Item = (String, Export)>, mut choose: impl FnMut(Export)) {
    for (name, export) in entries {
        let says = match export {
            Export::File(Format::Csv | Format::Json | Format::Npy) => "The numbers behind it, as a file",
            Export::File(Format::Gif) | Export::Frames => "Each of what plays, one after another",
            Export::CopyPicture => "To the clipboard",
            Export::File(_) => "What is in sight, as a file",
        };
        if ui.button(name).on_hover_text(says).clicked() {
            ui.close();
            choose(export);
        }
    }
}

fn show_scales(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    let mut choices = state.exports;
    ui.horizontal(|ui| {
        ui.label("Scale");
        for scale in SCALES {
            let value = ui.selectable_value(&mut choices.scale, scale, format!("{scale}×"));
            value.on_hover_text("Pixels of a picture for each of the screen's");
        }
    });
    ui.horizontal(|ui| {
        ui.label("Theme");
        for theme in Theme::ALL {
            ui.selectable_value(&mut choices.theme, theme, theme.name()).on_hover_text(theme.label());
        }
    });
    ui.checkbox(&mut choices.asks, "Ask where").on_hover_text("By the system's dialog; else files go to one folder");
    if choices != state.exports {
        commands.push(Command::SetExports(choices));
    }
}

fn show_choices(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    let mut choices = state.exports;
    let caption = ui.checkbox(&mut choices.caption, "Caption beneath");
    if caption.on_hover_text("Says which trace it is, and what of it is shown").changed() {
        commands.push(Command::SetExports(choices));
    }
    let mut options = state.options.clone();
    let bar = ui.checkbox(&mut options.colour_bar, "Colour bar");
    if bar.on_hover_text("Which colour is which value").changed() {
        commands.push(Command::SetOptions(Box::new(options)));
    }
}
