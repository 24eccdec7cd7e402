//! The menu that says which weights are shown, and how several tokens, layers and sinks become one. One menu, since the bar has
//! no room for four; it is lit while anything in it differs from how it was at first.

use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{Button, PopupCloseBehavior, RadioButton, Slider, Ui};

use crate::analysis::sinks::Criteria;
use crate::analysis::{Combine, Direction, Rollout, Selection, SinkTreatment, WeightKind, token_sets};
use crate::app::model::command::Command;
use crate::app::model::state::State;
use crate::app::ui::controls::radios;
use crate::trace::{Block, Modality, NAME_LETTERS, shortened};

/// Shows it.
pub fn show(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    let Some(block) = state.block() else { return };
    let mut selection = state.selection.clone();
    let is_changed = selection.combine != Combine::Mean
        || selection.weights != WeightKind::Raw
        || selection.sinks != SinkTreatment::Show;
    // Several things are chosen, and sliders moved, while it is open.
    let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    let button = MenuButton::from_button(Button::new("Weights").selected(is_changed)).config(config);
    let (response, _) = button.ui(ui, |ui| {
        show_kinds(ui, state, block, &mut selection);
        ui.separator();
        show_tokens(ui, state, commands);
        radios(ui, &mut selection.combine);
        ui.separator();
        radios(ui, &mut selection.sinks);
        show_criteria(ui, &mut selection);
    });
    if selection != state.selection {
        commands.push(Command::SetSelection(selection));
    }
    response.on_hover_text(
        "Raw, norm-weighted, rollout or relevance; sets of tokens and how they combine; attention sinks",
    );
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

/// A kind of weights that a trace may have, and why this one does not have it, if it does not.
pub struct Kind {
    /// As it is offered.
    pub name: String,
    /// Which it is.
    pub weights: WeightKind,
    /// In a sentence.
    pub lacks: Option<String>,
}

/// All kinds of weights, of the selected block. A rollout is the one that is chosen.
pub fn kinds_of(state: &State) -> Vec<Kind> {
    let Some(open) = state.trace.as_ref().filter(|_| state.block().is_some()) else { return Vec::new() };
    let kind = |weights: WeightKind| {
        let name = match &weights {
            WeightKind::Raw => "raw attention weights".to_owned(),
            WeightKind::NormWeighted => "norm-weighted attention".to_owned(),
            WeightKind::Rollout(_) => "rollout through the layers".to_owned(),
            WeightKind::Relevance(name) => format!("relevance: {}", shortened(name, NAME_LETTERS)),
        };
        let lacks = weights.check(&open.trace, state.selection.block).err().map(|why| why.to_string());
        let weights = match (weights, state.selection.rollout()) {
            (WeightKind::Rollout(_), Some(chosen)) => WeightKind::Rollout(chosen),
            (weights, _) => weights,
        };
        Kind { name, weights, lacks }
    };
    WeightKind::all(open.document()).into_iter().map(kind).collect()
}

fn show_kinds(ui: &mut Ui, state: &State, block: &Block, selection: &mut Selection) {
    let Some(open) = &state.trace else { return };
    let document = open.document();
    for Kind { name, weights, lacks } in kinds_of(state) {
        let is_on = selection.weights == weights;
        let words = match &weights {
            WeightKind::Raw => "As the model multiplied the values by".to_owned(),
            WeightKind::NormWeighted => {
                "Times the norm of what each key adds, rows scaled to 1: Kobayashi et al. 2020".to_owned()
            }
            WeightKind::Rollout(_) => {
                let last = block.layer_number(last_layer(block, selection));
                format!("Up to layer {last}: Abnar and Zuidema 2020")
            }
            WeightKind::Relevance(_) => {
                let source = weights.relevance(document).and_then(|(_, found)| found.source.clone());
                source.unwrap_or_else(|| "From the trace, which does not say by what method".to_owned())
            }
        };
        let radio = ui.add_enabled(lacks.is_none() || is_on, RadioButton::new(is_on, name));
        let radio = radio.on_hover_text(words).on_disabled_hover_text(lacks.unwrap_or_default());
        if radio.clicked() && !is_on {
            *selection = selection.with_weights(document, weights);
        }
    }
    show_rollout(ui, block, selection);
}

fn last_layer(block: &Block, selection: &Selection) -> usize {
    let last = block.layers.saturating_sub(1);
    selection.layer.one().map_or(last, |layer| layer.min(last))
}

fn show_rollout(ui: &mut Ui, block: &Block, selection: &mut Selection) {
    let last = last_layer(block, selection);
    let WeightKind::Rollout(Rollout { start, residual_percent }) = &mut selection.weights else { return };
    // The slider moves over places and shows the model's own numbers.
    let number = |place: f64| block.layer_number(place as usize).to_string();
    let place = |text: &str| text.trim().parse().ok().and_then(|number| Some(block.layer_index(number)? as f64));
    let slider = Slider::new(start, 0..=last).text("first layer");
    ui.add(slider.custom_formatter(move |place, _| number(place)).custom_parser(place))
        .on_hover_text("Where the rollout begins");
    ui.add(Slider::new(residual_percent, 0..=100).suffix(" %").text("residual share"))
        .on_hover_text("How much of each token stays itself, for the residual connection");
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
    let usual = ui.add_enabled(!is_usual, Button::new("Usual thresholds of sinks"));
    if usual.on_hover_text("As they were at first").clicked() {
        *criteria = Criteria::default();
    }
}
