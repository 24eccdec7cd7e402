//! The token atlas: all tokens of the filtered examples as points, a lasso, and the nearest tokens of the one that was clicked.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use egui::{
    Button, Label, Rect as EguiRect, RichText, ScrollArea, Sense, Stroke, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};
use glam::Vec2;

use super::atlas::offer_index;
use super::gestures;
use crate::app::model::browsing::DatasetCommand;
use crate::app::model::command::Command;
use crate::app::model::reduce::CLOSEST_OF_TOKENS;
use crate::app::model::state::State;
use crate::app::model::tokens::{NearTokens, ShownTokens, TokenCommand};
use crate::app::ui::appearance::color;
use crate::app::ui::canvas::{Canvas, Easel};
use crate::app::ui::controls::choose;
use crate::app::ui::lasso;
use crate::dataset::tokens::NearToken;
use crate::render::{Drawing, Fonts, Rect, Transform};
use crate::trace::{NAME_LETTERS, shortened};
use crate::typed::Choice as _;
use crate::view::{CloudInputs, Options, Scene, draw_token_cloud};
use crate::view::{PaintedTokens, TokenCloud, TokenColor, token_name};

/// Of the list of nearest tokens.
const LIST_WIDTH: f32 = 190.0;
/// In narrower panels the list goes below.
const NARROW: f32 = 480.0;

/// Shows it; returns the words for what is under the pointer.
pub fn show(
    ui: &mut Ui,
    state: &State,
    canvas: &mut Canvas,
    easel: &mut Easel,
    commands: &mut Vec<Command>,
) -> Option<String> {
    let has_index = state.browsing.dataset.as_ref().is_some_and(|dataset| dataset.index().is_some());
    if !has_index {
        let why = "The tokens of all examples need an index of the folder.";
        offer_index(ui, state, why, "Open a folder of traces to see the tokens of all of them.", commands);
        return None;
    }
    egui::Frame::NONE.inner_margin(egui::Margin::symmetric(6, 2)).show(ui, |ui| show_choices(ui, state, commands));
    let Some(shown) = &state.tokens.shown else {
        show_progress(ui, state, commands);
        return None;
    };
    let room = ui.available_rect_before_wrap();
    let mut space = room;
    if let Some(near) = &state.tokens.near {
        let mut list = room;
        if room.width() >= NARROW {
            space.max.x -= LIST_WIDTH;
            list.min.x = space.max.x + 4.0;
        } else {
            space.max.y -= room.height() * 0.4;
            list.min.y = space.max.y + 4.0;
        }
        ui.scope_builder(UiBuilder::new().max_rect(list), |ui| show_near(ui, state, near, shown, commands));
    }
    if state.tokens.progress.is_some() {
        let strip = EguiRect::from_min_size(pos2(space.left() + 8.0, space.top() + 4.0), vec2(space.width(), 24.0));
        ui.scope_builder(UiBuilder::new().max_rect(strip), |ui| show_progress(ui, state, commands));
        space.min.y += 30.0;
    }
    show_points(ui, space, state, shown, canvas, easel, commands)
}

fn show_choices(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    let panel = &state.tokens;
    let mut wish = |command| commands.push(Command::Tokens(command));
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().combo_width = 72.0;
        if let Some(shown) = &panel.shown {
            let mut chosen = shown.atlas.state;
            let states = shown.states.iter().map(|&state| (state, format!("state {state}")));
            if choose(ui, "Hidden state of the tokens", &mut chosen, states) {
                wish(TokenCommand::SetState(chosen));
            }
        }
        let mut color = panel.color;
        if choose(ui, "Colour of the tokens", &mut color, TokenColor::rows()) {
            wish(TokenCommand::SetColor(color));
        }
        let mut lasso = panel.lasso;
        let checkbox = ui.checkbox(&mut lasso, "Lasso");
        checkbox.widget_info(|| WidgetInfo::selected(egui::Role::CheckBox, true, lasso, "Lasso around tokens"));
        if checkbox
            .on_hover_text("A drag around tokens keeps their examples; Shift + drag does it at any time")
            .changed()
        {
            wish(TokenCommand::SetLasso(lasso));
        }
        if panel.view.is_some()
            && ui.button("Show all").on_hover_text("Ends the zoom; so does a double click").clicked()
        {
            wish(TokenCommand::SetView(None));
        }
        if let Some(why) = &panel.failure {
            ui.add(Label::new(RichText::new(why).small().color(ui.visuals().error_fg_color)).truncate());
        }
    });
}

fn show_progress(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    let Some(share) = state.tokens.progress else { return };
    ui.horizontal(|ui| {
        ui.label(format!("projecting all tokens … {:.0} %", share * 100.0));
        if ui.button("Cancel").on_hover_text("Gives up this projection").clicked() {
            commands.push(Command::Tokens(TokenCommand::Cancel));
        }
    });
}

fn show_points(
    ui: &mut Ui,
    space: EguiRect,
    state: &State,
    shown: &ShownTokens,
    canvas: &mut Canvas,
    easel: &mut Easel,
    commands: &mut Vec<Command>,
) -> Option<String> {
    if space.width() < 16.0 || space.height() < 16.0 {
        return None;
    }
    let panel = &state.tokens;
    let response = ui.allocate_rect(space, Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, "token atlas"));
    gestures::take_keyboard(ui, &response, || match &panel.near {
        Some(near) => words_of(state, shown, near.token),
        None => shown.note.clone(),
    });
    let size = Vec2::new(space.width(), space.height());
    // Whatever else changes in the window costs this panel no drawing.
    let mut hasher = DefaultHasher::new();
    (panel.version, state.options.theme, state.options.font_scale.to_bits()).hash(&mut hasher);
    let scale = ui.ctx().pixels_per_point();
    let scene = canvas.scene_by(easel, size, hasher.finish(), scale, |fonts| scene_of(state, shown, size, "", fonts));
    let plot = scene.content;
    let view = shown.cloud.view_in(plot, panel.view);
    canvas.show(ui, space);
    let to_view = |at: egui::Pos2| Vec2::new(at.x - space.min.x, at.y - space.min.y);
    let lassoes = panel.lasso || ui.input(|input| input.modifiers.shift);
    if lassoes {
        draw_lasso(ui, &response, shown, &view, commands);
    } else {
        navigate(ui, &response, panel.view, plot, commands);
    }
    let pointer = response.hover_pos().map(to_view);
    let token = pointer.filter(|&at| plot.contains(at)).and_then(|at| shown.cloud.at(&view, at));
    let Some(token) = token.filter(|_| !response.dragged()) else { return pointer.map(|_| String::new()) };
    if response.clicked() {
        commands.push(Command::Tokens(TokenCommand::Open(token)));
    }
    // Above the picture, so that the pointer draws nothing anew.
    let at = view.apply(shown.atlas.points[token].into());
    let stroke = Stroke::new(1.5, color(state.options.theme.palette().hover));
    ui.painter().circle_stroke(pos2(space.min.x + at.x, space.min.y + at.y), 5.0, stroke);
    let words = words_of(state, shown, token);
    response.on_hover_text_at_pointer(words.as_str());
    Some(words)
}

/// The points, with a title if they are to stand alone.
fn scene_of(state: &State, shown: &ShownTokens, size: Vec2, title: &str, fonts: &mut Fonts) -> Scene {
    let panel = &state.tokens;
    let inputs = CloudInputs {
        cloud: &shown.cloud,
        legend: &shown.legend,
        title,
        note: &shown.note,
        marked: panel.near.as_ref().map_or(&[][..], |near| &near.places),
        hover: None,
        view: panel.view,
        options: &Options { title: !title.is_empty(), caption: None, ..state.options.clone() },
        size,
    };
    draw_token_cloud(&inputs, fonts).scene
}

/// What is exported; `None` while there is nothing.
pub fn figure(state: &State, size: Vec2, fonts: &mut Fonts) -> Option<Drawing> {
    let (shown, dataset) = (state.tokens.shown.as_ref()?, state.browsing.dataset.as_ref()?);
    // In the colours of the figure's theme.
    let rows = &state.browsing.listing.rows;
    let painted = PaintedTokens::of(&shown.atlas, dataset, rows, state.tokens.color, state.options.theme);
    let figure = ShownTokens {
        states: shown.states.clone(),
        atlas: Arc::clone(&shown.atlas),
        cloud: TokenCloud::new(painted.places, |token| painted.colors[token]),
        legend: painted.legend,
        note: painted.note,
        rows: Vec::new(),
    };
    Some(scene_of(state, &figure, size, &shown.atlas.title(), fonts).drawing)
}

/// The word or patch, and its example.
fn words_of(state: &State, shown: &ShownTokens, token: usize) -> String {
    let tokens = &shown.atlas.tokens;
    let row = shown.rows[tokens.example[token] as usize];
    let example = row.map_or_else(String::new, |row| name_of(state, row));
    format!("{} [{}] · {example}", token_name(tokens, token), tokens.position[token])
}

fn name_of(state: &State, row: usize) -> String {
    let Some(dataset) = &state.browsing.dataset else { return String::new() };
    let value = |name: &str| dataset.table.value(name, row).text();
    let name = Some(value("id")).filter(|id| !id.is_empty()).unwrap_or_else(|| value("path"));
    shortened(&name, NAME_LETTERS).into_owned()
}

/// Wheel zooms around the pointer, a drag pans, a double click shows all.
fn navigate(ui: &Ui, response: &egui::Response, before: Option<Transform>, plot: Rect, commands: &mut Vec<Command>) {
    let mut view = before.unwrap_or(Transform::IDENTITY);
    let size = plot.size().max(Vec2::ONE);
    if response.double_clicked() {
        view = Transform::IDENTITY;
    }
    let zoom = ui.input(|input| (input.smooth_scroll_delta.y / 200.0).exp() * input.zoom_delta());
    if let Some(at) = response.hover_pos().filter(|_| zoom != 1.0) {
        let at = (Vec2::new(at.x - response.rect.min.x, at.y - response.rect.min.y) - plot.min) / size;
        let scale = (view.scale * zoom).clamp(Vec2::ONE, Vec2::splat(CLOSEST_OF_TOKENS));
        view.offset = at - (at - view.offset) * (scale / view.scale);
        view.scale = scale;
    }
    if response.dragged() {
        let by = response.drag_delta();
        view.offset += Vec2::new(by.x, by.y) / size;
    }
    if view != before.unwrap_or(Transform::IDENTITY) {
        let view = (view != Transform::IDENTITY).then_some(view);
        commands.push(Command::Tokens(TokenCommand::SetView(view)));
    }
}

/// Draws the line while the pointer goes around tokens; let go, it keeps their examples in the browser.
fn draw_lasso(ui: &Ui, response: &egui::Response, shown: &ShownTokens, view: &Transform, commands: &mut Vec<Command>) {
    let Some(line) = lasso::draw(ui, response) else { return };
    let tokens = &shown.atlas.tokens;
    let inside = lasso::inside(&line, &shown.cloud.placed(view));
    let row = |token: usize| shown.rows[tokens.example[token] as usize];
    let rows: BTreeSet<u32> = inside.into_iter().filter_map(row).map(|row| row as u32).collect();
    if !rows.is_empty() {
        let rows = Arc::new(rows.into_iter().collect());
        commands.push(Command::Dataset(DatasetCommand::Pick(Some(rows))));
    }
}

fn show_near(ui: &mut Ui, state: &State, near: &NearTokens, shown: &ShownTokens, commands: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        ui.strong("Nearest tokens");
        if ui.small_button("×").on_hover_text("Hide the nearest tokens").clicked() {
            commands.push(Command::Tokens(TokenCommand::Forget));
        }
    });
    ui.add(Label::new(RichText::new(words_of(state, shown, near.token)).small()).truncate());
    let found = match &near.found {
        Ok(found) => found,
        Err(why) => {
            ui.add(Label::new(RichText::new(why).weak()).wrap());
            return;
        }
    };
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        for (title, list) in [("same modality", &found.same), ("other modality", &found.other)] {
            ui.add_space(4.0);
            ui.weak(title);
            for token in list {
                show_near_token(ui, state, near, shown, token, commands);
            }
        }
        ui.add_space(4.0);
        let how =
            if found.is_exact { "by the states" } else { "about: candidates by reduced states, ranked by the states" };
        let left_out = match found.unread.len() {
            0 => String::new(),
            unread => format!("; {unread} traces are no longer as they were indexed"),
        };
        let note = format!("of {} tokens, {how}; 1 − cosine{left_out}", found.scanned);
        ui.add(Label::new(RichText::new(note).small().weak()).wrap());
    });
}

fn show_near_token(
    ui: &mut Ui,
    state: &State,
    near: &NearTokens,
    shown: &ShownTokens,
    token: &NearToken,
    commands: &mut Vec<Command>,
) {
    let tokens = &shown.atlas.tokens;
    let is_it = |&place: &usize| {
        tokens.key(place) == token.key.example
            && tokens.position[place] as usize == token.key.position
            && tokens.sequences[tokens.sequence[place] as usize] == token.key.sequence
    };
    let Some(place) = near.places.iter().copied().find(is_it) else { return };
    let text = format!("{:.3}  {}", token.distance, token_name(tokens, place));
    let button = ui.add(Button::selectable(false, text).truncate());
    if button.on_hover_text(name_of(state, token.row)).clicked() {
        commands.push(Command::Tokens(TokenCommand::Open(place)));
    }
}
