//! Two traces side by side: the shown one, and a partner that was chosen from the list.

use egui::{Sense, Ui};
use glam::Vec2;

use super::{context_menu, gestures, status};
use crate::app::model::command::Command;
use crate::app::model::comparison::Compared;
use crate::app::model::panel::Panel;
use crate::app::model::state::State;
use crate::app::ui::canvas::{Canvas, Easel};
use crate::app::ui::controls::say_instead;
use crate::app::work::queries::of_both;
use crate::render::{Drawing, Fonts};
use crate::view::{CompareView, Scene, draw_comparison};

const HOW_TO_CHOOSE: &str = "Nothing to compare with is chosen. Right-click an example in the list and choose 'Compare with \
                             this example', or press B while it is shown; it stays while you go on to other examples.";

/// Shows the choices and the views of both; returns the words for what is under the pointer.
pub fn show(
    ui: &mut Ui,
    state: &State,
    canvas: &mut Canvas,
    easel: &mut Easel,
    commands: &mut Vec<Command>,
) -> Option<String> {
    egui::Frame::NONE.inner_margin(egui::Margin::symmetric(6, 2)).show(ui, |ui| show_choices(ui, state, commands));
    let comparison = &state.comparison;
    let (Some(_), Some(shown)) = (&state.trace, &comparison.shown) else {
        let why = match (&comparison.failure, &comparison.partner) {
            (Some(why), _) => why.as_str(),
            (None, Some(_)) => "Reading the partner …",
            (None, None) => HOW_TO_CHOOSE,
        };
        say_instead(ui, why);
        return None;
    };
    let space = ui.available_rect_before_wrap();
    let response = ui.allocate_rect(space, Sense::click_and_drag());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, "comparison"));
    if space.width() < 16.0 || space.height() < 16.0 {
        return None;
    }
    gestures::take_keyboard(ui, &response, || status::selected(state));
    let size = Vec2::new(space.width(), space.height());
    let scale = ui.ctx().pixels_per_point();
    // Numbers of two questions are never set beside each other: the picture before stays until both are there.
    let version = if comparison.waits { canvas.version().unwrap_or(state.version) } else { state.version };
    let scene = canvas.scene_by(easel, size, version, scale, |fonts| scene_of(state, shown, size, fonts));
    let rows_beyond = scene.rows_beyond;
    let pointer = response.hover_pos().map(|at| Vec2::new(at.x - space.min.x, at.y - space.min.y));
    let target = pointer.and_then(|at| scene.at(at));
    let tip = target.map(|target| scene.tip(target));
    if pointer.is_some() {
        commands.extend(gestures::pointed(ui, state, target));
    }
    if response.clicked()
        && let Some(target) = target
    {
        let extend = ui.input(|input| input.modifiers.command || input.modifiers.ctrl);
        commands.push(Command::Select { target, extend });
    }
    if comparison.view == CompareView::Text && pointer.is_some() {
        gestures::scroll_text(ui, state, rows_beyond, commands);
    }
    context_menu::show(&response, Panel::Compare, state, target.zip(tip.as_deref()), commands);
    canvas.show(ui, space);
    if let Some(failure) = canvas.failure() {
        ui.put(space, egui::Label::new(failure));
    }
    match tip {
        Some(tip) => {
            response.on_hover_text_at_pointer(tip.as_str());
            Some(tip)
        }
        None => pointer.map(|_| String::new()),
    }
}

fn scene_of(state: &State, shown: &Compared, size: Vec2, fonts: &mut Fonts) -> Scene {
    let [a, b] = of_both(state, shown, size);
    draw_comparison(state.comparison.view, &a, &b, fonts)
}

/// What is exported; `None` while there is nothing, or the numbers of one of the two are on their way.
pub fn figure(state: &State, size: Vec2, fonts: &mut Fonts) -> Option<Drawing> {
    if state.comparison.waits {
        return None;
    }
    let shown = state.comparison.shown.as_ref().filter(|_| state.trace.is_some())?;
    Some(scene_of(state, shown, size, fonts).drawing)
}

fn show_choices(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    ui.horizontal_wrapped(|ui| {
        for view in CompareView::ALL {
            let is_shown = state.comparison.view == view;
            let button = ui.selectable_label(is_shown, view.label());
            button.widget_info(|| {
                egui::WidgetInfo::selected(egui::Role::Button, true, is_shown, format!("Compare {view}"))
            });
            let button = button.on_hover_text(format!("Shows both traces as {view}"));
            if button.clicked() && !is_shown {
                commands.push(Command::SetCompareView(view));
            }
        }
        ui.separator();
        let is_partner = state.comparison.partner.as_deref() == state.trace.as_ref().map(|trace| trace.trace.path());
        if state.comparison.partner.is_none() {
            let button = ui.add_enabled(state.trace.is_some(), egui::Button::new("Compare with this example"));
            if button.on_hover_text("B: what is shown now stays at the right").clicked() {
                commands.push(Command::CompareWith(None));
            }
            return;
        }
        if ui.button("Stop comparing").on_hover_text("Shows the one trace alone").clicked() {
            commands.push(Command::EndComparison);
        }
        if is_partner {
            ui.weak("A is B: open another example to compare it with this one.");
        }
    });
}
