//! What a right click on a view offers about what lies there. A right drag is another gesture, and opens no menu.

use egui::{Id, Response, Ui};

use super::export_menu;
use crate::app::model::arrangement::PanelCommand;
use crate::app::model::command::Command;
use crate::app::model::help::{Help, HelpPage};
use crate::app::model::panel::Panel;
use crate::app::model::pins::PinCommand;
use crate::app::model::state::State;
use crate::trace::{LINE_LETTERS, shortened};
use crate::view::{Target, View};

/// What was under the pointer when the menu was opened.
#[derive(Clone, Default)]
struct Clicked {
    target: Option<Target>,
    /// Name, value and unit.
    says: Option<String>,
}

/// Shows the menu of a view while it is open. `pointed` is what is under the pointer now, and what is said of it.
pub fn show(
    response: &Response,
    panel: Panel,
    state: &State,
    pointed: Option<(Target, &str)>,
    commands: &mut Vec<Command>,
) {
    let id: Id = response.id.with("right click");
    if response.secondary_clicked() {
        let clicked = pointed.map_or_else(Clicked::default, |(target, says)| Clicked {
            target: Some(target),
            says: Some(says.to_owned()),
        });
        response.ctx.data_mut(|data| data.insert_temp(id, clicked));
    }
    response.context_menu(|ui| {
        let clicked = ui.data(|data| data.get_temp::<Clicked>(id)).unwrap_or_default();
        ui.set_min_width(220.0);
        ui.set_max_width(320.0);
        // A head of the atlas is one of many traces.
        show_target(ui, state, &clicked, panel.view().is_some(), commands);
        match panel.view() {
            Some(view) => export_menu::show(ui, view, state, commands),
            None => export_menu::show_of_panel(ui, panel, state, commands),
        }
        show_panel(ui, panel, state, commands);
    });
}

fn show_target(ui: &mut Ui, state: &State, clicked: &Clicked, is_of_trace: bool, commands: &mut Vec<Command>) {
    if let Some(says) = &clicked.says {
        ui.weak(shortened(says, LINE_LETTERS));
        if ui.button("Copy value").on_hover_text("Copies this line: name, value and unit").clicked() {
            ui.close();
            ui.copy_text(says.clone());
        }
    }
    if let Some((sequence, tokens)) = clicked.target.and_then(tokens_of) {
        let heads = ui.button("Which heads look here?");
        let heads = heads.on_hover_text(
            "Colours and lists the heads by their attention to this; so does a rectangle by a right drag",
        );
        if heads.clicked() {
            ui.close();
            commands.push(Command::RankHeads { sequence, tokens });
        }
    }
    if let Some(Target::Head { layer, head }) = clicked.target.filter(|_| is_of_trace) {
        let pin = ui.button("Pin this head").on_hover_text("Compares others with it; again: takes the pin away");
        if pin.clicked() {
            ui.close();
            commands.push(Command::Pin(PinCommand::Head { layer, head }));
        }
    }
    if state.trace.is_some() {
        let compare = ui.button("Compare with this example");
        if compare.on_hover_text("B: it stays, and every other that is opened is compared with it").clicked() {
            ui.close();
            commands.push(Command::CompareWith(None));
        }
    }
    ui.separator();
}

/// Those that can be looked at.
fn tokens_of(target: Target) -> Option<(usize, Vec<usize>)> {
    match target {
        Target::Token { sequence, token } => Some((sequence, vec![token])),
        Target::Pieces { sequence, first, count } => Some((sequence, (first..first + count).collect())),
        _ => None,
    }
}

fn show_panel(ui: &mut Ui, panel: Panel, state: &State, commands: &mut Vec<Command>) {
    ui.separator();
    let words = if state.arranged.maximised.is_some() { "All panels again" } else { "This panel alone" };
    if ui.button(words).on_hover_text("M, or a double click on its tab").clicked() {
        ui.close();
        commands.push(Command::Panels(PanelCommand::ToggleMaximised(Some(panel))));
    }
    if ui.button("Explain this panel").on_hover_text("Help about it").clicked() {
        ui.close();
        commands.push(Command::ShowHelp(Help { page: HelpPage::Views, about: Some(panel) }));
    }
    if matches!(panel, Panel::Atlas | Panel::View(View::Heads)) {
        let statistics = ui.button("Explain the statistics");
        if statistics.on_hover_text("Help with the formula of each").clicked() {
            ui.close();
            commands.push(Command::ShowHelp(Help { page: HelpPage::Statistics, about: Some(panel) }));
        }
    }
}
