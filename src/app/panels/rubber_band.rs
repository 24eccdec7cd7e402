//! A rectangle that is drawn over a view with the pointer: it selects the tokens in it, or, with the right button, ranks heads by
//! their attention to them.

use egui::{PointerButton, Response, Stroke, StrokeKind, Ui};
use glam::Vec2;

use crate::app::model::command::Command;
use crate::app::model::state::State;
use crate::app::ui::appearance::color;
use crate::render::Rect;
use crate::view::Scene;

/// The rectangle of a drag over the view, in egui's coordinates, while it lasts and in the frame that ends it; none of a drag that
/// `pans` as it begins.
pub fn rectangle(ui: &Ui, response: &Response, pans: bool) -> Option<egui::Rect> {
    let place = response.id.with("rubber band");
    if response.drag_started() {
        let origin = ui.input(|input| input.pointer.press_origin()).or(response.interact_pointer_pos());
        ui.data_mut(|data| data.insert_temp(place, origin.filter(|_| !pans)));
    }
    if !response.dragged() && !response.drag_stopped() {
        return None;
    }
    let origin: egui::Pos2 = ui.data(|data| data.get_temp::<Option<egui::Pos2>>(place))??;
    let end = ui.input(|input| input.pointer.latest_pos())?;
    Some(egui::Rect::from_two_pos(origin, end))
}

/// Whether a drag that begins now moves a picture, of which a part is in sight: with the middle button, or with the left one alone.
pub fn pans(ui: &Ui, response: &Response, is_zoomed: bool) -> bool {
    let alone = ui.input(|input| !input.modifiers.shift && !input.modifiers.command && !input.modifiers.ctrl);
    response.dragged_by(PointerButton::Middle) || (is_zoomed && alone && response.dragged_by(PointerButton::Primary))
}

/// Whether a drag over the view ranks heads.
pub fn ranks(response: &Response) -> bool {
    response.dragged_by(PointerButton::Secondary) || response.drag_stopped_by(PointerButton::Secondary)
}

/// Selects the tokens in the rectangle once the drag ends; with Ctrl beside those that are selected. The right button ranks heads.
pub fn select(ui: &Ui, response: &Response, scene: &Scene, band: egui::Rect, commands: &mut Vec<Command>) {
    if !response.drag_stopped() {
        return;
    }
    let to_view = |at: egui::Pos2| Vec2::new(at.x - response.rect.min.x, at.y - response.rect.min.y);
    let inside = Rect { min: to_view(band.min), max: to_view(band.max) };
    if let Some((sequence, tokens)) = scene.tokens_in(inside) {
        let extend = ui.input(|input| input.modifiers.command || input.modifiers.ctrl);
        commands.push(match ranks(response) {
            true => Command::RankHeads { sequence, tokens },
            false => Command::SelectTokens { sequence, tokens, extend },
        });
    }
}

/// Draws it above the view.
pub fn draw(ui: &Ui, response: &Response, state: &State, band: egui::Rect) {
    let palette = state.options.theme.palette();
    let stroke = color(if ranks(response) { palette.output } else { palette.selected });
    let painter = ui.painter().with_clip_rect(response.rect);
    painter.rect(band, 0.0, stroke.gamma_multiply(0.15), Stroke::new(1.5, stroke), StrokeKind::Inside);
}
