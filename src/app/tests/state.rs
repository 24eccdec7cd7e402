//! The reducer: what each command does.

use std::error::Error;
use std::path::Path;

use std::sync::Arc;

use crate::analysis::normalize::Normalization;
use crate::analysis::projection::{Align, Method};
use crate::analysis::{Combine, Direction, Pick, Rollout, Selection, SinkTreatment, WeightKind};
use crate::app::model::choices::Playing;
use crate::app::model::command::Command;
use crate::app::model::state::State;
use crate::export::Play;
use crate::query::OpenTrace;

use crate::view::{Options, Target, Theme, View};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn showing(name: &str) -> std::result::Result<State, Box<dyn Error>> {
    let mut state = State::default();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/traces/{name}.safetensors"));
    let _ = state.set_trace(Arc::new(OpenTrace::open(&path)?));
    Ok(state)
}

fn token(token: usize) -> Target {
    Target::Token { sequence: 0, token }
}

#[test]
fn clicks_select_and_ctrl_clicks_add() -> Result {
    let mut state = showing("multi-image")?;
    let mut click = |token, extend| {
        state.apply(Command::Select { target: self::token(token), extend });
        state.selection.tokens.clone()
    };
    assert_eq!(click(3, false), [3]);
    assert_eq!(click(5, true), [3, 5]);
    assert_eq!(click(3, true), [5]);
    assert_eq!(click(5, false), Vec::<usize>::new(), "a click on the one selected token takes it away");
    Ok(())
}

#[test]
fn hovering_shows_and_leaves_no_trace() -> Result {
    let mut state = showing("multi-image")?;
    state.apply(Command::Select { target: token(3), extend: false });
    state.apply(Command::Preview(Some(token(7))));
    assert_eq!((state.shown_selection().tokens.as_slice(), state.selection.tokens.as_slice()), (&[7][..], &[3][..]));
    state.apply(Command::Preview(Some(token(3))));
    assert_eq!(state.shown_selection().tokens, [3], "a click would take it away; to hover over it shows it");
    state.apply(Command::Escape);
    state.apply(Command::Preview(Some(Target::Head { layer: 0, head: 1 })));
    let shown = state.shown_selection();
    assert_eq!((shown.layer, shown.head), (Pick::One(0), Pick::One(1)), "though no token is selected");
    state.apply(Command::Preview(None));
    assert_eq!(state.shown_selection(), &state.selection);
    Ok(())
}

/// What is selected anew is shown, though the pointer rests where it was.
#[test]
fn a_preview_is_derived_anew_from_every_selection() -> Result {
    let mut state = showing("multi-image")?;
    state.apply(Command::Select { target: token(3), extend: false });
    state.apply(Command::Preview(Some(token(7))));
    let changes: [fn(&State) -> Command; 4] = [
        |_| Command::MoveHead { layers: -1, heads: 0 },
        |_| Command::MoveHead { layers: 0, heads: 1 },
        |_| Command::SelectLayer(Pick::Mean),
        |state| Command::SetSelection(Selection { combine: Combine::Max, ..state.selection.clone() }),
    ];
    for change in changes {
        let change = change(&state);
        state.apply(change.clone());
        let expected = Selection { tokens: vec![7], ..state.selection.clone() };
        assert_eq!(state.shown_selection(), &expected, "{change:?}");
    }
    state.apply(Command::StepToken(1));
    assert_eq!(state.shown_selection(), &state.selection, "another token was chosen than the one under the pointer");
    state.apply(Command::Preview(Some(token(7))));
    state.apply(Command::StepPlay);
    assert_eq!(state.shown_selection(), &state.selection, "the token that plays");
    state.apply(Command::Preview(Some(token(7))));
    state.apply(Command::ToggleDirection);
    assert_eq!(state.shown_selection(), &state.selection);

    let head = Target::Head { layer: 0, head: 1 };
    state.apply(Command::Preview(Some(head)));
    state.apply(Command::StepToken(1));
    let shown = state.shown_selection();
    assert_eq!((shown.layer, shown.head, &shown.tokens), (Pick::One(0), Pick::One(1), &state.selection.tokens));
    state.apply(Command::MoveHead { layers: 1, heads: 0 });
    assert_eq!(state.shown_selection(), &state.selection, "the arrow was pressed after the pointer came to rest");
    assert_eq!(state.hover, Some(head), "it still is marked");
    state.apply(Command::Preview(Some(token(7))));
    state.apply(Command::Point(Some(token(7))));
    assert_eq!((state.shown_selection(), state.hover), (&state.selection, Some(token(7))), "pointed at, not previewed");
    Ok(())
}

/// An encoder-decoder opens where what it writes looks at what it reads, on what it wrote first; so does every block that is chosen.
#[test]
fn the_first_sight_is_what_a_newcomer_looks_for() -> Result {
    let mut state = showing("encoder-decoder")?;
    let names: Vec<String> =
        state.trace.iter().flat_map(|trace| &trace.document().attention).map(|block| block.name.clone()).collect();
    let block = state.block().ok_or("no block")?.clone();
    assert_ne!(block.query, block.key, "{names:?}");
    let last = block.layers - 1;
    let outputs = state.output_tokens();
    let first = state.selection.clone();
    assert_eq!((first.layer, first.head, first.tokens.as_slice()), (Pick::One(last), Pick::Mean, &outputs[..1]));
    let document = state.trace.as_ref().ok_or("no trace")?.document().clone();
    let statistic = state.options.statistic.clone();
    assert!(!crate::analysis::statistics::is_constant(&statistic, &document, first.block, false), "{statistic}");
    for (index, name) in names.iter().enumerate() {
        state.apply(Command::SelectBlock(index));
        let selection = &state.selection;
        let last = document.attention[index].layers - 1;
        assert_eq!((selection.layer, selection.head), (Pick::One(last), Pick::Mean), "{name}");
        assert_eq!(selection.tokens.len(), 1, "{name}");
        let statistic = &state.options.statistic;
        assert!(!crate::analysis::statistics::is_constant(statistic, &document, index, false), "{statistic}");
    }
    Ok(())
}

#[test]
fn undo_brings_back_the_selection_but_no_preview() -> Result {
    let mut state = showing("multi-image")?;
    let first = state.selection.clone();
    state.apply(Command::Select { target: token(3), extend: false });
    state.apply(Command::Preview(Some(token(9))));
    state.apply(Command::SelectHead(Pick::One(1)));
    state.apply(Command::Undo);
    assert_eq!((state.selection.head, state.selection.tokens.as_slice()), (first.head, &[3][..]));
    assert_eq!(state.preview, None);
    state.apply(Command::Undo);
    assert_eq!(state.selection, first);
    state.apply(Command::Undo);
    assert_eq!(state.selection, first, "there is nothing before the first");
    state.apply(Command::Redo);
    state.apply(Command::Redo);
    assert_eq!(state.selection.head, Pick::One(1));
    Ok(())
}

#[test]
fn tokens_can_be_added_by_keyboard() -> Result {
    let mut state = showing("multi-image")?;
    state.apply(Command::Select { target: token(3), extend: false });
    state.apply(Command::ExtendTokens(1));
    state.apply(Command::ExtendTokens(1));
    assert_eq!(state.selection.tokens, [3, 4, 5]);
    state.apply(Command::ExtendTokens(-1));
    assert_eq!(state.selection.tokens, [3, 5, 4], "the last one is where it goes on");
    Ok(())
}

#[test]
fn heads_stop_at_the_edges() -> Result {
    let mut state = showing("multi-image")?;
    state.apply(Command::Select { target: Target::Head { layer: 1, head: 0 }, extend: false });
    for (layers, heads, expected) in [(0, -1, (1, 0)), (0, 5, (1, 1)), (9, 0, (2, 1)), (-9, 0, (0, 1))] {
        state.apply(Command::MoveHead { layers, heads });
        assert_eq!((state.selection.layer, state.selection.head), (Pick::One(expected.0), Pick::One(expected.1)));
    }
    state.apply(Command::Select { target: Target::LayerMean { layer: 2 }, extend: false });
    assert_eq!(state.selection.head, Pick::Mean);
    Ok(())
}

#[test]
fn layers_and_heads_play_and_stop_at_the_end_unless_they_loop() -> Result {
    let mut state = showing("multi-image")?;
    state.apply(Command::TogglePlay);
    state.apply(Command::SetPlaying(Playing { play: Play::Layers, loops: true, ..Playing::default() }));
    let mut layers = Vec::new();
    for _ in 0..4 {
        state.apply(Command::StepPlay);
        layers.push(state.selection.layer);
    }
    assert_eq!(layers, [0, 1, 2, 0].map(Pick::One), "from the last layer on");
    state.apply(Command::SetPlaying(Playing { play: Play::Heads, loops: false, ..Playing::default() }));
    for expected in [(Pick::One(0), true), (Pick::One(1), true), (Pick::One(1), false)] {
        state.apply(Command::StepPlay);
        assert_eq!((state.selection.head, state.is_playing), expected);
    }
    Ok(())
}

#[test]
fn a_view_state_brings_back_what_was_shown() -> Result {
    let mut state = showing("multi-image")?;
    state.apply(Command::Select { target: Target::Head { layer: 1, head: 1 }, extend: false });
    let options = Options {
        specials: true,
        normalization: Normalization::Log,
        hidden_state: Some(2),
        opacity: 0.4,
        theme: Theme::Light,
        title: false,
        ..state.options.clone()
    };
    state.apply(Command::SetOptions(Box::new(options)));
    let saved = state.view_state(None);
    let mut other = showing("multi-image")?;
    other.show_view_state(saved.clone())?;
    assert_eq!(other.view_state(None), saved);

    let mut too_many = saved.clone();
    too_many.selection.layer = Pick::One(9);
    let why = other.show_view_state(too_many).map_err(|error| error.to_string());
    assert_eq!(why, Err("there is no layer 9: block `self` has layers 0 to 2".to_owned()));
    assert_eq!(other.view_state(None), saved);
    Ok(())
}

#[test]
fn tokens_play_round() -> Result {
    let mut state = showing("multi-image")?;
    state.apply(Command::Select { target: token(12), extend: false });
    let mut next = || {
        state.apply(Command::StepToken(1));
        state.selection.tokens.clone()
    };
    assert_eq!((next(), next()), (vec![13], vec![0]));
    Ok(())
}

#[test]
fn sets_of_tokens_replace_or_join_the_selection() -> Result {
    let mut state = showing("encoder-decoder")?;
    state.apply(Command::SelectBlock(2));
    let mut select = |sequence, tokens: &[usize], extend| {
        state.apply(Command::SelectTokens { sequence, tokens: tokens.to_vec(), extend });
        (state.selection.direction, state.selection.tokens.clone())
    };
    assert_eq!(select(1, &[2, 0, 2, 999], false), (Direction::AttendsTo, vec![2, 0]));
    assert_eq!(select(1, &[0, 1], true), (Direction::AttendsTo, vec![2, 0, 1]), "nothing twice, nothing taken out");
    assert_eq!(select(0, &[4], true), (Direction::AttendedBy, vec![4]), "the other side turns the direction");
    assert_eq!(select(7, &[1], false), (Direction::AttendedBy, vec![4]), "no such sequence");
    assert_eq!(select(0, &[], false), (Direction::AttendedBy, vec![]));
    Ok(())
}

#[test]
fn aggregation_is_chosen_and_stays_when_tokens_change() -> Result {
    let mut state = showing("multi-image")?;
    let (combine, sinks) = (Combine::Max, SinkTreatment::Hide);
    let weights = WeightKind::Rollout(Rollout::default());
    state.apply(Command::SetSelection(Selection { combine, sinks, weights, ..state.selection.clone() }));
    state.apply(Command::SelectLayer(Pick::Max));
    state.apply(Command::SelectHead(Pick::Max));
    state.apply(Command::MoveHead { layers: 0, heads: 1 });
    state.apply(Command::Select { target: token(3), extend: false });
    let now = &state.selection;
    assert_eq!((now.layer, now.head), (Pick::Max, Pick::One(0)));
    assert_eq!((now.combine, now.sinks), (Combine::Max, SinkTreatment::Hide));
    assert_eq!(now.rollout(), Some(Rollout::default()));
    Ok(())
}

#[test]
fn a_state_is_picked_and_a_projection_given_up() -> Result {
    let mut state = showing("multi-image")?;
    state.apply(Command::Preview(Some(Target::State { state: 2, with: 0 })));
    assert_eq!(state.preview, None);
    state.apply(Command::Select { target: Target::State { state: 2, with: 0 }, extend: false });
    assert_eq!(state.options.hidden_state, Some(2));
    state.options.embedding.recipe.method = Method::Tsne;
    state.options.embedding.recipe.align = Align::Shared;
    state.apply(Command::CancelProjection);
    assert_eq!(state.options.embedding.recipe.method, Method::Pca);
    assert_eq!(state.options.embedding.recipe.align, Align::Shared);
    state.apply(Command::CancelProjection);
    assert_eq!(state.options.embedding.recipe.align, Align::None);
    Ok(())
}

/// In cross-attention a click on a key asks what attends to it.
#[test]
fn the_other_side_turns_the_direction() -> Result {
    let mut state = showing("encoder-decoder")?;
    state.apply(Command::SelectBlock(2));
    state.apply(Command::Select { target: Target::Token { sequence: 1, token: 2 }, extend: false });
    assert_eq!(state.selection.direction, Direction::AttendsTo);
    state.apply(Command::Select { target: Target::Token { sequence: 0, token: 9 }, extend: false });
    assert_eq!((state.selection.direction, state.selection.tokens.as_slice()), (Direction::AttendedBy, &[9][..]));
    state.apply(Command::SetDirection(Direction::AttendsTo));
    assert!(state.selection.tokens.is_empty(), "token 9 of the keys is no query");
    Ok(())
}

#[test]
fn the_selection_goes_on_in_a_trace_that_is_alike() -> Result {
    let mut state = showing("multi-image")?;
    state.apply(Command::Select { target: Target::Head { layer: 1, head: 1 }, extend: false });
    state.apply(Command::Select { target: token(13), extend: false });
    let before = state.selection.clone();
    let again = showing("multi-image")?.trace.ok_or("no trace")?;
    let _ = state.set_trace(again);
    assert_eq!(state.selection, before);
    state.apply(Command::Undo);
    assert_eq!(state.selection, before, "selections of before mean nothing in another trace");
    let other = showing("encoder-decoder")?.trace.ok_or("no trace")?;
    let _ = state.set_trace(other);
    assert_ne!(state.selection, before);
    Ok(())
}

#[test]
fn a_head_that_its_layer_lacks_is_not_selected() -> Result {
    use crate::trace::{Dtype, TensorSpec, TraceWriter};
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("ragged.safetensors");
    let document = serde_json::json!({
        "format": 1,
        "sequences": {"main": {"tokens": [{"text": "a"}]}},
        "attention": [{"name": "self", "query": "main", "key": "main", "layers": 3}],
    });
    let heads = [3, 0, 1];
    let tensors: Vec<_> = (0..3)
        .map(|layer| TensorSpec::weights(format!("attention.self.{layer}"), Dtype::F32, &[heads[layer], 1, 1]))
        .collect();
    let mut writer = TraceWriter::create(&path, &document, &tensors)?;
    for heads in heads {
        writer.write(&1.0_f32.to_le_bytes().repeat(heads))?;
    }
    writer.finish()?;
    let mut state = State::default();
    let _ = state.set_trace(Arc::new(OpenTrace::open(&path)?));
    let mut after = |command: Command| {
        state.apply(command);
        (state.selection.layer, state.selection.head)
    };
    let click = |layer, head| Command::Select { target: Target::Head { layer, head }, extend: false };
    let at = |layer, head| (Pick::One(layer), Pick::One(head));
    assert_eq!(after(click(0, 2)), at(0, 2));
    assert_eq!(after(click(2, 1)), at(0, 2), "the layer has one head");
    assert_eq!(after(click(1, 0)), at(0, 2), "the layer has none");
    let whole = Command::Select { target: Target::LayerMean { layer: 1 }, extend: false };
    assert_eq!(after(whole), at(0, 2));
    assert_eq!(after(Command::MoveHead { layers: 1, heads: 0 }), at(2, 0), "layers without heads are passed over");
    assert_eq!(after(Command::SelectHead(Pick::One(2))), at(2, 0));
    assert_eq!(after(Command::MoveHead { layers: -1, heads: 2 }), at(0, 2));
    assert_eq!(after(Command::SelectLayer(Pick::One(2))), (Pick::One(2), Pick::Mean));
    Ok(())
}

/// Tokens are those of the first sequence that has hidden states.
#[test]
fn tokens_are_selected_without_attention() -> Result {
    use crate::trace::{Dtype, TensorSpec, TraceWriter};
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bare.safetensors");
    let words = |count: usize| serde_json::json!({"tokens": vec![serde_json::json!({"text": "a"}); count]});
    let document = serde_json::json!({
        "format": 1,
        "sequences": {"first": words(1), "main": words(3)},
        "attention": [],
        "hidden": [{"sequence": "main", "states": 1}],
    });
    let mut writer =
        TraceWriter::create(&path, &document, &[TensorSpec::weights("hidden.main.0", Dtype::F32, &[3, 2])])?;
    writer.write(&[1.0_f32, 0.0, 0.0, 1.0, 2.0, 2.0].map(f32::to_le_bytes).concat())?;
    writer.finish()?;
    let mut state = State::default();
    let _ = state.set_trace(Arc::new(OpenTrace::open(&path)?));
    let click = |state: &mut State, sequence, token| {
        state.apply(Command::Select { target: Target::Token { sequence, token }, extend: true });
        state.selection.tokens.clone()
    };
    assert_eq!(click(&mut state, 1, 2), [0, 2]);
    assert_eq!(click(&mut state, 0, 0), [0, 2], "a sequence without states");
    state.apply(Command::SelectTokens { sequence: 1, tokens: vec![1, 7], extend: false });
    assert_eq!(state.selection.tokens, [1]);
    state.apply(Command::StepToken(1));
    assert_eq!(state.selection.tokens, [2]);
    Ok(())
}

/// The model's layer 7, which is the second that is there, put out state 8; no layer put out the embedding.
#[test]
fn what_a_state_decodes_to_selects_its_token_and_its_layer() -> Result {
    let mut state = showing("queries-keys")?;
    state.apply(Command::SelectLayer(Pick::One(0)));
    for (place, token, layer) in [(0, 6, 0), (1, 5, 1), (2, 4, 1)] {
        let target = Target::Decoded { words: 0, state: place, token };
        state.apply(Command::Select { target, extend: false });
        assert_eq!((state.selection.layer, &state.selection.tokens), (Pick::One(layer), &vec![token]), "{place}");
    }
    Ok(())
}

#[test]
fn a_frame_is_the_picture_until_it_is_clicked_again() -> Result {
    let mut state = showing("queries-keys")?;
    let frame = |image| Command::Select { target: Target::Frame { image }, extend: false };
    let before = state.selection.clone();
    for (image, shown) in [(1, Some(1)), (0, Some(0)), (0, None)] {
        state.apply(frame(image));
        assert_eq!(state.options.image, shown);
    }
    assert_eq!(state.selection, before);
    Ok(())
}

#[test]
fn an_image_encoder_opens_on_its_class_token_and_what_its_heads_look_at() -> Result {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/photographs/chelsea.safetensors");
    let open = Arc::new(OpenTrace::open(&path)?);
    let mut state = State::default();
    assert_eq!(state.set_trace(Arc::clone(&open)), Some(View::Overlays));
    let [token] = state.selection.tokens[..] else { return Err("one token".into()) };
    assert!(open.document().sequences[0].tokens[token].special, "[CLS]");
    assert_eq!(state.set_trace(open), None, "another photograph leaves the panels as they are");
    for with_text in ["multi-image", "encoder-decoder"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/traces/{with_text}.safetensors"));
        assert_eq!(State::default().set_trace(Arc::new(OpenTrace::open(&path)?)), None);
    }
    Ok(())
}
