//! What pointing shows, and what wheel and drag do on the text, the timeline, the matrix and the pictures.

use egui::{EventFilter, PointerButton, Pos2, Rect as EguiRect, Response, Stroke, StrokeKind, Ui};
use glam::Vec2;

use crate::app::model::command::Command;
use crate::app::model::reduce::Windowed;
use crate::app::model::state::State;
use crate::app::ui::{focus, keys};
use crate::render::Rect;
use crate::view::{Target, View};

/// Pixels that the wheel moves for a row of text.
const WHEEL_PER_ROW: f32 = 24.0;

/// What the thing under the pointer shows, if that is another than before: heads are previewed in all views. A token says what the
/// selection gives it; it is previewed as if it were selected while Alt is held, or the other way round where that was set.
pub fn pointed(ui: &Ui, state: &State, target: Option<Target>) -> Option<Command> {
    let is_of_tokens = target.is_some_and(Target::selects_tokens);
    let is_previewed = !is_of_tokens || ui.input(|input| input.modifiers.alt) != state.previews_tokens;
    let is_known = target == state.hover && is_previewed == state.is_hover_previewed;
    (!is_known).then_some(if is_previewed { Command::Preview(target) } else { Command::Point(target) })
}

/// The wheel moves the text by rows; `rows_beyond` do not fit.
pub fn scroll_text(ui: &Ui, state: &State, rows_beyond: f32, commands: &mut Vec<Command>) {
    let by = ui.input(|input| input.smooth_scroll_delta.y) / WHEEL_PER_ROW;
    let now = state.options.text_scroll.unwrap_or(0.0).min(rows_beyond);
    let next = (now - by).clamp(0.0, rows_beyond);
    if next != now {
        let mut options = state.options.clone();
        options.text_scroll = Some(next);
        commands.push(Command::SetOptions(Box::new(options)));
    }
}

/// A picture is what gets the keyboard's focus in its panel. While it has it, arrow keys move the selection and not the
/// focus. `value` is what a screen reader says of it.
pub fn take_keyboard(ui: &Ui, response: &Response, value: impl FnOnce() -> String) {
    focus::offer(ui.ctx(), response.id);
    if ui.ctx().has_accesskit_node(response.id) {
        let value = value();
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_value(value));
    }
    if response.has_focus() {
        keys::keep_for_views(ui.ctx(), response.id);
        let filter = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..Default::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
    }
}

/// A drag along the timeline selects each output token that it meets.
pub fn scrub_timeline(response: &Response, state: &State, target: Option<Target>, commands: &mut Vec<Command>) {
    if let Some(Target::Output { token, .. }) = target
        && response.dragged_by(PointerButton::Primary)
        && state.selection.tokens != [token]
    {
        commands.push(Command::Select { target: Target::Output { layer: None, token }, extend: false });
    }
}

/// Whether a drag draws a rectangle, rather than pans: with the right button, or with Shift.
pub fn draws_rectangle(ui: &Ui, response: &Response) -> bool {
    let with_shift = ui.input(|input| input.modifiers.shift) && response.dragged_by(PointerButton::Primary);
    with_shift || response.dragged_by(PointerButton::Secondary)
}

/// A rectangle over the matrix zooms to the cells in it once it is let go. `space` is the panel, `content` the matrix in
/// it.
pub fn zoom_by_rectangle(
    ui: &Ui,
    response: &Response,
    state: &State,
    space: EguiRect,
    content: Rect,
    commands: &mut Vec<Command>,
) {
    let id = response.id.with("rectangle");
    if draws_rectangle(ui, response) {
        let ends = ui.input(|input| input.pointer.press_origin().zip(input.pointer.latest_pos()));
        if let Some((from, to)) = ends {
            let rect = EguiRect::from_two_pos(from, to);
            ui.data_mut(|data| data.insert_temp(id, Some(rect)));
            let color = crate::app::ui::appearance::color(state.options.theme.palette().selected);
            let painter = ui.painter().with_clip_rect(space);
            painter.rect_stroke(rect, 0.0, Stroke::new(1.5, color), StrokeKind::Middle);
        }
        return;
    }
    let Some(Some(drawn)) = ui.data_mut(|data| data.remove_temp::<Option<EguiRect>>(id)) else { return };
    let Some(windowed) = state.windowed(View::Matrix) else { return };
    let window = windowed.shown();
    let cell = |at: Pos2| {
        let in_view = Vec2::new(at.x - space.min.x, at.y - space.min.y);
        window.min + (in_view - content.min) * window.size() / content.size().max(Vec2::ONE)
    };
    let (min, max) = (cell(drawn.min).clamp(window.min, window.max), cell(drawn.max).clamp(window.min, window.max));
    if (max - min).min_element() > 0.5 {
        let (min, max) = (min.floor(), max.ceil().min(windowed.all));
        commands.push(Command::ZoomTo(View::Matrix, Some(Rect { min, max })));
    }
}

/// Wheel zooms around the pointer, a drag that `pans` pans, a double click shows all. `content` is where the window is shown.
pub fn navigate_window(
    ui: &Ui,
    response: &Response,
    (view, windowed): (View, Windowed),
    content: Rect,
    pointer: Option<Vec2>,
    pans: bool,
) -> Option<Command> {
    if response.double_clicked() {
        return windowed.window.map(|_| Command::ZoomTo(view, None));
    }
    let (window, per_pixel) = (windowed.shown(), windowed.shown().size() / content.size().max(Vec2::ONE));
    let mut moved = window;
    if let Some(at) = pointer
        && let Some(zoom) = wheel(ui)
    {
        moved = windowed.zoomed(window.min + (at - content.min) * per_pixel, zoom);
    }
    if response.dragged() && pans {
        let by = response.drag_delta();
        let by = Vec2::new(by.x, by.y) * per_pixel;
        moved = Rect { min: moved.min - by, max: moved.max - by };
    }
    let next = windowed.kept_inside(moved);
    (moved != window && next != windowed.window).then_some(Command::ZoomTo(view, next))
}

/// By how much the wheel zooms in this frame.
pub fn wheel(ui: &Ui) -> Option<f32> {
    let (scroll, pinch) = ui.input(|input| (input.smooth_scroll_delta.y, input.zoom_delta()));
    let zoom = (scroll / 200.0).exp() * pinch;
    (zoom != 1.0).then_some(zoom)
}
