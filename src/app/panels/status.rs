//! The line at the bottom: what is selected, in numbers with units; the adapter; the size of the trace.

use egui::accesskit::Live;
use egui::{Align, Label, Layout, Ui};
use glam::Vec2;

use crate::app::model::command::Command;
use crate::app::model::state::State;
use crate::view::{statistic_grid, summary};

/// Shows it. `tip` describes the thing under the pointer.
pub fn show(ui: &mut Ui, state: &State, adapter: &str, tip: Option<&str>, commands: &mut Vec<Command>) {
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
        if let Some([done, of]) = state.inputs(Vec2::ZERO).and_then(|inputs| statistic_grid(&inputs).1) {
            ui.weak("·");
            ui.label(format!("statistics {done} of {of} layers"));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let said = match tip.filter(|tip| !tip.is_empty()) {
                Some(tip) => tip.to_owned(),
                None if state.is_playing => {
                    format!("playing through the {}: Space stops", state.playing.play.name())
                }
                None => selected(state),
            };
            let label = ui.add(Label::new(&said).truncate());
            // A screen reader says it when the selection moves, wherever the focus is.
            ui.ctx().accesskit_node_builder(label.id, |node| node.set_live(Live::Polite));
            label.on_hover_text(said);
        });
    });
}

/// The selection's attention in numbers.
pub fn selected(state: &State) -> String {
    let summary = state.inputs(Vec2::ZERO).and_then(|inputs| summary(&inputs));
    summary.unwrap_or_else(|| "? shows all keys".to_owned())
}
