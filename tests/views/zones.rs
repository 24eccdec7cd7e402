//! What is pointed at is what is drawn there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails may panic")]

use std::sync::Arc;

use crate::fixtures::*;
use glam::Vec2;
use vlscope::analysis::{Direction, Pick};
use vlscope::render::{Align, Keep, Mark, Rect, Transform};
use vlscope::trace::Mask;
use vlscope::view::{Target, View, Zone};

fn heatmap(scene: &vlscope::view::Scene) -> &vlscope::render::Heatmap {
    scene
        .drawing
        .marks
        .iter()
        .find_map(|mark| if let Mark::Heatmap(heatmap) = mark { Some(heatmap) } else { None })
        .unwrap()
}

#[test]
fn the_middle_of_each_head_is_that_head() {
    for case in [many_heads().sized(320.0, 300.0), question(), encoder_decoder().sized(1200.0, 900.0)] {
        let scene = case.draw(View::Heads);
        let (layers, heads) = (case.known.statistic.layers, case.known.statistic.heads);
        let mut seen = 0;
        for zone in &scene.zones {
            let Zone::Area { rect, target } = zone else { panic!("{zone:?}") };
            assert_eq!(scene.at(rect.center()), Some(*target));
            seen += 1;
        }
        // The strongest are listed besides where there is room.
        let cells = (layers + 1) * (heads + 1);
        assert!(seen == cells || seen == cells + 10.min(layers * heads), "{seen}");
        let cell = scene.content.size() / Vec2::new(heads as f32, layers as f32);
        for (layer, head) in [(0, 0), (layers - 1, 0), (0, heads - 1), (layers - 1, heads - 1)] {
            let middle = scene.content.min + cell * (Vec2::new(head as f32, layer as f32) + 0.5);
            assert_eq!(scene.at(middle), Some(Target::Head { layer, head }));
        }
        assert_eq!(scene.at(Vec2::ZERO), None);
    }
}

#[test]
fn tips_say_name_value_and_unit() {
    let mut case = question();
    case.known.statistic.values[3 * 4 + 1] = 0.412;
    case.known.statistic.values[0] = f32::NAN;
    let scene = case.draw(View::Heads);
    assert_eq!(scene.tip(Target::Head { layer: 3, head: 1 }), "layer 3 · head 1: 0.412 (share of attention)");
    assert_eq!(scene.tip(Target::Head { layer: 0, head: 0 }), "layer 0 · head 0: no value");
    let patch = scene.tip(Target::Token { sequence: 0, token: 9 + 8 });
    assert!(patch.starts_with("color → patch (row 1, column 0): 0.0"), "{patch}");
    let cell = case.draw(View::Matrix).tip(Target::Cell { query: 2, key: 9 + 63 });
    assert!(cell.starts_with("query 2 color → key 72 patch (row 7, column 7): "), "{cell}");
    assert!(scene.tip(Target::Token { sequence: 9, token: 9 }).contains('?'));
}

/// The weight of the pair that is meant, with the selected token on the side that it has.
#[test]
fn a_tip_says_who_attends_to_whom() {
    let mut case = question();
    let tip = |case: &Case, token| case.draw(View::Image).tip(Target::Token { sequence: 0, token });
    case.selection.tokens = vec![0];
    let weights: Vec<f32> = (0..73).map(|token| token as f32 / 10_000.0).collect();
    case.known.weights = Arc::new(weights);
    assert_eq!(tip(&case, 9 + 5 * 8 + 4), "[CLS] → patch (row 5, column 4): 0.0053 (attention weight)");
    case.selection.direction = Direction::AttendedBy;
    assert_eq!(tip(&case, 9 + 5 * 8 + 4), "patch (row 5, column 4) → [CLS]: 0.0053 (attention weight)");
    case.selection.direction = Direction::AttendsTo;
    case.selection.tokens = vec![1, 9];
    assert!(tip(&case, 2).starts_with("mean of what, patch (row 0, column 0) → color: 2.0e−4"), "{}", tip(&case, 2));
    // Of two words that are alike, each says where it stands.
    case.document.sequences[0].tokens[3] = text("color");
    assert!(tip(&case, 3).contains("→ color (position 3): "), "{}", tip(&case, 3));
}

#[test]
fn every_patch_answers_at_its_middle() {
    for (case, sequence, first, patches) in
        [(question(), 0, 9, 64), (encoder_decoder(), 0, 0, 15), (multi_image().sized(320.0, 300.0), 0, 1, 4)]
    {
        let scene = case.draw(View::Image);
        for token in first..first + patches {
            let target = Target::Token { sequence, token };
            let zone = scene.zones.iter().find_map(|zone| match zone {
                Zone::Area { rect, target: of } if *of == target => Some(rect),
                _ => None,
            });
            assert_eq!(scene.at(zone.unwrap().center()), Some(target));
        }
    }
    // The token that stands for the whole image is not painted over it.
    let scene = question().draw(View::Image);
    let whole = Target::Token { sequence: 0, token: 8 };
    assert!(!scene.zones.iter().any(|zone| matches!(zone, Zone::Area { target, .. } if *target == whole)));
}

#[test]
fn a_small_box_lies_above_a_large_one() {
    let scene = boxes().draw(View::Image);
    let places: Vec<(Rect, Target)> = scene
        .zones
        .iter()
        .filter_map(|zone| if let Zone::Area { rect, target } = zone { Some((*rect, *target)) } else { None })
        .collect();
    assert_eq!(places.len(), 3);
    for (rect, target) in &places {
        let inner = places.iter().find(|(other, _)| rect.contains(other.center()) && other.size().x < rect.size().x);
        let expected = inner.map_or(*target, |(_, target)| *target);
        assert_eq!(scene.at(inner.map_or(rect.center(), |(rect, _)| rect.center())), Some(expected));
    }
}

#[test]
fn cells_answer_under_zoom_and_pan() {
    let mut case = question();
    for window in [None, Some(Rect::at(10.25, 20.5, 8.0, 8.0)), Some(Rect::at(-5.0, 60.0, 40.0, 40.0))] {
        case.options.matrix_window = window;
        let scene = case.draw(View::Matrix);
        let heatmap = heatmap(&scene);
        let cell = heatmap.rect.size() / heatmap.window.size();
        for (query, key) in [(21, 11), (27, 17), (0, 0), (72, 72), (70, 30)] {
            let middle = heatmap.rect.min + (Vec2::new(key as f32, query as f32) + 0.5 - heatmap.window.min) * cell;
            let inside = heatmap.rect.contains(middle);
            assert_eq!(scene.at(middle), inside.then_some(Target::Cell { query, key }), "{window:?}");
        }
        assert_eq!(scene.content, heatmap.rect);
    }
}

#[test]
fn the_matrix_names_tokens_where_there_is_room() {
    let mut case = question();
    let names = |case: &Case| labels(&case.draw(View::Matrix)).iter().filter(|label| label.text == "color").count();
    assert_eq!(names(&case), 0);
    case.options.matrix_window = Some(Rect::at(0.0, 0.0, 10.0, 10.0));
    assert_eq!(names(&case), 2);
    let causal = words_only().draw(View::Matrix);
    assert!(labels(&causal).iter().any(|label| label.text == "not visible"));
    // The first query sees one key of eleven.
    let rect = heatmap(&causal).rect;
    let hidden =
        causal.drawing.marks.iter().filter_map(|mark| if let Mark::Quad(quad) = mark { Some(quad.rect) } else { None });
    let first = hidden.into_iter().find(|quad| (quad.size().x - rect.size().x * 10.0 / 11.0).abs() < 0.1);
    assert!(first.is_some_and(|quad| (quad.max.y - rect.min.y - rect.size().y / 11.0).abs() < 0.1));
}

/// What is covered is what no query of the row sees in any of the layers that are shown, whatever the mask.
#[test]
fn the_matrix_covers_what_masks_hide() {
    let mut case = words_only();
    let tokens = case.document.sequences[0].tokens.len();
    let stored = [Mask::Sliding(3), Mask::Stored];
    for (masks, layer) in [
        (&[Mask::Full][..], Pick::One(1)),
        (&[Mask::Causal], Pick::One(1)),
        (&[Mask::Sliding(3)], Pick::Mean),
        (&[Mask::Prefix(4)], Pick::One(0)),
        (&[Mask::Spans(vec![0..2, 3..7])], Pick::One(0)),
        (&[Mask::CausalBut(vec![2..6, 8..9])], Pick::Max),
        (&[Mask::Sliding(2), Mask::Spans(vec![1..4, 6..9]), Mask::Full, Mask::Full], Pick::One(1)),
        (&[Mask::Sliding(2), Mask::Prefix(5), Mask::Causal, Mask::Causal], Pick::Mean),
        (&stored, Pick::One(1)),
        (&stored, Pick::Mean),
    ] {
        let block = &mut case.document.attention[0];
        block.masks = masks.to_vec();
        let shown: Vec<Mask> = layer.indices(block.layers).map(|layer| block.mask(layer).clone()).collect();
        case.selection.layer = layer;
        let scene = case.draw(View::Matrix);
        let color = case.options.theme.palette().missing;
        let covers: Vec<Rect> = scene
            .drawing
            .marks
            .iter()
            .filter_map(|mark| match mark {
                Mark::Quad(quad) if quad.fill == color => Some(quad.rect),
                _ => None,
            })
            .collect();
        let rect = heatmap(&scene).rect;
        for (query, key) in (0..tokens).flat_map(|query| (0..tokens).map(move |key| (query, key))) {
            let middle = rect.min + rect.size() / tokens as f32 * Vec2::new(key as f32 + 0.5, query as f32 + 0.5);
            // Between the first and the last key that it sees.
            let runs =
                shown.iter().map(|mask| mask.run(query, tokens).unwrap_or(0..tokens)).filter(|run| !run.is_empty());
            let [first, end] = [runs.clone().map(|run| run.start).min(), runs.map(|run| run.end).max()];
            let is_seen = first.zip(end).is_some_and(|(first, end)| (first..end).contains(&key));
            let is_covered = covers.iter().any(|cover| cover.contains(middle));
            assert_eq!(is_covered, !is_seen, "{query} on {key} under {shown:?}");
        }
        let is_triangle = masks.iter().all(|mask| matches!(mask, Mask::Causal | Mask::Sliding(_)));
        assert_eq!(labels(&scene).iter().any(|label| label.text == "not visible"), is_triangle, "{masks:?}");
    }
}

#[test]
fn a_few_large_weights_do_not_darken_the_matrix() {
    let mut case = long_prompt();
    let scene = case.draw(View::Matrix);
    assert!(heatmap(&scene).range[1] < 0.3 && case.known.matrix.contains(&1.0));
    assert!(labels(&scene).iter().any(|label| label.text == "attention weight (up to 1.00)"));
    case.options.range = Some([0.0, 0.5]);
    assert_eq!(heatmap(&case.draw(View::Matrix)).range, [0.0, 0.5]);
}

#[test]
fn numbers_at_the_axes_thin_out_but_keep_the_selected_one() {
    let mut case = many_heads().sized(320.0, 300.0);
    case.selection.head = Pick::One(7);
    let scene = case.draw(View::Heads);
    let heads: Vec<(usize, f32)> = labels(&scene)
        .iter()
        .filter(|label| label.align == Align::Center && !label.upright && label.at.y < scene.content.min.y)
        .filter_map(|label| Some((label.text.parse().ok()?, label.at.x)))
        .collect();
    assert!(heads.len() < 32 && heads.iter().any(|&(head, _)| head == 7), "{heads:?}");
    for pair in heads.windows(2) {
        assert!(pair[1].1 - pair[0].1 > 12.0, "{heads:?}");
    }
}

#[test]
fn words_answer_and_are_readable() {
    let case = multi_image();
    let scene = case.draw(View::Text);
    let shown: Vec<&str> = labels(&scene).iter().map(|label| label.text.as_str()).collect();
    for word in
        ["[CLS]", "image 0: 4 patches", "vs", "image 1: 6 patches", "ing", "日本語", "naïve", "question", "snippet"]
    {
        assert!(shown.contains(&word), "{word} is not among {shown:?}");
    }
    let words =
        scene.zones.iter().filter(|zone| matches!(zone, Zone::Area { target: Target::Token { .. }, .. })).count();
    assert_eq!(words, 8);
    let wrong = question().draw(View::Text);
    assert!(labels(&wrong).iter().any(|label| label.text == "wrong"));
}

#[test]
fn cross_attention_shows_both_sides() {
    let mut case = encoder_decoder();
    let shown = |case: &Case| labels(&case.draw(View::Text)).iter().map(|label| label.text.clone()).collect::<Vec<_>>();
    let words = shown(&case);
    assert!(words.iter().any(|text| text == "queries · decoder") && words.iter().any(|text| text == "keys · encoder"));
    case.selection.direction = Direction::AttendedBy;
    case.selection.tokens = vec![7];
    let case = case.computed();
    let scene = case.draw(View::Image);
    assert!(labels(&scene).iter().any(|label| label.text.contains("the queries hold no patch")));
    // The selected keys' patches still answer, so that others can be selected.
    assert_eq!(scene.at(scene.content.center()), Some(Target::Token { sequence: 0, token: 7 }));
}

#[test]
fn links_are_candidates_between_words_and_patches() {
    let links = |case: &Case| -> Vec<vlscope::render::Links> {
        let marks = case.draw(View::Links).drawing.marks.into_iter();
        marks.filter_map(|mark| if let Mark::Links(links) = mark { Some(links) } else { None }).collect()
    };
    let counts = |case: &Case| links(case).iter().map(|links| links.links.len()).collect::<Vec<_>>();
    let mut case = question();
    case.options.links = Keep::AtLeast(0.0);
    // Those of the selected word come last, above the others, and all are measured by the same strength.
    assert_eq!(counts(&case), [7 * 64, 64]);
    let strong =
        |query: usize| case.known.matrix[query * 73 + 9..(query + 1) * 73].iter().filter(|w| **w >= 0.02).count();
    let expected = [(0..8).filter(|&query| query != 2).map(strong).sum(), strong(2)];
    case.options.links = Keep::AtLeast(0.02);
    assert_eq!(counts(&case), expected);
    let both = links(&case);
    assert!(both.iter().all(|links| links.keep == Keep::AtLeast(0.02) && links.full_weight == both[0].full_weight));
    let amber = case.options.theme.palette().selected;
    assert!(both[1].links.iter().all(|link| link.color == amber));
    case.options.links = Keep::AtLeast(0.0);
    case.options.links_of_selection = true;
    assert_eq!(counts(&case), [64]);
    case.selection.direction = Direction::AttendedBy;
    case.options.links_of_selection = false;
    let weight = case.known.matrix[9 * 73];
    assert!(links(&case)[0].links.iter().any(|link| link.weight == weight));
    // A causal block has no weights above the diagonal: 11 words, 66 pairs.
    assert_eq!(counts(&words_only()), [66]);
    assert_eq!(counts(&encoder_decoder()), [3 * 15, 15]);
}

#[test]
fn points_answer_where_they_are_under_zoom() {
    let mut case = question();
    for view in [None, Some(Transform { scale: Vec2::splat(3.0), offset: Vec2::new(-1.2, -0.4) })] {
        case.options.embedding_view = view;
        let scene = case.draw(View::Embedding);
        let Some(Zone::Points { points, clip, .. }) = scene.zones.last() else { panic!("{:?}", scene.zones) };
        assert_eq!(points.len(), 73);
        for (token, &point) in points.iter().enumerate().filter(|(_, point)| clip.contains(**point)) {
            let Some(Target::Token { token: found, .. }) = scene.at(point) else { panic!("nothing at {point}") };
            assert!(found == token || points[found] == point);
        }
    }
}

#[test]
fn both_axes_of_the_embedding_have_the_same_scale() {
    let scene = question().sized(900.0, 300.0).draw(View::Embedding);
    let view = scene.drawing.marks.iter().find_map(|mark| if let Mark::Points(p) = mark { Some(p.view) } else { None });
    let scale = view.unwrap().scale;
    assert_eq!(scale.x, -scale.y);
    assert!(labels(&scene).iter().any(|label| label.text == "PC 1 (43 %)"));
}

/// Hovering over a patch among the hidden states shows its pixels; over a word it shows none.
#[test]
fn a_hovered_patch_shows_its_pixels() {
    let mut case = question();
    let tokens = case.document.sequences[0].tokens.clone();
    let patch = tokens.iter().position(|token| !token.special && token.image_area().is_some()).unwrap();
    let word = tokens.iter().position(|token| token.image_area().is_none()).unwrap();
    let mut pictures = |token| {
        case.hover = Some(Target::Token { sequence: 0, token });
        let scene = case.draw(View::Embedding);
        let of_mark = |mark: &Mark| if let Mark::Picture(picture) = mark { Some(picture.part) } else { None };
        scene.drawing.marks.iter().filter_map(of_mark).collect::<Vec<_>>()
    };
    let (_, area) = tokens[patch].image_area().unwrap();
    assert_eq!(pictures(patch), [Rect { min: Vec2::new(area.x0, area.y0), max: Vec2::new(area.x1, area.y1) }]);
    assert_eq!(pictures(word), []);
}

/// Under the zoom a patch answers where it is drawn, nothing lies outside of the room of the pictures, and patches that are large
/// enough have their weights written on them.
#[test]
fn patches_answer_under_zoom() {
    let mut case = question();
    let patch = |scene: &vlscope::view::Scene, token: usize| {
        let is_it =
            |zone: &Zone| matches!(zone, Zone::Area { target, .. } if *target == Target::Token { sequence: 0, token });
        let zone = scene.zones.iter().find(|zone| is_it(zone))?;
        let Zone::Area { rect, .. } = zone else { return None };
        Some(*rect)
    };
    let whole = case.draw(View::Image);
    let of_whole = patch(&whole, 9 + 5 * 8 + 2).unwrap();
    let numbers =
        |scene: &vlscope::view::Scene| labels(scene).iter().filter(|label| label.text.starts_with("0.0")).count();
    let of_bar = numbers(&whole);
    case.options.image_window = Some(Rect::at(0.25, 0.5, 0.25, 0.25));
    let zoomed = case.draw(View::Image);
    assert_eq!(zoomed.content, whole.content, "where the window is shown");
    // 8 × 8 patches: this one is the first from the left and the second from above of the quarter in sight.
    let of_zoomed = patch(&zoomed, 9 + 5 * 8 + 2).unwrap();
    let step = whole.content.size() / 8.0;
    let expected = Rect::at(whole.content.min.x, whole.content.min.y + 4.0 * step.y, 4.0 * step.x, 4.0 * step.y);
    assert!((of_whole.size() - step).abs().max_element() < 1e-3);
    assert!((of_zoomed.min - expected.min).abs().max_element() < 0.01, "{of_zoomed:?} at {expected:?}");
    assert_eq!(zoomed.at(of_zoomed.center()), Some(Target::Token { sequence: 0, token: 9 + 5 * 8 + 2 }));
    assert_eq!(patch(&zoomed, 9 + 63), None, "out of sight");
    assert!(numbers(&zoomed) > of_bar + 3, "weights are written on patches");
    let heat = heatmap(&zoomed);
    let per_cell = heat.rect.size() / heat.window.size();
    assert!((per_cell - 4.0 * step).abs().max_element() < 0.01, "the heat is zoomed as the picture is");
    let room = Rect { min: Vec2::ZERO, max: case.size };
    for mark in &zoomed.drawing.marks {
        let rect = match mark {
            Mark::Quad(quad) => quad.rect,
            Mark::Picture(picture) => picture.rect,
            Mark::Heatmap(heatmap) => heatmap.rect,
            Mark::Line(line) => Rect { min: line.from.min(line.to), max: line.from.max(line.to) },
            _ => continue,
        };
        assert!(rect.min.cmpge(room.min).all() && rect.max.cmple(room.max).all(), "{mark:?} lies outside");
    }
    // Where there is more room than for the window, more is in sight: wide is the view, and square the window.
    case.options.image_window = Some(Rect::at(0.25, 0.25, 0.5, 0.5));
    let wide = Case { size: Vec2::new(1200.0, 400.0), ..case }.draw(View::Image);
    assert!(
        heatmap(&wide).window.size().x > 7.9 && heatmap(&wide).window.size().y < 4.5,
        "{:?}",
        heatmap(&wide).window
    );
}
