//! The list of all keys.

use crate::app::command::Command;
use crate::app::keys;

/// Shows it over the window; the pointer is explained below the keys.
pub fn show(context: &egui::Context, commands: &mut Vec<Command>) {
    let mut is_open = true;
    egui::Window::new("Keys")
        .open(&mut is_open)
        .collapsible(false)
        .resizable(false)
        .anchor(egui::Align2::CENTER_CENTER, egui::Vec2::ZERO)
        .show(context, |ui| {
            let keys = keys::shortcuts();
            let named = keys.iter().filter(|shortcut| !shortcut.does.is_empty());
            let rows: Vec<_> = named.map(|shortcut| (shortcut.shown, shortcut.does)).chain(OTHERS).collect();
            ui.horizontal_top(|ui| {
                // Two columns, so that the list fits a window of 720 pixels with room to spare.
                for (number, part) in rows.chunks(rows.len().div_ceil(2)).enumerate() {
                    egui::Grid::new(number).num_columns(2).spacing([16.0, 6.0]).striped(true).show(ui, |ui| {
                        for (shown, does) in part {
                            ui.strong(*shown);
                            ui.label(*does);
                            ui.end_row();
                        }
                    });
                }
            });
        });
    if !is_open {
        commands.push(Command::ToggleHelp);
    }
}

const OTHERS: [(&str, &str); 12] = [
    ("1 – 9", "bring a view to the front"),
    ("Tab", "go from view to button to view"),
    ("hover", "show what a click would select"),
    ("click", "select a head, a token or a patch"),
    ("Ctrl + click", "add a token to the selection, or take it out"),
    ("double click", "select a whole word, in the text"),
    ("drag", "select patches, on the picture; with Ctrl, more of them"),
    ("wheel", "zoom the matrix or the hidden states"),
    ("drag", "pan them; drag a tab to move its panel"),
    ("double click", "show all of them again"),
    ("drag on the heads' colour bar", "dim other values; a click shows all"),
    ("double click on a small head", "show its matrix, or its picture"),
];
