//! Two traces side by side: one scale for both, the difference in colours around 0, and what has no partner.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails may panic")]

use std::sync::Arc;

use crate::fixtures::*;
use vlscope::render::colormap::Colormap;
use vlscope::render::{Fonts, Heatmap, Mark, Rect};
use vlscope::view::{
    CompareView, ComparedHeads, Scene, Target, View, Zone, compared_image, compared_text, draw_comparison,
};

/// What is known of both, for a view of one.
fn answered(view: View, a: &Case, b: &Case) -> [Answered; 2] {
    [a.answered(view), b.answered(view)]
}

fn compare(view: CompareView, a: &Case, b: &Case) -> Scene {
    let of_one = match view {
        CompareView::Heads => View::Heads,
        CompareView::Image => View::Image,
        CompareView::Text => View::Text,
    };
    let [of_a, of_b] = answered(of_one, a, b);
    draw_comparison(view, &a.inputs(&of_a), &b.inputs(&of_b), &mut Fonts::new())
}

fn texts(scene: &Scene) -> Vec<String> {
    labels(scene).iter().map(|label| label.text.clone()).collect()
}

fn heatmaps(scene: &Scene) -> Vec<&Heatmap> {
    let marks = scene.drawing.marks.iter();
    marks.filter_map(|mark| if let Mark::Heatmap(heatmap) = mark { Some(heatmap) } else { None }).collect()
}

/// The colour bars: A's and B's, and that of the difference.
fn bars(scene: &Scene) -> Vec<&Heatmap> {
    heatmaps(scene).into_iter().filter(|heatmap| heatmap.columns == 256).collect()
}

fn wide(mut case: Case) -> Case {
    case.options.statistic.clone_from(&case.known.statistic.name);
    case.computed().sized(1200.0, 480.0)
}

#[test]
fn the_same_trace_has_no_difference() {
    let case = wide(question());
    let known = answered(View::Text, &case, &case);
    let (a, b) = (case.inputs(&known[0]), case.inputs(&known[1]));
    let text = compared_text(&a, &b);
    assert!(text.len() == 8 && text.iter().all(|row| row.difference() == 0.0 && row.a == row.b));
    let image = compared_image(&a, &b, 0);
    assert!(image.note.is_none() && image.patches.len() == 64);
    assert!(image.patches.iter().all(|patch| patch.difference() == 0.0));
    let heads = ComparedHeads::of(&case.known.statistic, &case.known.statistic);
    assert!(heads.notes.is_empty() && heads.differences().iter().all(|difference| *difference == 0.0));
}

#[test]
fn a_planted_difference_is_found_and_scales_are_one() {
    let (a, mut b) = (wide(question()), wide(question()));
    let mut weights = b.known.weights.to_vec();
    weights[20] += 0.75;
    b.known.weights = Arc::new(weights);
    b.known.statistic.values[5] -= 0.5;
    let known = answered(View::Image, &a, &b);
    let image = compared_image(&a.inputs(&known[0]), &b.inputs(&known[1]), 0);
    let changed: Vec<_> = image.patches.iter().filter(|patch| patch.difference() != 0.0).collect();
    assert_eq!((changed.len(), changed[0].a.clone()), (1, 20..21));
    assert!((changed[0].difference() + 0.75).abs() < 1e-6);

    let scene = compare(CompareView::Image, &a, &b);
    let bars_of = bars(&scene);
    assert_eq!(bars_of.len(), 2, "one for both, one for the difference");
    let peak = b.known.weights[20];
    assert_eq!(bars_of[0].range, [0.0, peak]);
    assert_eq!((bars_of[1].range, bars_of[1].colormap), ([-0.75, 0.75], Colormap::RedBlue));
    let of_images: Vec<_> = heatmaps(&scene).into_iter().filter(|heatmap| heatmap.columns == 8).collect();
    assert_eq!(of_images.len(), 2);
    assert!(of_images.iter().all(|heatmap| heatmap.range == [0.0, peak]), "the scale is locked");

    let scene = compare(CompareView::Heads, &a, &b);
    let range = bars(&scene)[1].range;
    assert!((range[1] - 0.5).abs() < 1e-6 && range[0] == -range[1]);
    let tip = scene.tip(Target::Head { layer: 5 / a.known.statistic.heads, head: 5 % a.known.statistic.heads });
    assert!(tip.contains("A − B 0.5") && tip.contains("· B "), "{tip}");
}

#[test]
fn both_are_named_with_what_they_said() {
    let (mut a, mut b) = (wide(question()), wide(question()));
    a.document.model.insert("name".to_owned(), "base".into());
    b.document.model.insert("name".to_owned(), "tuned".into());
    b.document.id = Some("other".to_owned());
    a.document.outputs.insert("prediction".to_owned(), "red".into());
    a.document.outputs.insert("correct".to_owned(), true.into());
    b.document.outputs.insert("prediction".to_owned(), "green".into());
    b.document.outputs.insert("correct".to_owned(), false.into());
    for view in CompareView::ALL {
        let said = texts(&compare(view, &a, &b));
        for words in
            ["A · easy-vqa/test/00017", "B · other", "A − B", "base", "tuned", "red", "green", "right", "wrong"]
        {
            assert!(said.iter().any(|text| text == words), "{view}: {words} is not in {said:?}");
        }
    }
}

#[test]
fn what_has_no_partner_is_said() {
    let (a, mut b) = (wide(question()), wide(question()));
    b.known.statistic = statistic(6, 2, false);
    let compared = ComparedHeads::of(&a.known.statistic, &b.known.statistic);
    let (layers, heads) = (a.known.statistic.layers, a.known.statistic.heads);
    assert!(layers < 5 && heads > 3, "the fixture has {layers} × {heads}");
    assert_eq!(
        compared.notes,
        [format!("layers {layers} to 5 are in B alone"), format!("heads 2 to {} are in A alone", heads - 1)]
    );
    assert_eq!(compared.differences().iter().filter(|difference| difference.is_finite()).count(), layers * 2);
    assert!(texts(&compare(CompareView::Heads, &a, &b)).iter().any(|text| text.contains("are in B alone")));

    let mut b = wide(question());
    let tokens = &mut b.document.sequences[0].tokens;
    tokens.truncate(9);
    tokens.extend(patches(0, 4, 4));
    let b = b.computed();
    let known = answered(View::Image, &a, &b);
    let found = compared_image(&a.inputs(&known[0]), &b.inputs(&known[1]), 0);
    assert_eq!(found.note.as_deref(), Some("The patches have other places: A has 8×8 patches, B 4×4 patches."));
    assert!(found.patches.is_empty());
    let scene = compare(CompareView::Image, &a, &b);
    assert!(texts(&scene).iter().any(|text| text.starts_with("The patches have other places")));
}

#[test]
fn words_of_one_alone_are_signed_and_answer_to_nothing_of_the_other() {
    let (a, mut b) = (wide(question()), question());
    b.document.sequences[0].tokens[2] = text("big");
    b.document.sequences[0].tokens.insert(3, text("colour"));
    let b = wide(b);
    let scene = compare(CompareView::Text, &a, &b);
    let said = texts(&scene);
    for words in ["− color", "+ big", "+ colour", "− in A alone: 1; + in B alone: 2"] {
        assert!(said.iter().any(|text| text == words), "{words} is not in {said:?}");
    }
    let words = |place: usize| a.document.sequences[0].tokens[place].text().unwrap_or_default().to_owned();
    // 'is' is token 3 of A and token 4 of B: under the pointer it is A's, wherever it stands.
    let is =
        labels(&scene).into_iter().filter(|label| label.text == words(3)).map(|label| label.at).collect::<Vec<_>>();
    assert_eq!(is.len(), 3);
    for at in is {
        assert_eq!(scene.at(at), Some(Target::Token { sequence: 0, token: 3 }));
    }
    let big = labels(&scene).into_iter().find(|label| label.text == "big").unwrap().at;
    assert_eq!(scene.at(big), None);
}

#[test]
fn everything_lies_inside_at_every_size() {
    for (width, height) in [(1280.0, 720.0), (900.0, 300.0), (320.0, 900.0), (240.0, 160.0), (40.0, 30.0)] {
        for view in CompareView::ALL {
            let (a, b) = (wide(question()).sized(width, height), wide(question()));
            let scene = compare(view, &a, &b);
            let inside = Rect::at(-1.0, -1.0, width + 2.0, height + 2.0);
            let zones = scene.zones.iter().filter_map(|zone| match zone {
                Zone::Area { rect, .. } => Some(*rect),
                _ => None,
            });
            let all: Vec<Rect> = zones.collect();
            assert!(
                all.iter().all(|rect| inside.contains(rect.min) && inside.contains(rect.max)),
                "{view} {width}×{height}"
            );
            assert!(width < 500.0 || !all.is_empty(), "{view} {width}×{height}");
        }
    }
}
