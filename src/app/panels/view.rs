//! A view in its panel: its picture, what the pointer does on it, and the choices that concern it alone.

use egui::{Sense, Slider, Ui};
use glam::Vec2;

use super::{choices, context_menu, embedding, gestures, heads, pins, rubber_band, status};
use crate::analysis::normalize::Normalization;
use crate::analysis::token_sets;
use crate::app::model::command::Command;
use crate::app::model::panel::Panel;
use crate::app::model::reduce::CLOSEST;
use crate::app::model::state::State;
use crate::app::ui::canvas::{Canvas, Easel};
use crate::app::ui::controls::{choose, say_instead};
use crate::render::colormap::Colormap;
use crate::render::{Keep, Rect, Transform};
use crate::typed::Choice as _;
use crate::view::{Options, PinnedView, Target, View};

/// Shows the view; returns the words for what is under the pointer.
pub fn show(
    ui: &mut Ui,
    view: View,
    state: &State,
    canvas: &mut Canvas,
    easel: &mut Easel,
    commands: &mut Vec<Command>,
) -> Option<String> {
    let Some(trace) = &state.trace else {
        let why =
            state.failure.as_deref().unwrap_or("Nothing is open. Drop a trace or a folder here, or press Ctrl+O.");
        say_instead(ui, why);
        return None;
    };
    let space = ui.available_rect_before_wrap();
    let response = ui.allocate_rect(space, Sense::click_and_drag());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, view.name()));
    if space.width() < 16.0 || space.height() < 16.0 {
        return None;
    }
    gestures::take_keyboard(ui, &response, || status::selected(state));
    let inputs = state.inputs(Vec2::new(space.width(), space.height()))?;
    let (scale, serial) = (ui.ctx().pixels_per_point(), trace.trace.serial());
    // For a moment the picture may still be that of the trace before.
    let (scene, is_of_trace) = canvas.scene(easel, view, serial, &inputs, state.is_patient, scale);
    let content = scene.content;
    let rows_beyond = scene.rows_beyond;
    let has_points = matches!(view, View::Embedding | View::Joint);
    let lassoes = has_points && (state.options.embedding.lasso || ui.input(|input| input.modifiers.shift));
    let zones = if lassoes { scene.zones.clone() } else { Vec::new() };
    let to_view = |at: egui::Pos2| Vec2::new(at.x - space.min.x, at.y - space.min.y);
    let pointer = response.hover_pos().filter(|_| is_of_trace).map(to_view);
    let target = pointer.and_then(|at| scene.at(at));
    let tip = target.map(|target| scene.tip(target));

    if pointer.is_some() {
        commands.extend(gestures::pointed(ui, state, target));
    }
    let windowed = state.windowed(view);
    let is_zoomed = windowed.is_some_and(|windowed| windowed.window.is_some());
    // The second click of one that shows all again selects nothing.
    if response.clicked()
        && !(response.double_clicked() && is_zoomed)
        && let Some(target) = target
    {
        let extend = ui.input(|input| input.modifiers.command || input.modifiers.ctrl);
        commands.push(match whole_word(view, state, target).filter(|_| response.double_clicked()) {
            Some((sequence, tokens)) => Command::SelectTokens { sequence, tokens, extend },
            None => Command::Select { target, extend },
        });
    }
    let has_band = view == View::Image || (view == View::Text && rubber_band::ranks(&response));
    let pans = view == View::Image && rubber_band::pans(ui, &response, is_zoomed);
    let band = has_band.then(|| rubber_band::rectangle(ui, &response, pans)).flatten();
    if let Some(band) = band {
        rubber_band::select(ui, &response, scene, band, commands);
    }
    heads::point(ui, view, &response, state, scene, commands);
    let pins = pins::drag(ui, view, &response, state, scene);
    if let Some(windowed) = windowed {
        let pans = if view == View::Image { band.is_none() } else { !gestures::draws_rectangle(ui, &response) };
        commands.extend(gestures::navigate_window(ui, &response, (view, windowed), content, pointer, pans));
    }
    match view {
        View::Embedding if !lassoes => {
            navigate_points(ui, &response, state, content, pointer, commands, |options| &mut options.embedding_view);
        }
        View::Joint if !lassoes && state.shown_selection().head.one().is_some() => {
            navigate_points(ui, &response, state, content, pointer, commands, |options| &mut options.joint_view);
        }
        View::Lattice if !pins => {
            navigate_points(ui, &response, state, content, pointer, commands, |options| &mut options.lattice_view);
        }
        View::Text | View::Pins if pointer.is_some() => gestures::scroll_text(ui, state, rows_beyond, commands),
        View::Timeline => gestures::scrub_timeline(&response, state, target, commands),
        _ => {}
    }
    canvas.show(ui, space);
    if let Some(band) = band {
        rubber_band::draw(ui, &response, state, band);
    }
    if view == View::Matrix {
        gestures::zoom_by_rectangle(ui, &response, state, space, content, commands);
    }
    if lassoes {
        embedding::draw_lasso(ui, &response, &zones, commands);
    }
    if view == View::Embedding {
        embedding::show_progress(ui, space, state, commands);
    }
    if let Some(failure) = canvas.failure() {
        ui.put(space, egui::Label::new(failure));
    }
    context_menu::show(&response, Panel::View(view), state, target.zip(tip.as_deref()), commands);
    match tip {
        Some(tip) => {
            response.on_hover_text_at_pointer(tip.as_str());
            Some(tip)
        }
        None => pointer.map(|_| String::new()),
    }
}

/// The sequence and the pieces of the word under the pointer in the text view.
fn whole_word(view: View, state: &State, target: Target) -> Option<(usize, Vec<usize>)> {
    let Target::Token { sequence, token } = target else { return None };
    let tokens = &state.trace.as_ref()?.document().sequences.get(sequence)?.tokens;
    (view == View::Text).then(|| (sequence, token_sets::whole_word(tokens, token).collect()))
}

/// Wheel, drag and double click on points, or the pictures of all heads, in fractions of the plot.
fn navigate_points(
    ui: &Ui,
    response: &egui::Response,
    state: &State,
    content: Rect,
    pointer: Option<Vec2>,
    commands: &mut Vec<Command>,
    view_of: impl Fn(&mut Options) -> &mut Option<Transform>,
) {
    let mut options = state.options.clone();
    let before = *view_of(&mut options);
    let mut view = before.unwrap_or(Transform::IDENTITY);
    if response.double_clicked() {
        view = Transform::IDENTITY;
    }
    if let Some(at) = pointer
        && let Some(zoom) = gestures::wheel(ui)
    {
        let at = (at - content.min) / content.size().max(Vec2::ONE);
        let scale = (view.scale * zoom).clamp(Vec2::ONE, Vec2::splat(CLOSEST));
        view.offset = at - (at - view.offset) * (scale / view.scale);
        view.scale = scale;
    }
    if response.dragged() {
        let by = response.drag_delta();
        view.offset += Vec2::new(by.x, by.y) / content.size().max(Vec2::ONE);
    }
    if view != before.unwrap_or(Transform::IDENTITY) {
        *view_of(&mut options) = (view != Transform::IDENTITY).then_some(view);
        commands.push(Command::SetOptions(Box::new(options)));
    }
}

/// The choices at the right of a panel's tabs.
pub fn show_options(ui: &mut Ui, view: View, state: &State, commands: &mut Vec<Command>) {
    let mut options = state.options.clone();
    match view {
        View::Image => choose_normalization(ui, &mut options.normalization),
        View::Matrix => choose_colormap(ui, &mut options.colormap),
        View::Links => show_links_options(ui, &mut options),
        View::Embedding => embedding::show_options(ui, state, &mut options),
        View::Joint => embedding::show_joint_options(ui, &mut options),
        View::Text
        | View::Heads
        | View::Thumbnails
        | View::Overlays
        | View::Timeline
        | View::Similarity
        | View::Lattice
        | View::Lens => {}
        View::Pins => {
            choose(ui, "What is shown of each pin", &mut options.pins_as, PinnedView::rows());
        }
    }
    if state.windowed(view).is_some_and(|windowed| windowed.window.is_some()) {
        let all = ui.button("Show all").on_hover_text("Ends the zoom; so does a double click on the view, or 0");
        if all.clicked() {
            commands.push(Command::ZoomTo(view, None));
        }
    }
    choices::show(ui, view, &mut options);
    if options != state.options {
        commands.push(Command::SetOptions(Box::new(options)));
    }
}

fn choose_normalization(ui: &mut Ui, chosen: &mut Normalization) {
    // A view state may have a percentile of its own.
    let own = Some(*chosen).filter(|own| !Normalization::ALL.contains(own));
    choose(ui, "Normalization", chosen, Normalization::ALL.into_iter().chain(own).map(|how| (how, how.words())));
}

fn choose_colormap(ui: &mut Ui, chosen: &mut Option<Colormap>) {
    let all = Colormap::all().into_iter().map(|map| (Some(map), map.label()));
    choose(ui, "Colours", chosen, std::iter::once((None, "own colours")).chain(all));
}

fn show_links_options(ui: &mut Ui, options: &mut Options) {
    let mut is_threshold = matches!(options.links, Keep::AtLeast(_));
    if choose(ui, "Which links", &mut is_threshold, [(false, "strongest"), (true, "at least")]) {
        options.links = if is_threshold { Keep::AtLeast(0.05) } else { Keep::Strongest(200) };
    }
    let (slider, name) = match &mut options.links {
        Keep::Strongest(count) => (ui.add(Slider::new(count, 1..=20_000).logarithmic(true)), "How many links"),
        Keep::AtLeast(weight) => (ui.add(Slider::new(weight, 0.001..=1.0).logarithmic(true)), "Weight of a link"),
    };
    slider.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Slider, true, name));
    slider.on_hover_text(name);
    let selected = ui.checkbox(&mut options.links_of_selection, "selected only");
    selected.on_hover_text("Only links of selected tokens");
}
