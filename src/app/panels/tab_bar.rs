//! What stands at the right of a panel's tabs: its choices and its export menu. Where the tabs leave no room for them, they
//! are in one menu, so that nothing covers a tab.

use egui::containers::menu::is_in_menu;
use egui::{Id, Ui, WidgetInfo};

use super::{export_menu, view};
use crate::app::model::command::Command;
use crate::app::model::panel::Panel;
use crate::app::model::state::State;
use crate::app::ui::controls::{button_width, menu};

/// Of the menu's button, with the space beside it.
const MENU: f32 = 32.0;
/// Of each of the arrows that scroll tabs, with the space beside it.
const ARROW: f32 = 32.0;

/// What has no room beside the tabs.
#[derive(Clone, Copy, PartialEq)]
enum Folded {
    Nothing,
    Choices,
    Everything,
}

/// How wide choices and export menu were when they were last shown.
#[derive(Clone, Copy, Default)]
struct Widths {
    choices: f32,
    export: f32,
}

/// Shows what belongs to `panel`, the one in front of those that `titles` names.
pub fn show(ui: &mut Ui, panel: Panel, titles: &[&str], state: &State, commands: &mut Vec<Command>) {
    if matches!(panel, Panel::Examples | Panel::Notes) {
        return;
    }
    // What it lacks of the tabs' room, it would take from their names.
    ui.spacing_mut().item_spacing.x = 4.0;
    let id = Id::unique(("widths at the right of the tabs", panel.title()));
    let known = ui.data(|data| data.get_temp::<Widths>(id));
    if known.is_none() {
        ui.ctx().request_discard("not known yet how wide the choices beside the tabs are");
    }
    let mut widths = known.unwrap_or_default();
    let folded = folded(ui, panel, titles, widths);
    let measured = |ui: &mut Ui, show: &mut dyn FnMut(&mut Ui)| {
        let before = ui.available_width();
        show(ui);
        before - ui.available_width()
    };
    if folded != Folded::Everything {
        widths.export = measured(ui, &mut |ui| show_export(ui, panel, state, commands));
    }
    if folded == Folded::Nothing {
        widths.choices = measured(ui, &mut |ui| show_choices(ui, panel, state, commands));
    } else {
        let (response, _) = menu("…").ui(ui, |ui| {
            show_choices(ui, panel, state, commands);
            if folded == Folded::Everything {
                show_export(ui, panel, state, commands);
            }
        });
        let name = format!("{} options", panel.title());
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, &name));
        response.on_hover_text(name);
    }
    ui.data_mut(|data| data.insert_temp(id, widths));
}

fn folded(ui: &Ui, panel: Panel, titles: &[&str], widths: Widths) -> Folded {
    // A tab is as wide as a button of its name.
    let room = ui.available_width();
    let all: f32 = titles.iter().map(|title| button_width(ui, title)).sum();
    if all + widths.export + widths.choices <= room {
        return Folded::Nothing;
    }
    let arrows = if titles.len() > 1 { 2.0 * ARROW } else { 0.0 };
    let least = all.min(button_width(ui, panel.title()) + arrows);
    let choices = if widths.choices > 0.0 { MENU } else { 0.0 };
    match least + widths.export + choices <= room {
        true if widths.choices > 0.0 => Folded::Choices,
        true => Folded::Nothing,
        false => Folded::Everything,
    }
}

fn show_choices(ui: &mut Ui, panel: Panel, state: &State, commands: &mut Vec<Command>) {
    if let Some(shown) = panel.view() {
        view::show_options(ui, shown, state, commands);
    }
}

fn show_export(ui: &mut Ui, panel: Panel, state: &State, commands: &mut Vec<Command>) {
    if is_in_menu(ui) {
        ui.separator();
    }
    match panel.view() {
        Some(view) => export_menu::show(ui, view, state, commands),
        None => export_menu::show_of_panel(ui, panel, state, commands),
    }
}
