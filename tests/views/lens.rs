//! Words of hidden states: the view, the tips, a word that was typed, and the alternatives of output tokens.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use vlscope::analysis::Pick;
use vlscope::render::Mark;
use vlscope::trace::{Document, WordState, Words};
use vlscope::view::{Scene, Target, View, Zone, numbers_of};

use crate::fixtures::{Case, labels, question, tiled_chat};

fn states() -> Vec<WordState> {
    (0..5).map(WordState::Hidden).chain([WordState::Logits]).collect()
}

/// Words of the sequence `main`: `red` on every third token, `green` on all others; `blue` is their second.
fn with_words(mut case: Case) -> Case {
    case.document = Document { words: vec![Words { sequence: 0, states: states() }], ..case.document };
    let tokens = case.document.sequences[0].tokens.len();
    let of = |token: usize| vec![(if token.is_multiple_of(3) { "▁red" } else { "green" }, 0.6), ("blue", 0.125)];
    case.known.decoded = (0..tokens).map(of).collect();
    case
}

fn says(scene: &Scene, words: &str) -> bool {
    labels(scene).iter().any(|label| label.text.contains(words))
}

#[test]
fn a_trace_without_words_says_how_to_get_them() {
    assert!(says(&question().draw(View::Lens), "This trace holds no words of hidden states."));
    let mut waiting = with_words(question());
    waiting.known.decoded.clear();
    assert!(says(&waiting.draw(View::Lens), "The words are not here yet."));
}

#[test]
fn each_cell_has_its_first_word_in_the_colour_of_its_probability() {
    let case = with_words(question()).sized(1280.0, 720.0);
    let scene = case.draw(View::Lens);
    let cells: Vec<Target> = scene
        .zones
        .iter()
        .filter_map(|zone| match zone {
            Zone::Area { target: target @ Target::Decoded { .. }, .. } => Some(*target),
            _ => None,
        })
        .collect();
    let columns = cells.iter().filter(|cell| matches!(cell, Target::Decoded { state: 0, .. })).count();
    assert!(columns >= 20 && cells.len() == 6 * columns, "{columns} columns, {} cells", cells.len());
    assert!(columns < 73 && says(&scene, &format!("tokens 0 to {} of 73", columns - 1)), "what is shown is said");
    assert_eq!(labels(&scene).iter().filter(|label| label.text == "red").count(), 6 * columns.div_ceil(3));
    for name in ["0", "4", "output", "state", "probability of the first word"] {
        assert!(says(&scene, name), "{name}");
    }
    assert_eq!(scene.bar.unwrap().range, [0.0, 0.6]);
    let tip = scene.tip(Target::Decoded { words: 0, state: 1, token: 3 });
    assert_eq!(tip, "is · state 1: red 0.30, blue 0.06");
    for label in labels(&scene) {
        assert!(label.at.x >= 0.0 && label.at.x <= 1280.0 && label.at.y >= 0.0 && label.at.y <= 720.0, "{label:?}");
    }

    // Around the selected token where not all have room.
    let mut far = with_words(question()).sized(400.0, 300.0);
    far.selection.tokens = vec![60];
    let scene = far.draw(View::Lens);
    let has = |token| {
        scene
            .zones
            .iter()
            .any(|zone| matches!(zone, Zone::Area { target: Target::Decoded { token: of, .. }, .. } if *of == token))
    };
    assert!(has(60) && !has(0));
}

#[test]
fn a_word_that_is_typed_colours_tokens_by_its_probability() {
    let mut case = with_words(question());
    case.selection.layer = Pick::One(0);
    case.options.decodes_to = Some("Red ".to_owned());
    let scene = case.draw(View::Image);
    assert!(says(&scene, "Patches that decode to “Red” · state 1"));
    assert!(says(&scene, "probability of “Red” (without colour: not among the first 2)"));
    let heat = scene.drawing.marks.iter().find_map(|mark| match mark {
        Mark::Heatmap(heatmap) if heatmap.rows == 8 && heatmap.columns == 8 => Some(heatmap.clone()),
        _ => None,
    });
    let vlscope::render::Values::Host(values) = heat.unwrap().values else { unreachable!() };
    for (patch, value) in values.iter().enumerate() {
        // Nine tokens stand before the patches; half as sure in state 1 as in the embedding.
        let is_red = (patch + 9).is_multiple_of(3);
        assert!(if is_red { (value - 0.3).abs() < 1e-6 } else { value.is_nan() }, "{patch}: {value}");
    }
    let lines = scene.drawing.marks.iter().filter(|mark| matches!(mark, Mark::Line(_))).count();
    assert!(lines < 30, "what is not known is not hatched: {lines} lines");
    let answered = case.answered(View::Image);
    let numbers = numbers_of(View::Image, &case.inputs(&answered)).unwrap();
    assert_eq!((numbers.quantity.as_str(), numbers.values.len()), ("probability of Red", 73));

    let scene = case.draw(View::Lens);
    assert!(says(&scene, "probability of “Red” (grey: not among the first 2)"));
    let answered = case.answered(View::Lens);
    let numbers = numbers_of(View::Lens, &case.inputs(&answered)).unwrap();
    assert_eq!(numbers.words[..4], ["red", "green", "green", "red"]);
    assert!((numbers.values[3] - 0.6).abs() < 1e-6 && numbers.values[1].is_nan());
}

#[test]
fn a_tip_says_what_a_token_decodes_to_at_the_selected_state() {
    let mut case = with_words(question());
    for (layer, state) in [(Pick::One(0), "state 1: red 0.30, blue 0.06"), (Pick::Mean, "output: red 0.10, blue 0.02")]
    {
        case.selection.layer = layer;
        let tip = case.draw(View::Image).tip(Target::Token { sequence: 0, token: 9 });
        assert!(tip.ends_with(&format!(" · {state}")), "{tip}");
    }
}

/// The step before wrote a token.
#[test]
fn output_tokens_have_their_alternatives() {
    let case = with_words(tiled_chat()).sized(1280.0, 720.0);
    let scene = case.draw(View::Timeline);
    assert!(says(&scene, "blue 0.02"), "beneath the words");
    let outputs: Vec<usize> = case.known.timeline.as_ref().unwrap().tokens.clone();
    let token = outputs[1];
    let first = if (token - 1).is_multiple_of(3) { "red" } else { "green" };
    let tip = scene.tip(Target::Output { layer: None, token });
    assert!(tip.ends_with(&format!(" · the step that wrote it: {first} 0.10, blue 0.02")), "{tip}");
    let narrow = with_words(tiled_chat()).sized(260.0, 300.0);
    assert!(!says(&narrow.draw(View::Timeline), "blue"), "there is no room");
}
