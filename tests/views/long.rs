//! Strings of megabytes, wherever a trace may have them: drawn at once, and shortened.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::time::{Duration, Instant};

use crate::fixtures::*;
use serde_json::json;
use vlscope::render::{Fonts, to_svg};
use vlscope::trace::{Content, LINE_LETTERS, NAME_LETTERS};
use vlscope::view::{Caption, Target, View, summary, token_names};

const BYTES: usize = 5 << 20;

fn long(seed: usize) -> String {
    format!("begins {seed} ").chars().chain("words without an end ".chars().cycle()).take(BYTES).collect()
}

/// An id, names, labels, outputs and tokens of 5 MB each.
fn endless(mut case: Case) -> Case {
    let document = &mut case.document;
    document.id = Some(long(0));
    document.model.insert("name".to_owned(), json!(long(1)));
    document.outputs =
        [("prediction", 2), ("answer", 3)].map(|(key, seed)| (key.to_owned(), json!(long(seed)))).into_iter().collect();
    document.regions.iter_mut().for_each(|region| region.label = long(4));
    document.attention.iter_mut().for_each(|block| block.name = long(5));
    for sequence in &mut document.sequences {
        sequence.name = long(6);
        let mut texts =
            sequence.tokens.iter_mut().filter(|token| matches!(token.content, Content::Text(_)) && !token.special);
        for (at, token) in texts.by_ref().take(2).enumerate() {
            token.content = Content::Text(if at == 0 { "x".repeat(BYTES) } else { long(7) });
            token.segment = Some(long(8 + at));
        }
    }
    case.known.statistic.label = long(10);
    case.known.statistic.unit = long(11);
    case.options.caption = Some(Caption::Auto);
    case.computed()
}

#[test]
fn every_view_is_drawn_at_once_and_its_words_are_short() {
    for (name, case) in [("question", question()), ("encoder-decoder", encoder_decoder()), ("words", words_only())] {
        let case = endless(case);
        for view in View::all() {
            let mut fonts = Fonts::new();
            let known = case.answered(view);
            let begun = Instant::now();
            let scene = vlscope::view::draw(view, &case.inputs(&known), &mut fonts);
            let svg = to_svg(&scene.drawing).unwrap();
            let took = begun.elapsed();
            assert!(took < Duration::from_secs(2), "{name}, {view}: {took:?}");
            assert!(svg.len() < BYTES, "{name}, {view}: {} bytes", svg.len());
            for label in labels(&scene) {
                assert!(label.text.chars().count() <= LINE_LETTERS, "{name}, {view}: {}", label.text.len());
            }
        }
    }
}

#[test]
fn tips_and_names_are_short() {
    let case = endless(question());
    let begun = Instant::now();
    let scene = case.draw(View::Text);
    for token in 0..case.document.sequences[0].tokens.len() {
        let target = Target::Token { sequence: 0, token };
        assert!(scene.tip(target).chars().count() <= LINE_LETTERS + 1, "{target:?}");
    }
    assert!(scene.tip(Target::LayerMean { layer: 0 }).chars().count() <= LINE_LETTERS + 1);
    assert!(summary(&case.inputs(&case.answered(View::Text))).is_some_and(|line| line.chars().count() <= LINE_LETTERS));
    let names = token_names(&case.document.sequences[0].tokens);
    assert!(names.iter().all(|name| name.chars().count() <= NAME_LETTERS + 1));
    assert!(names.iter().any(|name| name.ends_with('…')));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}
