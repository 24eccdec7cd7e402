//! The head atlas: a statistic of all heads over the filtered examples, or the difference of two groups of them; the examples
//! with the most extreme values of the head that was chosen.

use egui::{Button, Label, Rect as EguiRect, RichText, ScrollArea, Sense, TextEdit, Ui, UiBuilder, WidgetInfo, pos2};
use glam::Vec2;

use super::{context_menu, gestures};
use crate::app::model::browsing::{AtlasChoice, DatasetCommand};
use crate::app::model::command::Command;
use crate::app::model::panel::Panel;
use crate::app::model::state::State;
use crate::app::ui::appearance::color;
use crate::app::ui::canvas::{Canvas, Easel};
use crate::app::ui::controls::{choose, menu};
use crate::dataset::Dataset;
use crate::dataset::head_stats::definition;
use crate::query::{Atlas, AtlasValue, PERMUTATIONS, Results};
use crate::render::{Drawing, Fonts};
use crate::trace::{LINE_LETTERS, NAME_LETTERS, shortened};
use crate::typed::Choice as _;
use crate::view::{Inputs, Options, Scene, Target, draw_grid};

/// The share of the panel's height that the list of extreme examples takes.
const LIST: f32 = 0.36;

/// Shows it; returns the words for what is under the pointer.
pub fn show(
    ui: &mut Ui,
    state: &State,
    canvas: &mut Canvas,
    easel: &mut Easel,
    commands: &mut Vec<Command>,
) -> Option<String> {
    let frame = egui::Frame::NONE.inner_margin(4.0);
    let Some(dataset) = state.browsing.dataset.as_ref().filter(|dataset| dataset.heads().is_some()) else {
        let why = "Statistics over all examples need an index of the folder.";
        let empty = "Open a folder of traces to see its heads over all examples.";
        frame.show(ui, |ui| offer_index(ui, state, why, empty, commands));
        return None;
    };
    frame
        .show(ui, |ui| {
            show_choices(ui, state, dataset, commands);
            let atlas = &state.browsing.atlas;
            if let Some(error) = &atlas.error {
                let wrong = color(state.options.theme.palette().wrong);
                ui.add(Label::new(RichText::new(error).color(wrong)).truncate()).on_hover_text(error);
            }
            let Some(shown) = &atlas.shown else {
                ui.centered_and_justified(|ui| ui.weak(if atlas.error.is_some() { "" } else { "Reading…" }));
                return None;
            };
            let groups = shown.groups();
            ui.add(Label::new(RichText::new(groups).weak()).wrap());
            let room = ui.available_rect_before_wrap();
            let below = if atlas.cell.is_some() { room.height() * LIST } else { 0.0 };
            let space = EguiRect::from_min_max(room.min, pos2(room.max.x, room.max.y - below));
            let tip = show_heads(ui, space, state, shown, canvas, easel, commands);
            if let Some(cell) = atlas.cell {
                let rest = EguiRect::from_min_max(pos2(room.min.x, space.max.y), room.max);
                ui.scope_builder(UiBuilder::new().max_rect(rest), |ui| {
                    show_extremes(ui, state, dataset, cell, commands);
                });
            }
            tip
        })
        .inner
}

/// In the place of what needs an index: `why` it does and a way to make one, or `empty` where no folder is open.
pub fn offer_index(ui: &mut Ui, state: &State, why: &str, empty: &str, commands: &mut Vec<Command>) {
    ui.vertical_centered(|ui| {
        ui.add_space(ui.available_height() / 3.0);
        match &state.browsing.dataset {
            Some(dataset) if dataset.table.len() > 1 => {
                ui.weak(why);
                let is_idle = state.browsing.work.is_none();
                let button = ui.add_enabled(is_idle, Button::new("Index this folder"));
                if button.on_hover_text("Reads every trace once, and writes an index beside them").clicked() {
                    commands.push(Command::Dataset(DatasetCommand::Index));
                }
            }
            _ => {
                ui.weak(empty);
            }
        }
    });
}

fn show_choices(ui: &mut Ui, state: &State, dataset: &Dataset, commands: &mut Vec<Command>) {
    let browsing = &state.browsing;
    let mut choice = browsing.atlas.choice.clone();
    ui.horizontal_wrapped(|ui| {
        show_statistics(ui, dataset, &mut choice);
        let compares = choice.b.is_some();
        let offered = AtlasValue::rows().filter(|(value, _)| compares || !value.compares());
        choose(ui, "Value", &mut choice.value, offered);
        show_groups(ui, state, &mut choice);
        show_browser_filter(ui, state, commands);
    });
    if let Some(atlas) = &browsing.atlas.shown
        && atlas.blocks.len() > 1
    {
        ui.horizontal_wrapped(|ui| {
            for block in &atlas.blocks {
                let name = shortened(block, NAME_LETTERS);
                if ui.selectable_label(*block == atlas.grid.block, name).on_hover_text("Attention block").clicked() {
                    choice.block = Some(block.clone());
                }
            }
        });
    }
    if let Some(b) = &mut choice.b {
        ui.horizontal(|ui| {
            let width = (ui.available_width() - 60.0) / 2.0;
            for (name, query) in [("A", &mut choice.a), ("B", b)] {
                let label = ui.label(name);
                let field = TextEdit::singleline(query).hint_text("all").desired_width(width);
                let response = ui.add(field).labelled_by(label.id);
                response.on_hover_text(format!("Filter of group {name}, within the filter of the examples"));
            }
        });
        if let Some(done) = browsing.atlas.permuting {
            ui.ctx().request_repaint_after(std::time::Duration::from_millis(150));
            ui.weak(format!("p-values: {done} of {PERMUTATIONS} permutations"));
        }
    }
    if choice.b.is_none() && choice.value.compares() {
        choice.value = AtlasValue::Mean;
    }
    if choice != browsing.atlas.choice {
        commands.push(Command::Dataset(DatasetCommand::SetAtlas(Box::new(choice))));
    }
}

fn show_statistics(ui: &mut Ui, dataset: &Dataset, choice: &mut AtlasChoice) {
    let names = dataset.heads().map_or(&[][..], |heads| heads.names());
    let label = |name: &String| {
        definition(name)
            .map_or_else(|| name.trim_start_matches("metric_").replace('_', " "), |found| found.label.to_owned())
    };
    let own = |name: &str| definition(name).map_or(name, |found| found.name).to_owned();
    choice.statistic = own(&choice.statistic);
    choose(ui, "Statistic of the atlas", &mut choice.statistic, names.iter().map(|name| (own(name), label(name))));
}

/// What the examples are filtered by already: the groups are parts of that.
fn show_browser_filter(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    let filter = state.browsing.listing.query.trim();
    if filter.is_empty() {
        return;
    }
    let words = format!("within {} ×", shortened(filter, NAME_LETTERS));
    let button = ui.selectable_label(true, words);
    let says = format!("Only examples that the list's filter keeps are counted: {filter}. A click ends that filter");
    if button.on_hover_text(says).clicked() {
        commands.push(Command::Dataset(DatasetCommand::SetFilter(String::new())));
    }
}

/// Two groups to compare, or one alone.
fn show_groups(ui: &mut Ui, state: &State, choice: &mut AtlasChoice) {
    let (response, _) = menu("Groups").ui(ui, |ui| {
        let one = ui.selectable_label(choice.b.is_none(), "one group: the filtered examples");
        if one.on_hover_text("A mean over all examples that the filter keeps").clicked() {
            *choice = choice.of_one_group();
            ui.close();
        }
        let mut compare = |ui: &mut Ui, a: String, b: String| {
            *choice = choice.comparing(a, b);
            ui.close();
        };
        ScrollArea::vertical().max_height(300.0).show(ui, |ui| {
            for groups in state.browsing.groups() {
                let button = ui.button(shortened(&groups.label, NAME_LETTERS));
                if button.on_hover_text(format!("{} less {}", groups.a, groups.b)).clicked() {
                    compare(ui, groups.a, groups.b);
                }
            }
        });
        let two = ui.button("two filters…").on_hover_text("Groups by filters that you type");
        if two.clicked() {
            compare(ui, String::new(), String::new());
        }
    });
    response.on_hover_text("Compare two groups of examples");
}

fn show_heads(
    ui: &mut Ui,
    space: EguiRect,
    state: &State,
    atlas: &Atlas,
    canvas: &mut Canvas,
    easel: &mut Easel,
    commands: &mut Vec<Command>,
) -> Option<String> {
    let response = ui.allocate_rect(space, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, "head atlas"));
    gestures::take_keyboard(ui, &response, || match state.browsing.atlas.cell {
        Some((layer, head)) => words(atlas, layer, head),
        None => atlas.groups(),
    });
    if space.width() < 16.0 || space.height() < 16.0 {
        return None;
    }
    let size = Vec2::new(space.width(), space.height());
    let scale = ui.ctx().pixels_per_point();
    let scene = canvas.scene_by(easel, size, state.version, scale, |fonts| scene_of(state, atlas, size, false, fonts));
    let pointed = response.hover_pos().and_then(|at| scene.at(Vec2::new(at.x - space.min.x, at.y - space.min.y)));
    let tip = match pointed {
        Some(Target::Head { layer, head }) => Some(words(atlas, layer, head)),
        _ => None,
    };
    context_menu::show(&response, Panel::Atlas, state, pointed.zip(tip.as_deref()), commands);
    canvas.show(ui, space);
    let Some(Target::Head { layer, head }) = pointed else { return None };
    if response.clicked() {
        commands.push(Command::Dataset(DatasetCommand::SelectCell(Some((layer, head)))));
    }
    let tip = tip?;
    response.on_hover_text_at_pointer(tip.as_str());
    Some(tip)
}

/// The heads, as in the window or with a title.
fn scene_of(state: &State, atlas: &Atlas, size: Vec2, title: bool, fonts: &mut Fonts) -> Scene {
    let panel = &state.browsing.atlas;
    let selection = atlas.selection(panel.cell);
    let inputs = Inputs {
        document: &atlas.document(),
        images: &[],
        heads: &[],
        selection: &selection,
        shown: &selection,
        hover: None,
        options: &Options { title, heads_filter: None, ..state.options.clone() },
        results: &Results::default(),
        refusal: None,
        moving: None,
        size,
    };
    draw_grid(&atlas.shown(panel.choice.value), &inputs, fonts)
}

/// What is exported; `None` while there is nothing.
pub fn figure(state: &State, size: Vec2, fonts: &mut Fonts) -> Option<Drawing> {
    let atlas = state.browsing.atlas.shown.as_ref()?;
    Some(scene_of(state, atlas, size, true, fonts).drawing)
}

/// All that is known of a head.
fn words(atlas: &Atlas, layer: usize, head: usize) -> String {
    let cell = layer * atlas.grid.heads + head;
    let number = |value: AtlasValue| match atlas.numbers(value).get(cell) {
        Some(number) if number.is_finite() => format!("{} {number:.4}", value.label()),
        _ => format!("{}: none", value.label()),
    };
    let unit = Some(atlas.statistic().1).filter(|unit| !unit.is_empty()).map(|unit| format!(" ({unit})"));
    let count = atlas.counts().get(cell).copied().unwrap_or(0);
    let values: Vec<String> = AtlasValue::ALL
        .into_iter()
        .filter(|value| atlas.difference.is_some() || !value.compares())
        .map(number)
        .collect();
    let (layer, values, unit) = (atlas.grid.layer_number(layer), values.join(" · "), unit.unwrap_or_default());
    format!("layer {layer} · head {head}: {values}{unit} · {count} examples")
}

/// A click opens the example.
fn show_extremes(
    ui: &mut Ui,
    state: &State,
    dataset: &Dataset,
    (layer, head): (usize, usize),
    commands: &mut Vec<Command>,
) {
    ui.horizontal(|ui| {
        let grid = state.browsing.atlas.shown.as_ref().map(|atlas| &atlas.grid);
        let number = grid.map_or(layer, |grid| grid.layer_number(layer));
        ui.strong(format!("layer {number} · head {head}"));
        if ui.small_button("Close").on_hover_text("Hides the list of this head's examples").clicked() {
            commands.push(Command::Dataset(DatasetCommand::SelectCell(None)));
        }
    });
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.columns(2, |sides| {
            let ends = ["highest", "lowest"].into_iter().zip(&state.browsing.atlas.extremes);
            for (ui, (end, found)) in sides.iter_mut().zip(ends) {
                ui.weak(end);
                for &(row, value) in found {
                    let text = dataset.table.value("text", row as usize).text();
                    let text = if text.is_empty() { dataset.table.value("path", row as usize).text() } else { text };
                    let text = shortened(&text, LINE_LETTERS);
                    let is_shown = row as usize == state.example;
                    let button = Button::selectable(is_shown, format!("{value:.3}  {text}")).truncate();
                    let left = egui::Layout::top_down_justified(egui::Align::LEFT);
                    let button = ui.with_layout(left, |ui| ui.add(button)).inner;
                    if button.on_hover_text("Opens this example").clicked() {
                        commands.push(Command::ShowExample(row as usize));
                    }
                }
            }
        });
    });
}
