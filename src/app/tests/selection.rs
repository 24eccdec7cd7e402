//! Sets of tokens, rollout and sinks as a person or a screen reader finds them.

use std::path::Path;
use std::time::{Duration, Instant};

use egui::{Modifiers, Role, pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use crate::analysis::sinks::Criteria;
use crate::analysis::{Combine, Pick, Rollout, Selection, SinkTreatment, WeightKind};
use crate::app::model::command::Command;
use crate::app::shell::interface::Interface;
use crate::app::tests::{Result, settle, window_on};
use crate::query::{BlockSinks, Weights};
use crate::trace::{Dtype, TensorSpec, TraceWriter};
use crate::view::Target;

fn selection(harness: &Harness<'static, Interface>) -> Selection {
    harness.state().state.selection.clone()
}

/// Opens the menu, unless it is open, and clicks what it holds.
fn choose(harness: &mut Harness<'static, Interface>, item: &str) {
    if harness.query_by_label(item).is_none() {
        harness.get_by_label("Weights").click();
        harness.run_steps(3);
    }
    harness.get_by_label(item).click();
    harness.run_steps(3);
}

#[test]
fn menus_select_sets_of_tokens_and_combine_them() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    choose(&mut harness, "All image tokens");
    assert_eq!(selection(&harness).tokens, [1, 2, 3, 4, 6, 7, 8, 9, 10, 11]);
    choose(&mut harness, "maximum of several tokens");
    assert_eq!(selection(&harness).combine, Combine::Max);
    choose(&mut harness, "Segment question");
    assert_eq!(selection(&harness).tokens, [12]);
    choose(&mut harness, "No token");
    assert_eq!(selection(&harness).tokens, Vec::<usize>::new());
    settle(&mut harness)
}

#[test]
fn rollout_and_sinks_are_chosen_by_name() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    choose(&mut harness, "rollout through the layers");
    assert_eq!(selection(&harness).rollout(), Some(Rollout::default()));
    for name in ["first layer", "residual share", "uniform share", "share of heads", "massive activation"] {
        harness.get_by_role_and_label(Role::Slider, name);
    }
    choose(&mut harness, "hide sinks, scale rows up");
    assert_eq!(selection(&harness).sinks, SinkTreatment::Renormalise);
    settle(&mut harness)?;
    let state = &harness.state().state;
    assert!(state.results.failures().is_empty());
    let found = state.results.get(&BlockSinks::of(&state.selection)).ok_or("no sinks")?;
    let usual = found.sinks.len();
    let loose = Criteria { share_ratio: 1.1, head_share: 0.25, ..Criteria::default() };
    let state = &mut harness.state_mut().state;
    let looser = Selection { sink_criteria: loose, ..state.selection.clone() };
    state.apply(Command::SetSelection(looser));
    settle(&mut harness)?;
    let state = &harness.state().state;
    let found = state.results.get(&BlockSinks::of(&state.selection)).ok_or("no sinks")?;
    assert!(found.sinks.len() > usual);
    choose(&mut harness, "Usual thresholds of sinks");
    assert_eq!(selection(&harness).sink_criteria, Criteria::default());
    Ok(())
}

/// What the trace has is offered; what it lacks is disabled.
#[test]
fn kinds_of_weights_are_chosen_from_one_menu() -> Result<()> {
    let mut harness = window_on("queries-keys.safetensors")?;
    choose(&mut harness, "norm-weighted attention");
    assert_eq!(selection(&harness).weights, WeightKind::NormWeighted);
    choose(&mut harness, "relevance: gradient");
    assert_eq!(selection(&harness).weights, WeightKind::Relevance("gradient".to_owned()));
    let tokens = selection(&harness).tokens;
    assert!(tokens.iter().all(|token| [17, 18].contains(token)), "{tokens:?} are no outputs that it is for");
    settle(&mut harness)?;
    assert_eq!(harness.state().state.results.failures(), Vec::<&str>::new());

    let mut harness = window_on("multi-image.safetensors")?;
    harness.get_by_label("Weights").click();
    harness.run_steps(3);
    assert!(harness.get_by_label("norm-weighted attention").accesskit_node().is_disabled());
    choose(&mut harness, "norm-weighted attention");
    assert_eq!(selection(&harness).weights, WeightKind::Raw);
    Ok(())
}

/// The views of a block that cannot roll out say why, and the window goes on.
#[test]
fn a_rollout_of_cross_attention_is_explained() -> Result<()> {
    let mut harness = window_on("encoder-decoder.safetensors")?;
    let weights = WeightKind::Rollout(Rollout::default());
    let selection = Selection { block: 2, layer: Pick::Mean, head: Pick::Mean, weights, ..Selection::default() };
    harness.state_mut().state.apply(Command::SetSelection(selection));
    settle(&mut harness)?;
    let state = &harness.state().state;
    let why = state.results.failure(&Weights::of(&state.selection));
    assert!(why.is_some_and(|why| why.contains("rollout needs self-attention")), "{why:?}");
    Ok(())
}

#[test]
fn maximum_is_in_the_lists_of_layers_and_heads() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    for (list, is_chosen) in [("Layer", true), ("Head", false)] {
        harness.get_by_role_and_label(Role::ComboBox, list).click();
        harness.run_steps(3);
        harness.get_by_label("maximum of all").click();
        harness.run_steps(3);
        let now = selection(&harness);
        assert_eq!(if is_chosen { now.layer } else { now.head }, Pick::Max, "{list}");
    }
    settle(&mut harness)
}

#[test]
fn a_drag_over_the_picture_selects_the_patches_in_it() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    let image = harness.get_by_role_and_label(Role::Image, "image").rect();
    let inside = |x: f32, y: f32| pos2(image.left() + image.width() * x, image.top() + image.height() * y);
    let button = |pos, pressed| egui::Event::PointerButton {
        pos,
        button: egui::PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    harness.hover_at(inside(0.01, 0.01));
    harness.step();
    harness.event(button(inside(0.01, 0.01), true));
    harness.step();
    for at in [inside(0.3, 0.3), inside(0.7, 0.7), inside(0.99, 0.99)] {
        harness.event(egui::Event::PointerMoved(at));
        harness.step();
    }
    harness.event(button(inside(0.99, 0.99), false));
    harness.step();
    harness.step();
    assert_eq!(selection(&harness).tokens, [1, 2, 3, 4, 6, 7, 8, 9, 10, 11]);
    settle(&mut harness)
}

#[test]
fn a_double_click_on_a_piece_selects_its_word() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("word.safetensors");
    let document = serde_json::json!({
        "format": 1,
        "sequences": {"main": {"tokens": [{"text": "un"}, {"text": "##break"}, {"text": "##able"}]}},
        "attention": [{"name": "self", "query": "main", "key": "main", "layers": 1}],
    });
    let weights = TensorSpec::weights("attention.self.0", Dtype::F32, &[1, 3, 3]);
    let mut writer = TraceWriter::create(&path, &document, &[weights])?;
    writer.write(&[1.0_f32 / 3.0; 9].map(f32::to_le_bytes).concat())?;
    writer.finish()?;
    let mut harness = window_on(path.to_str().ok_or("no name")?)?;

    let view = harness.get_by_role_and_label(Role::Image, "text").rect();
    let places = (0..400).map(|index| egui::vec2((index % 20) as f32 + 0.5, (index / 20) as f32 + 0.5) / 20.0);
    let mut at = None;
    for place in places {
        harness.hover_at(view.min + view.size() * place);
        harness.step();
        if matches!(harness.state().state.hover, Some(Target::Token { token: 1, .. })) {
            at = Some(view.min + view.size() * place);
            break;
        }
    }
    let pos = at.ok_or("the second piece is not in the view")?;
    // A frame of the harness is long: each click has to fit into one for the two to be a double click.
    for _ in 0..2 {
        for pressed in [true, false] {
            let (button, modifiers) = (egui::PointerButton::Primary, Modifiers::NONE);
            harness.input_mut().events.push(egui::Event::PointerButton { pos, button, pressed, modifiers });
        }
        harness.step();
    }
    assert_eq!(selection(&harness).tokens, [0, 1, 2]);
    settle(&mut harness)
}

/// The thread that computes goes on after a trace that has nothing to compute.
#[test]
fn a_trace_without_attention_is_shown_and_the_next_one_too() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("nothing.safetensors");
    let document =
        serde_json::json!({"format": 1, "sequences": {"main": {"tokens": [{"text": "a"}]}}, "attention": []});
    TraceWriter::create(&path, &document, &[])?.finish()?;
    let mut harness = window_on(path.to_str().ok_or("no name")?)?;
    assert!(harness.state().state.failure.is_none());
    let next = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces/multi-image.safetensors");
    harness.state_mut().apply(Command::Open(next.clone()));
    let until = Instant::now() + Duration::from_secs(60);
    let has_numbers = |harness: &Harness<'_, Interface>| {
        let state = &harness.state().state;
        let is_next = state.trace.as_ref().is_some_and(|trace| trace.trace.path() == next);
        is_next && state.results.get(&Weights::of(&state.selection)).is_some_and(|weights| !weights.is_empty())
    };
    while !has_numbers(&harness) {
        assert!(Instant::now() < until, "no numbers came");
        settle(&mut harness)?;
    }
    Ok(())
}
