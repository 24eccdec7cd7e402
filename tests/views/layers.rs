//! Layers are named by the model's own numbers, in every view that names them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails may panic")]

use std::sync::Arc;

use crate::fixtures::*;
use vlscope::analysis::timeline::Timeline;
use vlscope::analysis::{Pick, Rollout, WeightKind};
use vlscope::query::hidden_state;
use vlscope::view::{Scene, Target, View, numbers_of};

const NUMBERS: [usize; 4] = [3, 7, 11, 20];

/// Layer 11, the third of four.
fn numbered() -> Case {
    let mut case = question();
    case.document.attention[0].numbers = Some(NUMBERS.to_vec());
    case.known.statistic.layer_numbers = NUMBERS.to_vec();
    case.known.thumbnails = Some(Arc::new(thumbnails(&case.known.statistic)));
    case
}

fn shown(scene: &Scene) -> Vec<String> {
    labels(scene).iter().map(|label| label.text.clone()).collect()
}

#[test]
fn headings_and_captions_say_the_number() {
    let mut case = numbered();
    case.options.title = true;
    for view in [View::Image, View::Text, View::Matrix, View::Links] {
        let text = shown(&case.draw(view)).join("\n");
        assert!(text.contains("layer 11") && !text.contains("layer 2"), "{view}: {text}");
    }
    case.selection.weights = WeightKind::Rollout(Rollout { start: 1, ..Rollout::default() });
    let text = shown(&case.draw(View::Matrix)).join("\n");
    assert!(text.contains("rollout of layers 7 to 11"), "{text}");
}

#[test]
fn axes_and_tips_say_the_number() {
    let mut case = numbered();
    for view in [View::Heads, View::Thumbnails] {
        let scene = case.draw(view);
        let text = shown(&scene);
        assert!(NUMBERS.iter().all(|number| text.contains(&number.to_string())), "{view}: {text:?}");
        let tip = scene.tip(Target::Head { layer: 3, head: 0 });
        assert!(tip.starts_with("layer 20 · head 0"), "{view}: {tip}");
    }
    let tip = case.draw(View::Heads).tip(Target::LayerMean { layer: 1 });
    assert!(tip.starts_with("layer 7 · mean of heads"), "{tip}");
    let masses = vec![[0.25; 4]; 4];
    case.known.timeline = Some(Arc::new(Timeline { tokens: vec![0], masses, layers: 4, ..Timeline::default() }));
    let scene = case.draw(View::Timeline);
    assert!(NUMBERS.iter().all(|number| shown(&scene).contains(&number.to_string())), "{:?}", shown(&scene));
    let tip = scene.tip(Target::Output { layer: Some(1), token: 0 });
    assert!(tip.contains("layer 7: "), "{tip}");
}

#[test]
fn exported_axes_have_the_numbers() {
    let mut case = numbered();
    let masses = vec![[0.25; 4]; 4];
    case.known.timeline = Some(Arc::new(Timeline { tokens: vec![0], masses, layers: 4, ..Timeline::default() }));
    for view in [View::Thumbnails, View::Timeline] {
        let answered = case.answered(view);
        let found = numbers_of(view, &case.inputs(&answered)).unwrap();
        let layers = found.axes.iter().find(|axis| axis.name == "layer").unwrap();
        assert_eq!(layers.labels, NUMBERS.map(|number| number.to_string()), "{view}");
    }
    case.document.attention[0].numbers = None;
    let answered = case.answered(View::Timeline);
    let found = numbers_of(View::Timeline, &case.inputs(&answered)).unwrap();
    assert!(found.axes[0].labels.is_empty(), "layers that are counted need no names");
}

/// Hidden state `l + 1` is what layer `l` put out, by the model's own numbers.
#[test]
fn the_hidden_state_is_that_of_the_number() {
    let mut case = numbered();
    case.document.hidden[0].states = 25;
    let mut state = |layer| {
        case.selection.layer = layer;
        hidden_state(&case.document, &case.selection, None)
    };
    assert_eq!(state(Pick::One(1)), Some((0, 8)));
    assert_eq!(state(Pick::One(3)), Some((0, 21)));
    assert_eq!(state(Pick::Mean), Some((0, 24)));
}
