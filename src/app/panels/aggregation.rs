//! The menus that say how several tokens, layers and sinks become the weights that are shown.

use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{PopupCloseBehavior, Slider, Ui};

use crate::analysis::{Combine, Direction, Pick, Rollout, SinkTreatment, token_sets};
use crate::app::command::Command;
use crate::app::state::State;
use crate::trace::Modality;

const COMBINATIONS: [(Combine, &str); 3] = [
    (Combine::Mean, "mean of their weights"),
    (Combine::Sum, "sum of their weights"),
    (Combine::Max, "maximum of their weights"),
];

const TREATMENTS: [(SinkTreatment, &str, &str); 4] = [
    (SinkTreatment::Show, "Sinks", "show like all tokens"),
    (SinkTreatment::Mark, "Sinks: marked", "mark with a dot"),
    (SinkTreatment::Hide, "Sinks: hidden", "hide"),
    (SinkTreatment::Renormalise, "Sinks: renormalised", "hide, and scale the rows up"),
];

/// Shows them.
pub fn show(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    show_tokens(ui, state, commands);
    show_rollout(ui, state, commands);
    show_sinks(ui, state, commands);
}

fn show_tokens(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    let (Some(trace), Some(block)) = (&state.trace, state.block()) else { return };
    let sequence = match state.selection.direction {
        Direction::AttendsTo => block.query,
        Direction::AttendedBy => block.key,
    };
    let tokens = trace.document().sequences[sequence].tokens.as_slice();
    let title = match state.selection.combine {
        Combine::Mean => "Tokens",
        Combine::Sum => "Tokens: sum",
        Combine::Max => "Tokens: maximum",
    };
    ui.menu_button(title, |ui| {
        let mut set = |ui: &mut Ui, name: String, tokens: Vec<usize>| {
            let button = ui.add_enabled(!tokens.is_empty(), egui::Button::new(name));
            if button.on_hover_text("with Ctrl: beside those that are selected").clicked() {
                let extend = ui.input(|input| input.modifiers.command || input.modifiers.ctrl);
                commands.push(Command::SelectTokens { sequence, tokens, extend });
            }
        };
        set(ui, "All image tokens".to_owned(), token_sets::of_modality(tokens, Modality::Image));
        set(ui, "All text tokens".to_owned(), token_sets::of_modality(tokens, Modality::Text));
        for name in token_sets::segments(tokens) {
            set(ui, format!("Segment {name}"), token_sets::of_segment(tokens, name));
        }
        if ui.button("No token").on_hover_text("All that are not special count. Esc").clicked() {
            commands.push(Command::ClearTokens);
        }
        ui.separator();
        ui.weak("Several tokens show the");
        for (combine, name) in COMBINATIONS {
            if ui.radio(state.selection.combine == combine, name).clicked() {
                commands.push(Command::SetCombine(combine));
            }
        }
    });
}

fn show_rollout(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    let Some(block) = state.block() else { return };
    let before = state.selection.rollout;
    let last = match state.selection.layer {
        Pick::One(layer) => layer.min(block.layers.saturating_sub(1)),
        Pick::Mean | Pick::Max => block.layers.saturating_sub(1),
    };
    let title = before.map_or("Rollout".to_owned(), |rollout| format!("Rollout: {} to {last}", rollout.start));
    // Sliders are moved in it.
    let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    MenuButton::new(title).config(config).ui(ui, |ui| {
        let is_possible = block.query == block.key;
        let mut is_on = before.is_some();
        let toggle =
            ui.add_enabled(is_possible || is_on, egui::Checkbox::new(&mut is_on, "multiply the layers through"));
        toggle.on_hover_text("Abnar and Zuidema 2020").on_disabled_hover_text("only for self-attention");
        let mut rollout = before.unwrap_or_default();
        ui.add_enabled_ui(is_on, |ui| {
            ui.add(Slider::new(&mut rollout.start, 0..=last).text("first layer"));
            ui.add(Slider::new(&mut rollout.residual_percent, 0..=100).suffix(" %").text("residual"))
                .on_hover_text("The share of each token itself, for the residual connection");
        });
        let after: Option<Rollout> = is_on.then_some(rollout);
        if after != before {
            commands.push(Command::SetRollout(after));
        }
    });
}

fn show_sinks(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    let now = TREATMENTS.iter().find(|(treatment, ..)| *treatment == state.selection.sinks);
    ui.menu_button(now.map_or("Sinks", |(_, title, _)| title), |ui| {
        ui.weak("Tokens that draw attention whatever they stand for");
        for (treatment, _, name) in TREATMENTS {
            if ui.radio(state.selection.sinks == treatment, name).clicked() {
                commands.push(Command::SetSinks(treatment));
            }
        }
    });
}
