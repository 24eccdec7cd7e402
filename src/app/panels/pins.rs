//! The tray of pins at the window's lower edge: click one to go there; heads are dragged onto it.

use egui::{Button, DragAndDrop, Order, Response, RichText, Sense, Stroke, StrokeKind, Ui};
use glam::Vec2;

use crate::analysis::Pin;
use crate::app::model::command::Command;
use crate::app::model::pins::PinCommand;
use crate::app::model::state::State;
use crate::trace::{NAME_LETTERS, shortened};
use crate::view::{Scene, Target, View, pin_names};

/// A head that is being dragged.
#[derive(Clone, Copy)]
struct DraggedHead {
    layer: usize,
    head: usize,
}

/// Whether there is anything to show: pins, or a head that is to become one.
pub fn has_tray(context: &egui::Context, state: &State) -> bool {
    state.trace.is_some()
        && (!state.options.pins.is_empty() || DragAndDrop::has_payload_of_type::<DraggedHead>(context))
}

/// Takes a head along that a drag began on, in a view of all heads; whether it does. Pictures that are zoomed are panned instead.
pub fn drag(ui: &Ui, view: View, response: &Response, state: &State, scene: &Scene) -> bool {
    let is_of_heads = match view {
        View::Heads | View::Thumbnails | View::Overlays => true,
        View::Lattice => state.options.lattice_view.is_none(),
        _ => false,
    };
    if is_of_heads && response.drag_started_by(egui::PointerButton::Primary) {
        let pressed = ui.input(|input| input.pointer.press_origin());
        let at = pressed.map(|at| Vec2::new(at.x - response.rect.min.x, at.y - response.rect.min.y));
        if let Some(Target::Head { layer, head }) = at.and_then(|at| scene.at(at)) {
            response.dnd_set_drag_payload(DraggedHead { layer, head });
        }
    }
    let Some(dragged) = DragAndDrop::payload::<DraggedHead>(ui.ctx()).filter(|_| response.dragged()) else {
        return false;
    };
    let layer = state.block().map_or(dragged.layer, |block| block.layer_number(dragged.layer));
    if let Some(pointer) = ui.ctx().pointer_latest_pos() {
        egui::Area::new(response.id.with("dragged head"))
            .order(Order::Tooltip)
            .fixed_pos(pointer + egui::vec2(12.0, 4.0))
            .interactable(false)
            .show(ui.ctx(), |ui| {
                egui::Frame::popup(ui.style()).show(ui, |ui| ui.label(format!("pin L{layer}H{}", dragged.head)));
            });
    }
    true
}

/// Shows the tray.
pub fn show(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    let dragged = DragAndDrop::has_payload_of_type::<DraggedHead>(ui.ctx());
    let space = ui.max_rect();
    egui::ScrollArea::horizontal().show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.weak("Pinned");
            if let Some(inputs) = state.inputs(Vec2::ZERO) {
                for (place, name) in pin_names(&inputs).into_iter().enumerate() {
                    show_pin(ui, place, &name, state.options.pins.get(place), commands);
                }
            }
            if dragged {
                ui.label(RichText::new("drop the head here to pin it").strong());
            } else {
                if ui
                    .button("Side by side")
                    .on_hover_text("Shows the pins beside each other, and what is selected")
                    .clicked()
                {
                    commands.push(Command::FocusView(View::Pins));
                }
                if ui.button("Clear pins").on_hover_text("Takes all pins away").clicked() {
                    commands.push(Command::Pin(PinCommand::Clear));
                }
            }
        });
    });
    if dragged {
        let drop = ui.interact(space, ui.scope_id().with("drop"), Sense::hover());
        let is_over = drop.dnd_hover_payload::<DraggedHead>().is_some();
        let color = if is_over { ui.visuals().selection.stroke.color } else { ui.visuals().weak_text_color() };
        ui.painter().rect_stroke(space, 3.0, Stroke::new(1.5, color), StrokeKind::Inside);
        if let Some(head) = drop.dnd_release_payload::<DraggedHead>() {
            commands.push(Command::Pin(PinCommand::Head { layer: head.layer, head: head.head }));
        }
    }
}

fn show_pin(ui: &mut Ui, place: usize, name: &str, pin: Option<&Pin>, commands: &mut Vec<Command>) {
    let name = shortened(name, NAME_LETTERS);
    let goes = ui.button(&*name);
    if goes.clicked() {
        commands.push(Command::Pin(PinCommand::GoTo(place)));
    }
    let follows = pin.is_some_and(|pin| pin.tokens.is_none());
    let what = if follows { "its tokens follow the selection" } else { "with its tokens" };
    let first = if place == 0 { "; the others are compared with it" } else { "" };
    let goes = goes.on_hover_text(format!("Selects it: {what}{first}. Right click: compare the others with it"));
    goes.context_menu(|ui| {
        if ui.add_enabled(place > 0, Button::new("Compare the others with it")).clicked() {
            commands.push(Command::Pin(PinCommand::PutFirst(place)));
            ui.close();
        }
        if ui.button("Take the pin away").clicked() {
            commands.push(Command::Pin(PinCommand::Remove(place)));
            ui.close();
        }
    });
    let gone = ui.add(Button::new("×").small());
    gone.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Take away pin {name}")));
    if gone.on_hover_text("Takes the pin away").clicked() {
        commands.push(Command::Pin(PinCommand::Remove(place)));
    }
}
