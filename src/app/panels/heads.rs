//! What is chosen about the views of all heads, and what the pointer does on them beyond selecting.

use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{Button, Checkbox, DragValue, Frame, Margin, PopupCloseBehavior, Response, Ui};
use glam::Vec2;

use crate::analysis::pool::Pooling;
use crate::analysis::statistics::{self, Over};
use crate::analysis::{Direction, Pick};
use crate::app::model::command::Command;
use crate::app::model::state::State;
use crate::app::ui::controls::choose;
use crate::trace::{NAME_LETTERS, shortened};
use crate::typed::Choice as _;
use crate::view::{ColourBar, HeadsOrder, Options, Scene, Target, View, statistic_grid};

/// How many heads the list of the strongest has.
pub const STRONGEST: usize = 10;

/// About as wide are the choices in one row, and as high must be the heads beneath.
const CHOICES: f32 = 560.0;
const HEADS: f32 = 110.0;

/// The row of choices above the views of all heads; nothing above others.
pub fn show_controls(ui: &mut Ui, view: View, state: &State, commands: &mut Vec<Command>) {
    let is_of_all_heads = matches!(view, View::Heads | View::Thumbnails | View::Overlays | View::Lattice);
    // In a small panel the heads are worth more than the choices, which the palette has too.
    let rows = (CHOICES / ui.available_width().max(1.0)).ceil();
    if !is_of_all_heads || state.trace.is_none() || ui.available_height() < HEADS + rows * ui.spacing().interact_size.y
    {
        return;
    }
    let mut options = state.options.clone();
    let row = Frame::NONE.inner_margin(Margin { left: 4, right: 4, top: 2, bottom: 0 });
    row.show(ui, |ui| ui.horizontal_wrapped(|ui| show_row(ui, view, state, &mut options, commands)));
    if options != state.options {
        commands.push(Command::SetOptions(Box::new(options)));
    }
}

fn show_row(ui: &mut Ui, view: View, state: &State, options: &mut Options, commands: &mut Vec<Command>) {
    show_blocks(ui, state, commands);
    match view {
        View::Heads => show_heads(ui, state, options, commands),
        View::Thumbnails => {
            choose(ui, "Pooling", &mut options.pooling, Pooling::rows());
            let own = Checkbox::new(&mut options.thumbnails_own_scale, "own scale");
            ui.add(own).on_hover_text("Each head's colours end at its own maximum");
        }
        View::Lattice => {
            let own = Checkbox::new(&mut options.lattice_own_scale, "own scale");
            ui.add(own).on_hover_text("Each picture's colours end at its own maximum");
            ui.weak("wheel: zoom · drag a head onto the pins, or pan once zoomed");
        }
        _ => {
            let own = Checkbox::new(&mut options.overlays_own_scale, "own scale");
            ui.add(own).on_hover_text("Each picture's colours end at its own maximum");
            ui.weak(match state.shown_selection().layer {
                Pick::One(layer) => {
                    format!("heads of layer {}", state.block().map_or(layer, |block| block.layer_number(layer)))
                }
                Pick::Mean => "heads, mean of layers".to_owned(),
                Pick::Max => "heads, maximum of layers".to_owned(),
            });
        }
    }
}

/// A tab for each attention block, where there are several.
fn show_blocks(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    let Some(trace) = &state.trace else { return };
    let blocks = &trace.document().attention;
    if blocks.len() < 2 {
        return;
    }
    for (index, block) in blocks.iter().enumerate() {
        let is_shown = index == state.selection.block;
        let name = shortened(&block.name, NAME_LETTERS);
        if ui.selectable_label(is_shown, name).on_hover_text("Attention block").clicked() && !is_shown {
            commands.push(Command::SelectBlock(index));
        }
    }
    ui.separator();
}

fn show_heads(ui: &mut Ui, state: &State, options: &mut Options, commands: &mut Vec<Command>) {
    let Some(trace) = &state.trace else { return };
    let ours = statistics::TABLE.iter().map(|entry| (entry.name.to_owned(), entry.label));
    let all: Vec<_> = ours.chain(statistics::metric_names(trace.document(), state.selection.block)).collect();
    if let Some(named) = &options.to {
        let from = if state.selection.direction == Direction::AttendsTo { "to" } else { "of" };
        let words = format!("attention {from} {} ×", shortened(&named.words(), NAME_LETTERS));
        if ui.selectable_label(true, words).on_hover_text("Back to the statistic").clicked() {
            options.to = None;
        }
    }
    choose(ui, "Statistic", &mut options.statistic, all);
    let plain = std::iter::once((None, "raw"));
    let over = Over::rows().map(|(over, words)| (Some(over), words));
    choose(ui, "Compared with", &mut options.z_score, plain.chain(over));
    choose(ui, "Order", &mut options.heads_order, HeadsOrder::rows());
    ui.checkbox(&mut options.specials, "special").on_hover_text("Count special tokens");
    show_filter(ui, state, options);
    show_strongest(ui, state, commands);
}

/// Which values are not dimmed: what a drag on the colour bar chooses. A menu, since a row that grows while the bar is
/// dragged would move the bar away.
fn show_filter(ui: &mut Ui, state: &State, options: &mut Options) {
    let stays = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    let (response, _) = MenuButton::new("Filter").config(stays).ui(ui, |ui| {
        let range = present_range(state);
        let before = options.heads_filter.unwrap_or(range);
        let [mut low, mut high] = before;
        let speed = (f64::from(range[1] - range[0]) / 200.0).max(1e-6);
        ui.horizontal(|ui| {
            let from = ui.label("from").id;
            let low = ui.add(DragValue::new(&mut low).speed(speed).max_decimals(4)).labelled_by(from);
            low.on_hover_text("Heads with smaller values are dimmed");
            let to = ui.label("to").id;
            let high = ui.add(DragValue::new(&mut high).speed(speed).max_decimals(4)).labelled_by(to);
            high.on_hover_text("Heads with larger values are dimmed");
        });
        if [low, high] != before {
            options.heads_filter = Some([low, high.max(low)]);
        }
        let all = ui.add_enabled(options.heads_filter.is_some(), Button::new("Show all heads"));
        if all.on_hover_text("Dims none").clicked() {
            options.heads_filter = None;
        }
    });
    response.on_hover_text("Dim the heads with other values; or drag on the colour bar. A click on the bar shows all");
}

fn present_range(state: &State) -> [f32; 2] {
    let grid = state.inputs(Vec2::ZERO).map(|inputs| statistic_grid(&inputs).0).unwrap_or_default();
    let finite = grid.values.into_iter().filter(|value| value.is_finite());
    let range = finite.fold(None, |range: Option<[f32; 2]>, value| {
        Some(range.map_or([value; 2], |[low, high]| [low.min(value), high.max(value)]))
    });
    range.unwrap_or([0.0, 1.0])
}

/// The strongest heads, to choose from by keyboard or where the view has no room for their list.
fn show_strongest(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    let menu = ui.menu_button("Strongest", |ui| {
        let Some((statistic, _)) = state.inputs(Vec2::ZERO).map(|inputs| statistic_grid(&inputs)) else { return };
        if let Some(value) = statistic.flat {
            ui.weak(format!("all heads have {value:.2}"));
            return;
        }
        for (layer, head, value) in statistics::strongest(&statistic.values, statistic.heads, STRONGEST) {
            let button = ui.button(format!("layer {} · head {head}: {value:.4}", statistic.layer_number(layer)));
            if button.on_hover_text("Selects this head").clicked() {
                commands.push(Command::Select { target: Target::Head { layer, head }, extend: false });
                ui.close();
            }
        }
    });
    menu.response.on_hover_text("The heads with the highest values");
}

/// A drag on the colour bar chooses which values are not dimmed, a click on it shows all. A double click enters a head:
/// from the thumbnails to its matrix, from the overlays to its picture.
pub fn point(ui: &Ui, view: View, response: &Response, state: &State, scene: &Scene, commands: &mut Vec<Command>) {
    let to_view = |at: egui::Pos2| Vec2::new(at.x - response.rect.min.x, at.y - response.rect.min.y);
    let now = response.interact_pointer_pos().map(to_view);
    match view {
        View::Heads => {
            let pressed = ui.input(|input| input.pointer.press_origin()).map(to_view);
            if let Some(filter) = brushed(scene.bar, response, pressed, now) {
                let options = Options { heads_filter: filter, ..state.options.clone() };
                if options != state.options {
                    commands.push(Command::SetOptions(Box::new(options)));
                }
            }
        }
        View::Thumbnails | View::Overlays | View::Lattice
            if response.double_clicked() && now.and_then(|at| scene.at(at)).is_some() =>
        {
            let entered = if view == View::Thumbnails { View::Matrix } else { View::Image };
            commands.push(Command::FocusView(entered));
        }
        _ => {}
    }
}

/// The values that a drag on the bar has chosen, if the pointer does anything there.
fn brushed(
    bar: Option<ColourBar>,
    response: &Response,
    pressed: Option<Vec2>,
    now: Option<Vec2>,
) -> Option<Option<[f32; 2]>> {
    let (bar, now) = (bar?, now?);
    if response.clicked() && bar.grips(now) {
        return Some(None);
    }
    let pressed = pressed.filter(|&at| response.dragged() && bar.grips(at))?;
    let (a, b) = (bar.value(pressed), bar.value(now));
    Some(Some([a.min(b), a.max(b)]))
}
