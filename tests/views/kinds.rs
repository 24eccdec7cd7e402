//! Kinds of weights: what the views say of them, and colours of values that have a sign.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use vlscope::analysis::{Pick, Selection, WeightKind};
use vlscope::render::colormap::Colormap;
use vlscope::render::{Heatmap, Mark};
use vlscope::trace::Relevance;
use vlscope::view::{Scene, View};

use crate::fixtures::{Case, labels, question};

fn relevant(signed: bool) -> Case {
    let mut case = question();
    case.document.relevance = vec![Relevance {
        name: "gradient".to_owned(),
        sequence: 0,
        target_sequence: 0,
        targets: vec![2, 4],
        block: None,
        signed,
        source: Some("a paper".to_owned()),
    }];
    case.selection.weights = WeightKind::Relevance("gradient".to_owned());
    if signed {
        // Patches against, words for the output.
        let weights = case.known.weights.iter().enumerate().map(|(token, w)| if token > 8 { -w } else { *w });
        case.known.weights = Arc::new(weights.collect());
        let matrix = case.known.matrix.iter().enumerate().map(|(at, w)| if at % 3 == 0 { -w } else { *w });
        case.known.matrix = Arc::new(matrix.collect());
    }
    case
}

fn heatmap(scene: &Scene) -> &Heatmap {
    let heatmaps = scene.drawing.marks.iter().filter_map(|mark| match mark {
        Mark::Heatmap(heatmap) => Some(heatmap),
        _ => None,
    });
    heatmaps.max_by_key(|heatmap| heatmap.rows.min(heatmap.columns)).unwrap()
}

fn says(scene: &Scene, words: &str) -> bool {
    labels(scene).iter().any(|label| label.text.contains(words))
}

#[test]
fn values_with_a_sign_have_colours_of_two_sides_around_zero() {
    let case = relevant(true);
    let peak = case.known.weights.iter().map(|weight| weight.abs()).fold(0.0, f32::max);
    for view in [View::Image, View::Text, View::Matrix] {
        let scene = case.draw(view);
        let bar = scene.bar.unwrap();
        assert_eq!(bar.range[0], -bar.range[1], "{view}");
        assert!(says(&scene, "relevance gradient (below 0: against the output)"), "{view}");
        assert!(!says(&scene, "uniform") && !says(&scene, "share of"), "{view}: there are no shares");
        if view == View::Matrix {
            assert_eq!(heatmap(&scene).colormap, Colormap::RedBlue);
        }
        if view == View::Image {
            assert_eq!(heatmap(&scene).colormap, Colormap::RedBlueVeil, "0 lets the picture through");
            assert!(bar.range[1] <= peak && heatmap(&scene).range == bar.range);
        }
    }
    let mut chosen = relevant(true);
    chosen.options.colormap = Some(Colormap::Greys);
    chosen.options.fade = false;
    assert_eq!(heatmap(&chosen.draw(View::Image)).colormap, Colormap::RedBlue, "one side would not tell the sign");
}

#[test]
fn links_of_values_with_a_sign_are_told_apart_by_it() {
    let scene = relevant(true).draw(View::Links);
    assert!(says(&scene, "for the output") && says(&scene, "against it"));
    let links: Vec<_> = scene
        .drawing
        .marks
        .iter()
        .filter_map(|mark| if let Mark::Links(links) = mark { Some(links.links.to_vec()) } else { None })
        .flatten()
        .collect();
    let mut colors: Vec<[u8; 3]> =
        links.iter().map(|link| [link.color.0[0], link.color.0[1], link.color.0[2]]).collect();
    colors.sort_unstable();
    colors.dedup();
    assert_eq!(colors.len(), 2);
    assert!(links.iter().all(|link| link.weight > 0.0), "a width is no sign");
}

#[test]
fn what_is_shown_is_named() {
    let mut case = relevant(false);
    assert!(says(&case.draw(View::Image), "Relevance gradient for color · whole model"));
    assert!(says(&case.draw(View::Text), "share of the relevance gradient"), "without a sign there are shares");
    case.selection.tokens.clear();
    assert!(says(&case.draw(View::Image), "Relevance gradient for color, the"), "its outputs, where none is selected");
    assert!(says(
        &case.draw(View::Overlays),
        "Relevance gradient is not divided among heads: the image view shows it."
    ));
    assert!(says(&case.draw(View::Matrix), "rows of the outputs that the relevance is for: 2 of 73 queries"));

    let mut case = question();
    case.selection = Selection { weights: WeightKind::NormWeighted, head: Pick::Mean, ..case.selection };
    for (view, words) in [
        (View::Image, "Norm-weighted attention of color"),
        (View::Image, "norm-weighted attention (weight × ‖W·v‖, rows sum to 1)"),
        (View::Text, "share of the norm-weighted attention"),
        (View::Matrix, "norm-weighted attention (weight × ‖W·v‖, rows sum to 1)"),
        (View::Links, "width: norm-weighted attention"),
        (View::Overlays, "norm-weighted attention"),
        (View::Thumbnails, "norm-weighted attention of a cell"),
    ] {
        assert!(says(&case.draw(view), words), "{view}: {words}");
    }
    let tip = case.draw(View::Image).tip(vlscope::view::Target::Token { sequence: 0, token: 20 });
    assert!(tip.ends_with("(norm-weighted attention)"), "{tip}");
}
