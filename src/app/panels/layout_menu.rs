//! The menu of arrangements: those for a task, the user's own, one panel alone.

use egui::{Button, Id, Key, TextEdit, Ui, WidgetInfo};

use crate::app::model::arrangement::{Arrangement, PanelCommand, Preset};
use crate::app::model::command::Command;
use crate::app::model::state::State;
use crate::app::ui::controls::menu;
use crate::trace::{NAME_LETTERS, shortened};
use crate::typed::Choice as _;

/// Shows its button, and the menu while that is open.
pub fn show(ui: &mut Ui, name: &str, state: &State, commands: &mut Vec<Command>) {
    let (response, _) = menu(name).ui(ui, |ui| show_entries(ui, state, commands));
    response.on_hover_text("Arrange the panels for a task, or as you have kept them");
}

fn show_entries(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    ui.set_min_width(230.0);
    let mut choose = |ui: &Ui, command| {
        ui.close();
        commands.push(Command::Panels(command));
    };
    for preset in Preset::ALL {
        if ui.button(format!("Panels: {preset}")).on_hover_text(preset.says()).clicked() {
            choose(ui, PanelCommand::Arrange(Arrangement::Preset(preset)));
        }
    }
    ui.separator();
    for name in &state.arranged.own {
        let shown = shortened(name, NAME_LETTERS);
        ui.horizontal(|ui| {
            if ui.button(format!("Panels: {shown}")).on_hover_text("As you have kept them").clicked() {
                choose(ui, PanelCommand::Arrange(Arrangement::Own(name.clone())));
            }
            let forget = ui.button("×");
            forget.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, format!("Forget panels: {shown}")));
            if forget.on_hover_text("Forget this arrangement").clicked() {
                choose(ui, PanelCommand::Forget(name.clone()));
            }
        });
    }
    if let Some(name) = name_to_keep(ui) {
        choose(ui, PanelCommand::Keep(name));
    }
    ui.separator();
    let words = if state.arranged.maximised.is_some() { "All panels again" } else { "This panel alone" };
    let alone =
        ui.button(words).on_hover_text("M, or a double click on a tab: the panel that has the focus fills the window");
    if alone.clicked() {
        choose(ui, PanelCommand::ToggleMaximised(None));
    }
}

/// The name under which the panels are to be kept as they stand, once it is entered.
fn name_to_keep(ui: &mut Ui) -> Option<String> {
    let id = Id::unique("name of an arrangement");
    let mut name = ui.data(|data| data.get_temp::<String>(id)).unwrap_or_default();
    let is_entered = ui
        .horizontal(|ui| {
            let field = ui.add(TextEdit::singleline(&mut name).hint_text("a name").desired_width(120.0));
            field.widget_info(|| WidgetInfo::labeled(egui::Role::TextInput, true, "Name of the arrangement"));
            let by_key = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            field.on_hover_text("A name for how the panels stand now");
            let can = !name.trim().is_empty();
            let keep =
                ui.add_enabled(can, Button::new("Keep these panels")).on_hover_text("Under this name, in this menu");
            can && (by_key || keep.clicked())
        })
        .inner;
    let kept = is_entered.then(|| name.trim().to_owned());
    ui.data_mut(|data| data.insert_temp(id, if is_entered { String::new() } else { name }));
    kept
}
