//! What belongs to the hidden states view alone: its choices, what it is computing, and the lasso.

use egui::{Rect as EguiRect, Slider, Ui, pos2, vec2};

use crate::analysis::neighbours::Metric;
use crate::analysis::projection::Method;
use crate::app::model::command::Command;
use crate::app::model::state::State;
use crate::app::ui::controls::{choose, menu_anywhere, radios};
use crate::app::ui::lasso;
use crate::typed::Choice as _;
use crate::view::{EmbeddingOptions, Options, SizeBy, Zone};

/// The choices in the panel's bar: state and method at hand, the rest in a menu.
pub fn show_options(ui: &mut Ui, state: &State, options: &mut Options) {
    let Some(projection) = &state.projection else { return };
    let embedding = &mut options.embedding;
    let follows = options.hidden_state.is_none();
    let menu = menu_anywhere(ui, "View", |ui| {
        show_menu(ui, embedding);
        if follows {
            return;
        }
        let follow = ui.button("State follows the layer");
        if follow.on_hover_text("Shows what the selected layer puts out, whichever that is").clicked() {
            options.hidden_state = None;
        }
    });
    menu.on_hover_text("How hidden states are shown");
    ui.scope(|ui| {
        ui.spacing_mut().combo_width = 56.0;
        choose(ui, "Projection", &mut embedding.recipe.method, Method::rows());
    });
    let mut shown = projection.state;
    let last = projection.states.saturating_sub(1);
    ui.spacing_mut().slider_width = 28.0;
    let slider = ui.add(Slider::new(&mut shown, 0..=last));
    slider.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Slider, true, "State"));
    if slider.on_hover_text("State: 0 is the embedding, state i is what layer i − 1 puts out").changed() {
        options.hidden_state = Some(shown);
    }
}

/// The choices of queries and keys.
pub fn show_joint_options(ui: &mut Ui, options: &mut Options) {
    let embedding = &mut options.embedding;
    ui.scope(|ui| {
        ui.spacing_mut().combo_width = 56.0;
        choose(ui, "Projection", &mut embedding.recipe.method, Method::rows());
    });
    let menu = menu_anywhere(ui, "View", |ui| {
        ui.label("Colour by");
        radios(ui, &mut embedding.color_by);
        ui.separator();
        ui.checkbox(&mut embedding.lasso, "Lasso: drag around points")
            .on_hover_text("Shift + drag does it at any time");
    });
    menu.on_hover_text("How queries and keys are shown");
}

fn show_menu(ui: &mut Ui, embedding: &mut EmbeddingOptions) {
    ui.set_min_width(230.0);
    ui.label("States");
    radios(ui, &mut embedding.recipe.align);
    ui.separator();
    ui.label("Colour by");
    radios(ui, &mut embedding.color_by);
    let mut by_attention = embedding.size_by == SizeBy::Received;
    ui.checkbox(&mut by_attention, SizeBy::Received.label()).on_hover_text(SizeBy::Received.says());
    embedding.size_by = if by_attention { SizeBy::Received } else { SizeBy::Equal };
    ui.separator();
    ui.label("Nearest tokens of the selection");
    ui.horizontal(|ui| {
        ui.radio_value(&mut embedding.neighbours, None, "none").on_hover_text("Marks no nearest tokens");
        for metric in Metric::ALL {
            let radio = ui.radio_value(&mut embedding.neighbours, Some(metric), metric.name());
            radio.on_hover_text("Marks the tokens that are nearest by this distance, in all dimensions");
        }
    });
    ui.separator();
    let mut trajectories = embedding.trajectories;
    let checkbox = ui.checkbox(&mut trajectories, "Trajectories of selected tokens");
    if checkbox.on_hover_text("Their way through the states, layer by layer").changed() {
        embedding.show_trajectories(trajectories);
    }
    let pictures = ui.checkbox(&mut embedding.pictures, "Patches as pictures");
    pictures.on_hover_text("Each patch is drawn as its part of the image, instead of a point");
    ui.checkbox(&mut embedding.lasso, "Lasso: drag around points").on_hover_text("Shift + drag does it at any time");
    ui.horizontal(|ui| {
        let label = ui.label("Seed");
        let seed = ui.add(egui::DragValue::new(&mut embedding.recipe.seed)).labelled_by(label.id);
        seed.on_hover_text("Of the random numbers that t-SNE and UMAP begin with");
    });
}

/// What is being computed, over the view, with a way to give it up.
pub fn show_progress(ui: &mut Ui, space: EguiRect, state: &State, commands: &mut Vec<Command>) {
    let Some(share) = state.projecting else { return };
    let words = format!("computing {} … {:.0} %", state.options.embedding.recipe.method, share * 100.0);
    let strip =
        EguiRect::from_min_size(pos2(space.left() + 8.0, space.bottom() - 30.0), vec2(space.width() - 16.0, 24.0));
    let mut over =
        ui.new_child(egui::UiBuilder::new().max_rect(strip).layout(egui::Layout::left_to_right(egui::Align::Center)));
    egui::Frame::popup(ui.style()).inner_margin(4.0).show(&mut over, |ui| {
        ui.label(words);
        if ui.button("Cancel").on_hover_text("Show the principal components instead").clicked() {
            commands.push(Command::CancelProjection);
        }
    });
}

/// Draws the line while the pointer goes around points, and selects them when it is let go.
pub fn draw_lasso(ui: &Ui, response: &egui::Response, zones: &[Zone], commands: &mut Vec<Command>) {
    let Some(line) = lasso::draw(ui, response) else { return };
    let inside = |zone: &Zone| match zone {
        Zone::Points { points, sequence, .. } => Some((*sequence, lasso::inside(&line, points))),
        _ => None,
    };
    let found: Vec<(usize, Vec<usize>)> =
        zones.iter().rev().filter_map(inside).filter(|(_, tokens)| !tokens.is_empty()).collect();
    let Some(&(sequence, _)) = found.first() else { return };
    // A token may lie there as a query, as a key, or as both.
    let mut tokens: Vec<usize> =
        found.into_iter().filter(|(of, _)| *of == sequence).flat_map(|(_, tokens)| tokens).collect();
    tokens.sort_unstable();
    tokens.dedup();
    let extend = ui.input(|input| input.modifiers.command || input.modifiers.ctrl);
    commands.push(Command::SelectTokens { sequence, tokens, extend });
}
