//! What can be taken out of a view: its picture, its numbers, what plays in it, the command that draws it.

use egui::Ui;

use super::menu;
use crate::app::command::Command;
use crate::app::exporter::Export;
use crate::app::state::State;
use crate::export::Format;
use crate::scene::View;

/// Pixels per logical pixel that are offered.
const SCALES: [f32; 4] = [1.0, 2.0, 3.0, 4.0];

/// Shows the menu of a view.
pub fn show(ui: &mut Ui, view: View, state: &State, commands: &mut Vec<Command>) {
    if state.trace.is_none() {
        return;
    }
    let (response, _) = menu("Export").ui(ui, |ui| {
        let plays = state.playing.play.name();
        let entries = [
            ("Save picture as PNG".to_owned(), Export::File(Format::Png)),
            ("Save picture as SVG".to_owned(), Export::File(Format::Svg)),
            ("Copy picture".to_owned(), Export::CopyPicture),
            ("Save numbers as CSV".to_owned(), Export::File(Format::Csv)),
            ("Save numbers as JSON".to_owned(), Export::File(Format::Json)),
            ("Save numbers as NPY".to_owned(), Export::File(Format::Npy)),
            (format!("Save all {plays} as a GIF"), Export::File(Format::Gif)),
            (format!("Save all {plays} as pictures"), Export::Frames),
        ];
        for (name, export) in entries {
            if ui.button(name).clicked() {
                ui.close();
                commands.push(Command::Export(view, export));
            }
        }
        ui.separator();
        if ui.button("Copy command").on_hover_text("The vlscope render line that draws this").clicked() {
            ui.close();
            commands.push(Command::CopyCommand(Some(view)));
        }
        if ui.button("Save view state").on_hover_text("Ctrl+S; Ctrl+Shift+O loads it").clicked() {
            ui.close();
            commands.push(Command::SaveState);
        }
        ui.separator();
        show_choices(ui, state, commands);
    });
    response.on_hover_text("Pictures, numbers, and the command that draws this");
}

fn show_choices(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    let mut choices = state.exports;
    ui.horizontal(|ui| {
        ui.label("Scale");
        for scale in SCALES {
            ui.selectable_value(&mut choices.scale, scale, format!("{scale}×"));
        }
    });
    ui.checkbox(&mut choices.caption, "Caption beneath");
    if choices != state.exports {
        commands.push(Command::SetExports(choices));
    }
    let mut options = state.options.clone();
    if ui.checkbox(&mut options.colour_bar, "Colour bar").changed() {
        commands.push(Command::SetOptions(Box::new(options)));
    }
}
