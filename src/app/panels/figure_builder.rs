//! The figure builder: the list of panels, how they become one, the command that draws the same, and where it goes.

use egui::{Context, RichText, ScrollArea, TextWrapMode, Ui, Window, vec2};

use crate::app::model::command::Command;
use crate::app::model::figure::{FigureCommand, FigureDraft};
use crate::app::model::state::State;
use crate::app::ui::controls::menu_anywhere;
use crate::export::Format;
use crate::view::{Caption, View, letter};

const WIDTH: f32 = 520.0;
/// What the list of panels and the command take at most.
const LIST: f32 = 190.0;
const LINE: f32 = 76.0;

/// Shows it over the window.
pub fn show(context: &Context, state: &State, commands: &mut Vec<Command>) {
    let mut is_open = true;
    let width = WIDTH.min(context.content_rect().width() - 40.0);
    Window::new("Figure")
        .open(&mut is_open)
        .collapsible(false)
        .resizable(false)
        .default_pos(context.content_rect().center() - vec2(width / 2.0, 200.0))
        .show(context, |ui| {
            ui.set_width(width);
            let mut wishes = Vec::new();
            show_panels(ui, &state.figure, &mut wishes);
            show_menu(ui, state, &mut wishes);
            ui.separator();
            show_choices(ui, &state.figure, &mut wishes);
            ui.separator();
            show_ends(ui, state, &mut wishes);
            commands.extend(wishes.into_iter().map(Command::Figure));
        });
    if !is_open {
        commands.push(Command::Figure(FigureCommand::Show(false)));
    }
}

fn show_panels(ui: &mut Ui, draft: &FigureDraft, wishes: &mut Vec<FigureCommand>) {
    if draft.panels.is_empty() {
        ui.weak("No panel yet. 'Add to figure' in a view's Export menu adds what it shows.");
    }
    ScrollArea::vertical().max_height(LIST).auto_shrink([false, true]).show(ui, |ui| {
        let last = draft.panels.len().saturating_sub(1);
        for (place, panel) in draft.panels.iter().enumerate() {
            ui.horizontal(|ui| {
                let name = letter(place);
                ui.strong(&name);
                let button = |ui: &mut Ui, does: &str, is_on: bool, tip: &str| {
                    let button = ui.add_enabled(is_on, egui::Button::new(does).small());
                    button.widget_info(|| {
                        egui::WidgetInfo::labeled(egui::Role::Button, is_on, format!("{does} panel {name}"))
                    });
                    button.on_hover_text(tip).clicked()
                };
                if button(ui, "Up", place > 0, "One place towards the beginning") {
                    wishes.push(FigureCommand::Move { panel: place, by: -1 });
                }
                if button(ui, "Down", place < last, "One place towards the end") {
                    wishes.push(FigureCommand::Move { panel: place, by: 1 });
                }
                if button(ui, "Remove", true, "Leave it out") {
                    wishes.push(FigureCommand::Remove(place));
                }
                ui.style_mut().wrap_mode = Some(TextWrapMode::Truncate);
                let view = panel.panel.state.view.map_or("", View::title);
                ui.label(format!("{view} · {}", panel.words)).on_hover_text(&panel.typed);
            });
        }
    });
}

fn show_menu(ui: &mut Ui, state: &State, wishes: &mut Vec<FigureCommand>) {
    ui.horizontal(|ui| {
        let menu = menu_anywhere(ui, "Add panel", |ui| {
            for view in View::all() {
                if ui.button(view.title()).clicked() {
                    wishes.push(FigureCommand::Add(view));
                }
            }
        });
        menu.on_hover_text("What a view shows now, as large as its panel is");
        if ui.add_enabled(!state.figure.panels.is_empty(), egui::Button::new("Clear")).clicked() {
            wishes.push(FigureCommand::Clear);
        }
    });
}

fn show_choices(ui: &mut Ui, draft: &FigureDraft, wishes: &mut Vec<FigureCommand>) {
    let mut figure = draft.figure.clone();
    ui.horizontal_wrapped(|ui| {
        ui.label("Columns");
        for columns in 1..=4 {
            let button = ui.selectable_value(&mut figure.columns, columns, columns.to_string());
            button.on_hover_text("Panels in a row");
        }
        ui.separator();
        ui.checkbox(&mut figure.common_scale, "Common scale")
            .on_hover_text("The weights of all panels in the same colours, with one colour bar for all of a kind");
        ui.checkbox(&mut figure.letters, "Letters").on_hover_text("a, b, c beside the panels");
        let mut has_caption = figure.caption.is_some();
        let caption = ui.checkbox(&mut has_caption, "Caption beneath").on_hover_text("What each panel shows");
        if caption.changed() {
            figure.caption = has_caption.then_some(Caption::Auto);
        }
    });
    if figure != draft.figure {
        wishes.push(FigureCommand::Set(figure));
    }
}

fn show_ends(ui: &mut Ui, state: &State, wishes: &mut Vec<FigureCommand>) {
    let draft = &state.figure;
    let has_panels = !draft.panels.is_empty();
    ui.horizontal(|ui| {
        for (name, format) in [("Save figure as PDF", Format::Pdf), ("as SVG", Format::Svg), ("as PNG", Format::Png)] {
            let button = ui.add_enabled(has_panels, egui::Button::new(name));
            if button.on_hover_text("Into the folder of screenshots").clicked() {
                wishes.push(FigureCommand::Save(format));
            }
        }
        let copy = ui.add_enabled(has_panels, egui::Button::new("Copy figure command"));
        if copy.on_hover_text("The vlscope figure line that draws this").clicked() {
            wishes.push(FigureCommand::CopyCommand);
        }
    });
    if has_panels {
        ScrollArea::vertical().id_salt("line").max_height(LINE).auto_shrink([false, true]).show(ui, |ui| {
            ui.add(egui::Label::new(RichText::new(draft.line(state.exports.theme)).monospace().small().weak()).wrap());
        });
    }
}
