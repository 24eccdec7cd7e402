//! The dataset: one row an example. Rows that are out of sight cost nothing.

use std::path::Path;

use crate::app::command::Command;
use crate::app::state::State;

/// Shows the list; a click opens the example.
pub fn show(ui: &mut egui::Ui, state: &State, commands: &mut Vec<Command>) {
    if state.examples.is_empty() {
        ui.centered_and_justified(|ui| ui.weak("Drop a trace or a folder here, or press Ctrl+O."));
        return;
    }
    ui.horizontal(|ui| {
        ui.weak(format!("{} of {}", state.example + 1, state.examples.len()));
    });
    let row_height = ui.spacing().interact_size.y;
    egui::ScrollArea::vertical().auto_shrink(false).show_rows(ui, row_height, state.examples.len(), |ui, rows| {
        for row in rows {
            let name = name_of(&state.examples[row]);
            let is_shown = row == state.example;
            let label = egui::Button::selectable(is_shown, name).truncate();
            if ui.add_sized([ui.available_width(), row_height], label).clicked() {
                commands.push(Command::ShowExample(row));
            }
        }
    });
}

fn name_of(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
