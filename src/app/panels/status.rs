//! The line at the bottom: what is selected, in numbers with units; the adapter; the size of the trace.

use crate::app::command::Command;
use crate::app::state::State;

/// Shows it. `tip` describes the thing under the pointer.
pub fn show(ui: &mut egui::Ui, state: &State, adapter: &str, tip: Option<&str>, commands: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        ui.weak(adapter);
        if let Some(trace) = &state.trace {
            ui.weak("·");
            ui.weak(trace.summary());
        }
        if state.is_outdated {
            ui.weak("·");
            if ui.button("Read anew").on_hover_text("the file has changed on disk (Ctrl+R)").clicked() {
                commands.push(Command::Reload);
            }
        }
        if let Some([done, of]) = state.evidence.as_ref().and_then(|evidence| evidence.progress) {
            ui.weak("·");
            ui.label(format!("statistics {done} of {of} layers"));
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if let Some(tip) = tip {
                ui.label(tip);
            } else if state.is_playing {
                ui.label(format!("playing through the {}: Space stops", state.playing.play.name()));
            } else {
                ui.weak("? shows all keys");
            }
        });
    });
}
