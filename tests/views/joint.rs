//! Queries and keys in one plane.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use vlscope::analysis::{Direction, Pick};
use vlscope::query::QueriesAndKeys;
use vlscope::render::{Color, Line, Mark, Point};
use vlscope::trace::Stored;
use vlscope::view::{ColorBy, Scene, Target, View, Zone, numbers_of};

use crate::fixtures::{Case, labels, noise, question};

const TOKENS: usize = 73;

/// Queries at random places, and each key a little to the right of the query of its token.
fn with_queries() -> Case {
    let mut case = question().sized(900.0, 700.0);
    case.document.attention[0].stored = Stored::QueriesKeys { scale: None, softcap: None };
    let queries: Vec<[f32; 2]> = (0..TOKENS).map(|token| [noise(token) * 4.0, noise(token + 300) * 4.0]).collect();
    let keys = queries.iter().map(|[x, y]| [x + 0.1, *y]).collect();
    let norms = (0..TOKENS).map(|token| 1.0 + token as f32).collect::<Vec<_>>();
    case.known.joint = Some(Arc::new(QueriesAndKeys {
        queries,
        keys,
        query_norms: norms.clone(),
        key_norms: norms,
        scale: 2.0,
        correlation: -0.75,
        explained: [0.5, 0.25],
        ..QueriesAndKeys::default()
    }));
    (case.selection.layer, case.selection.head) = (Pick::One(2), Pick::One(1));
    case
}

fn says(scene: &Scene, words: &str) -> bool {
    labels(scene).iter().any(|label| label.text.contains(words))
}

fn discs(scene: &Scene) -> Vec<Point> {
    let all =
        scene.drawing.marks.iter().filter_map(|mark| if let Mark::Points(points) = mark { Some(points) } else { None });
    all.flat_map(|points| points.points.iter().copied()).collect()
}

fn lines(scene: &Scene, color: Color) -> Vec<Line> {
    let is_of = |line: &&Line| line.color.0[..3] == color.0[..3];
    let all = scene.drawing.marks.iter().filter_map(|mark| if let Mark::Line(line) = mark { Some(line) } else { None });
    all.filter(is_of).copied().collect()
}

#[test]
fn queries_are_discs_and_keys_rings_of_the_token_s_colour() {
    let mut case = with_queries();
    case.selection.tokens.clear();
    let scene = case.draw(View::Joint);
    assert!(says(&scene, "Queries and keys · layer 2 · head 1"));
    assert!(says(&scene, "r = -0.75 · queries × 2.00, keys ÷ 2.00"), "{:?}", labels(&scene));
    assert!(says(&scene, "● query  ○ key") && says(&scene, "PC 1 (50 %)"));
    // A ring is a disc with a hole.
    assert_eq!(discs(&scene).len(), 3 * TOKENS);
    let palette = case.options.theme.palette();
    let of = |color: Color| discs(&scene).iter().filter(|disc| disc.fill == color).count();
    assert_eq!([of(palette.patch), of(palette.background)], [2 * 65, TOKENS], "patches twice, and a hole a key");
    let zones = scene
        .zones
        .iter()
        .filter(|zone| matches!(zone, Zone::Points { points, sequence: 0, .. } if points.len() == TOKENS));
    assert_eq!(zones.count(), 2, "both are to be pointed at");
}

#[test]
fn a_selected_query_is_linked_to_the_keys_that_it_attends_to_most() {
    let mut case = with_queries();
    let scene = case.draw(View::Joint);
    let palette = case.options.theme.palette();
    let links = lines(&scene, palette.selected);
    assert_eq!(links.len(), 16);
    let widest = links.iter().max_by(|a, b| a.width.total_cmp(&b.width)).unwrap();
    let weights = case.known.weights.clone();
    let best = (0..TOKENS).max_by(|&a, &b| weights[a].total_cmp(&weights[b])).unwrap();
    let Some(Zone::Points { points, .. }) = scene.zones.iter().rfind(|zone| matches!(zone, Zone::Points { .. })) else {
        unreachable!()
    };
    assert!(widest.to.distance(points[best]) < 1e-3, "to the key with the largest weight");
    let selected = discs(&scene).iter().filter(|disc| disc.fill == palette.selected).count();
    assert_eq!(selected, 1, "the query, and not the key of the same token");

    case.selection.direction = Direction::AttendedBy;
    let scene = case.computed().draw(View::Joint);
    assert_eq!(lines(&scene, palette.selected).len(), 16);
}

#[test]
fn without_a_head_each_has_a_small_plane_whose_name_selects_it() {
    let mut case = with_queries();
    case.selection.head = Pick::Mean;
    let scene = case.draw(View::Joint);
    assert!(says(&scene, "layer 2 · every head") && says(&scene, "head 3 · r -0.75"));
    assert_eq!(discs(&scene).len(), 4 * 3 * TOKENS);
    for head in 0..4 {
        let is_of = |zone: &&Zone| matches!(zone, Zone::Area { target: Target::Head { layer: 2, head: of }, .. } if *of == head);
        assert_eq!(scene.zones.iter().filter(is_of).count(), 1);
    }
    let answered = case.answered(View::Joint);
    let numbers = numbers_of(View::Joint, &case.inputs(&answered)).unwrap();
    assert_eq!(numbers.values.len(), 4 * 2 * TOKENS * 2);
    let points = numbers.axes.iter().find(|axis| axis.name == "point").unwrap();
    assert!(
        points.labels[2].starts_with("query ") && points.labels[TOKENS + 2].starts_with("key "),
        "{:?}",
        points.labels
    );
}

#[test]
fn colours_may_be_positions_and_norms() {
    let mut case = with_queries();
    case.selection.tokens.clear();
    for (by, label) in [(ColorBy::Position, "position in the sequence"), (ColorBy::Norm, "norm of queries and keys")] {
        case.options.embedding.color_by = by;
        let scene = case.draw(View::Joint);
        assert!(scene.bar.is_some() || says(&scene, label), "{by:?}");
        let mut fills: Vec<_> = discs(&scene).iter().map(|disc| disc.fill.0).collect();
        fills.sort_unstable();
        fills.dedup();
        assert!(fills.len() > 40, "{} colours", fills.len());
    }
}

#[test]
fn what_is_not_there_is_said() {
    assert!(says(&question().draw(View::Joint), "holds attention weights, not the queries and keys"));
    let mut waiting = with_queries();
    waiting.known.joint = None;
    assert!(says(&waiting.draw(View::Joint), "not here yet"));
    let mut lost = with_queries();
    let nan = QueriesAndKeys {
        queries: vec![[f32::NAN; 2]; TOKENS],
        keys: vec![[f32::NAN; 2]; TOKENS],
        ..QueriesAndKeys::default()
    };
    lost.known.joint = Some(Arc::new(nan));
    assert!(says(&lost.draw(View::Joint), "not finite"));
    let tiny = with_queries().sized(90.0, 60.0).draw(View::Joint);
    assert!(labels(&tiny).iter().all(|label| label.at.is_finite()));
}
