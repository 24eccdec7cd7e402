//! Menus, lists and words that several panels use.

use std::fmt::Display;

use egui::containers::menu::{MenuButton, MenuConfig, is_in_menu};
use egui::{ComboBox, Response, TextStyle, TextWrapMode, Ui, WidgetText};

use crate::trace::{NAME_LETTERS, shortened};
use crate::typed::Choice;

/// A menu that stays open while several things are chosen in it.
pub fn menu(name: &str) -> MenuButton<'_> {
    let stays = MenuConfig::new().close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside);
    MenuButton::new(name).config(stays)
}

/// The same where it may lie in another menu.
pub fn menu_anywhere(ui: &mut Ui, name: &str, content: impl FnOnce(&mut Ui)) -> Response {
    if is_in_menu(ui) { ui.menu_button(name, content).response } else { menu(name).ui(ui, content).0 }
}

/// As wide as a button of this name is, or a tab.
pub fn button_width(ui: &Ui, name: &str) -> f32 {
    let font = TextStyle::Button.resolve(ui.style());
    let text = WidgetText::from(name).into_galley(ui, Some(TextWrapMode::Extend), f32::INFINITY, font);
    text.size().x + 2.0 * ui.spacing().button_padding.x
}

/// The next row, where this one lacks the room for so much.
pub fn begin_row_without(ui: &mut Ui, needed: f32) {
    if ui.layout().main_wrap && ui.available_size_before_wrap().x < needed {
        ui.end_row();
    }
}

/// A drop-down list behind its name, of which the tip says what it does; the row that was chosen now, if one was.
pub fn choice<T: Display>(
    ui: &mut Ui,
    (name, says): (&str, &str),
    rows: impl Iterator<Item = T>,
    shown: usize,
) -> Option<usize> {
    begin_row_without(ui, button_width(ui, name) + ui.spacing().combo_width);
    let label = ui.label(name);
    let (chosen, response) = list(ui, name, rows, shown);
    response.labelled_by(label.id).on_hover_text(says);
    chosen
}

/// A drop-down list where there is no room for its name, which is told to screen readers and at hovering: values with their words.
/// Whether one was chosen.
pub fn choose<T: PartialEq, W: Display>(
    ui: &mut Ui,
    name: &str,
    chosen: &mut T,
    rows: impl IntoIterator<Item = (T, W)>,
) -> bool {
    let (mut values, words): (Vec<T>, Vec<W>) = rows.into_iter().unzip();
    let shown = values.iter().position(|value| value == chosen).unwrap_or(values.len());
    let (row, response) = list(ui, name, words.into_iter(), shown);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, name));
    response.on_hover_text(name);
    if let Some(row) = row {
        *chosen = values.swap_remove(row);
    }
    row.is_some()
}

/// All values of a choice beneath each other. Whether one was chosen.
pub fn radios<T: Choice>(ui: &mut Ui, chosen: &mut T) -> bool {
    T::rows().fold(false, |is_chosen, (value, words)| {
        ui.radio_value(chosen, value, words).on_hover_text(value.says()).changed() || is_chosen
    })
}

fn list<T: Display>(ui: &mut Ui, name: &str, rows: impl Iterator<Item = T>, shown: usize) -> (Option<usize>, Response) {
    let rows: Vec<String> = rows.map(|row| shortened(&row.to_string(), NAME_LETTERS).into_owned()).collect();
    let mut chosen = None;
    let selected_text = rows.get(shown).cloned().unwrap_or_default();
    let response = ComboBox::from_id_salt(name)
        .selected_text(selected_text)
        .show_ui(ui, |ui| {
            for (index, row) in rows.iter().enumerate() {
                if ui.selectable_label(index == shown, row).clicked() {
                    chosen = Some(index);
                }
            }
        })
        .response;
    (chosen, response)
}

/// In the middle of a panel that has nothing to show.
pub fn say_instead(ui: &mut Ui, why: &str) {
    egui::Frame::new().inner_margin(24.0).show(ui, |ui| ui.centered_and_justified(|ui| ui.weak(why)));
}

/// 100000 as 100,000.
pub fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let first = digits.len() % 3;
    let (head, rest) = digits.split_at(first);
    let groups = rest.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    let head = (!head.is_empty()).then(|| head.to_owned());
    head.into_iter().chain(groups).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn large_counts_are_grouped() {
        let counts = [0, 7, 999, 1000, 12_345, 100_000, 1_234_567].map(thousands);
        assert_eq!(counts, ["0", "7", "999", "1,000", "12,345", "100,000", "1,234,567"]);
    }
}
