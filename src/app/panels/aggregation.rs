//! The menu that says how several tokens, layers and sinks become the weights that are shown. One menu, since the bar has
//! no room for three; it is lit while anything in it differs from how it was at first.

use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{Button, Checkbox, PopupCloseBehavior, Slider, Ui};

use crate::analysis::sinks::Criteria;
use crate::analysis::{Combine, Direction, Pick, Selection, SinkTreatment, token_sets};
use crate::app::model::command::Command;
use crate::app::model::state::State;
use crate::app::ui::controls::radios;
use crate::trace::{Block, Modality};

/// Shows it.
pub fn show(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    let Some(block) = state.block() else { return };
    let mut selection = state.selection.clone();
    let is_changed =
        selection.combine != Combine::Mean || selection.rollout.is_some() || selection.sinks != SinkTreatment::Show;
    // Several things are chosen, and sliders moved, while it is open.
    let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    let button = MenuButton::from_button(Button::new("Weights").selected(is_changed)).config(config);
    let (response, _) = button.ui(ui, |ui| {
        show_tokens(ui, state, commands);
        radios(ui, &mut selection.combine);
        ui.separator();
        show_rollout(ui, block, &mut selection);
        ui.separator();
        radios(ui, &mut selection.sinks);
        show_criteria(ui, &mut selection);
    });
    if selection != state.selection {
        commands.push(Command::SetSelection(selection));
    }
    response.on_hover_text("Sets of tokens and how they combine, rollout through the layers, attention sinks");
}

/// Tokens that are selected by a name.
pub struct TokenSet {
    /// As it is offered.
    pub name: String,
    /// Where they are.
    pub sequence: usize,
    /// Which of it.
    pub tokens: Vec<usize>,
}

/// The sets of the side whose tokens are selected.
pub fn token_sets_of(state: &State) -> Vec<TokenSet> {
    let (Some(trace), Some(block)) = (&state.trace, state.block()) else { return Vec::new() };
    let sequence = match state.selection.direction {
        Direction::AttendsTo => block.query,
        Direction::AttendedBy => block.key,
    };
    let all = trace.document().sequences[sequence].tokens.as_slice();
    let set = |name: &str, tokens| TokenSet { name: name.to_owned(), sequence, tokens };
    let of_modality = |modality| token_sets::of_modality(all, modality);
    let segments = token_sets::segments(all).into_iter();
    let segments = segments.map(|name| set(&format!("Segment {name}"), token_sets::of_segment(all, name)));
    let modalities =
        [set("All image tokens", of_modality(Modality::Image)), set("All text tokens", of_modality(Modality::Text))];
    modalities.into_iter().chain(segments).collect()
}

fn show_tokens(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    for TokenSet { name, sequence, tokens } in token_sets_of(state) {
        let button = ui.add_enabled(!tokens.is_empty(), Button::new(name));
        if button.on_hover_text("With Ctrl: beside those that are selected").clicked() {
            let extend = ui.input(|input| input.modifiers.command || input.modifiers.ctrl);
            commands.push(Command::SelectTokens { sequence, tokens, extend });
        }
    }
    if ui.button("No token").on_hover_text("All that are not special count. Esc").clicked() {
        commands.push(Command::ClearTokens);
    }
}

fn show_rollout(ui: &mut Ui, block: &Block, selection: &mut Selection) {
    let before = selection.rollout;
    let last = match selection.layer {
        Pick::One(layer) => layer.min(block.layers.saturating_sub(1)),
        Pick::Mean | Pick::Max => block.layers.saturating_sub(1),
    };
    let is_possible = block.query == block.key;
    let mut is_on = before.is_some();
    let toggle = ui.add_enabled(is_possible || is_on, Checkbox::new(&mut is_on, "rollout through the layers"));
    toggle
        .on_hover_text(format!("Up to layer {}: Abnar and Zuidema 2020", block.layer_number(last)))
        .on_disabled_hover_text("Only self-attention has it");
    let mut rollout = before.unwrap_or_default();
    ui.add_enabled_ui(is_on, |ui| {
        // The slider moves over places and shows the model's own numbers.
        let number = |place: f64| block.layer_number(place as usize).to_string();
        let place = |text: &str| text.trim().parse().ok().and_then(|number| Some(block.layer_index(number)? as f64));
        let slider = Slider::new(&mut rollout.start, 0..=last).text("first layer");
        ui.add(slider.custom_formatter(|place, _| number(place)).custom_parser(place));
        ui.add(Slider::new(&mut rollout.residual_percent, 0..=100).suffix(" %").text("residual share"))
            .on_hover_text("How much of each token stays itself, for the residual connection");
    });
    selection.rollout = is_on.then_some(rollout);
}

/// From which values on a token is a sink.
fn show_criteria(ui: &mut Ui, selection: &mut Selection) {
    let criteria = &mut selection.sink_criteria;
    ui.add_enabled_ui(selection.sinks != SinkTreatment::Show, |ui| {
        let ratio = Slider::new(&mut criteria.share_ratio, 1.0..=50.0).logarithmic(true).max_decimals(1);
        ui.add(ratio.prefix("× ").text("uniform share")).on_hover_text(
            "How much attention a sink receives at least in a head, next to what an even spread would give it",
        );
        ui.add(Slider::new(&mut criteria.head_share, 0.0..=1.0).max_decimals(2).text("share of heads"))
            .on_hover_text("In more than this share of the heads a sink receives so much");
        let activation = Slider::new(&mut criteria.activation, 2.0..=200.0).logarithmic(true).max_decimals(0);
        ui.add(activation.prefix("× ").text("massive activation")).on_hover_text(
            "How large a value of a hidden state makes a token a sink, next to the state's root mean square",
        );
    });
    let is_usual = *criteria == Criteria::default();
    if ui.add_enabled(!is_usual, Button::new("Usual thresholds of sinks")).clicked() {
        *criteria = Criteria::default();
    }
}
