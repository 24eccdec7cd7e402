//! What can be chosen about the hidden states view shows in its marks, labels and zones.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails may panic")]

use std::sync::Arc;

use crate::fixtures::*;
use glam::Vec2;
use vlscope::analysis::Direction;
use vlscope::analysis::neighbours::{Metric, Neighbour};
use vlscope::analysis::projection::{Align, Method};
use vlscope::analysis::similarity::Similarity;
use vlscope::query::{NearTokens, Neighbours, Projection};
use vlscope::render::{Fonts, Line, Mark, Picture, Point, Quad};
use vlscope::trace::Modality;
use vlscope::view::{ColorBy, Scene, SizeBy, Target, View, Zone};

/// A question whose tokens drift to the right from state to state, with all that the view may show.
fn drifting() -> Case {
    let mut case = question();
    let first = case.known.projection.as_ref().unwrap().as_ref().clone();
    let at = |state: usize| first.points.iter().map(|&[x, y]| [x + state as f32, y]).collect::<Vec<_>>();
    let tokens = first.points.len();
    let near = |token: usize| Neighbour { token, distance: token as f32 / 100.0 };
    let list = NearTokens { same: vec![near(3), near(4)], other: vec![near(20)] };
    case.known.neighbours = Some(Arc::new(Neighbours {
        sequence: 0,
        state: 3,
        by_metric: [list.clone(), NearTokens { same: vec![near(5)], ..list }],
    }));
    case.known.received = Arc::new((0..tokens).map(|token| token as f32 / tokens as f32).collect());
    case.known.row_entropy = Arc::new((0..tokens).map(|token| token as f32 / 10.0).collect());
    let mut projection = Projection {
        path: Arc::new((0..5).map(at).collect()),
        norms: Arc::new((0..tokens).map(|token| 10.0 + token as f32).collect()),
        points: at(3),
        ..first
    };
    projection.recipe.align = Align::Shared;
    case.known.projection = Some(Arc::new(projection));
    case
}

fn of_kind<'a, T>(scene: &'a Scene, kind: impl Fn(&'a Mark) -> Option<&'a T> + 'a) -> Vec<&'a T> {
    scene.drawing.marks.iter().filter_map(kind).collect()
}

fn lines(scene: &Scene) -> Vec<&Line> {
    of_kind(scene, |mark| if let Mark::Line(line) = mark { Some(line) } else { None })
}

fn pictures(scene: &Scene) -> Vec<&Picture> {
    of_kind(scene, |mark| if let Mark::Picture(picture) = mark { Some(picture) } else { None })
}

fn quads(scene: &Scene) -> Vec<&Quad> {
    of_kind(scene, |mark| if let Mark::Quad(quad) = mark { Some(quad) } else { None })
}

fn discs(scene: &Scene) -> Vec<Point> {
    let all = of_kind(scene, |mark| if let Mark::Points(points) = mark { Some(points) } else { None });
    all.iter().flat_map(|points| points.points.iter().copied()).collect()
}

fn says(scene: &Scene, words: &str) -> bool {
    labels(scene).iter().any(|label| label.text.contains(words))
}

#[test]
fn the_fit_is_named_and_its_notes_are_shown() {
    let mut case = drifting();
    let mut projection = case.known.projection.as_ref().unwrap().as_ref().clone();
    projection.recipe.method = Method::Tsne;
    projection.notes = vec!["perplexity 4.3: as much as 14 tokens allow".to_owned()];
    case.known.projection = Some(Arc::new(projection.clone()));
    let scene = case.draw(View::Embedding);
    assert!(says(&scene, "t-SNE, one fit for all states") && says(&scene, "perplexity 4.3") && says(&scene, "t-SNE 1"));
    projection.recipe.method = Method::Pca;
    projection.recipe.align = Align::Procrustes;
    case.known.projection = Some(Arc::new(projection));
    assert!(says(&case.draw(View::Embedding), "dimension 1 (PCA, turned)"));
}

#[test]
fn the_plot_stands_still_while_states_change() {
    let mut case = drifting();
    let view = |case: &Case| {
        let scene = case.draw(View::Embedding);
        of_kind(&scene, |mark| if let Mark::Points(points) = mark { Some(points) } else { None })[0].view
    };
    let before = view(&case);
    let mut projection = case.known.projection.as_ref().unwrap().as_ref().clone();
    projection.points = projection.path[1].clone();
    projection.state = 1;
    case.known.projection = Some(Arc::new(projection));
    assert_eq!(before, view(&case));
}

#[test]
fn selected_tokens_have_their_way_through_the_states() {
    let mut case = drifting();
    let amber = case.options.theme.palette().selected;
    let way = |case: &Case| -> Vec<Line> {
        let scene = case.draw(View::Embedding);
        lines(&scene).into_iter().filter(|line| line.color.0[..3] == amber.0[..3]).copied().collect()
    };
    assert!(way(&case).is_empty());
    case.options.embedding.trajectories = true;
    let four = way(&case);
    assert_eq!(four.len(), 4, "five states");
    for pair in four.windows(2) {
        assert_eq!(pair[0].to, pair[1].from);
        assert!(pair[0].color.0[3] < pair[1].color.0[3] && pair[0].to.x > pair[0].from.x);
    }
    assert!(says(&case.draw(View::Embedding), "0"));
    case.selection.tokens = vec![2, 40];
    assert_eq!(way(&case).len(), 8);
    case.selection.tokens.clear();
    assert!(says(&case.draw(View::Embedding), "select tokens to see their way"));
    let mut alone = question();
    alone.options.embedding.trajectories = true;
    assert!(way(&alone).is_empty());
    assert!(says(&alone.draw(View::Embedding), "trajectories need one fit for all states"));
}

#[test]
fn colours_are_values_with_a_bar_or_names_with_a_legend() {
    let mut case = drifting();
    for name in ["text (6)", "special (2)", "image (65)", "selected (1)"] {
        assert!(says(&case.draw(View::Embedding), name), "{name}");
    }
    for (color_by, label) in [
        (ColorBy::Norm, "norm of the state"),
        (ColorBy::Received, "attention received"),
        (ColorBy::Entropy, "entropy of the token's attention"),
        (ColorBy::Selection, "attention weight"),
    ] {
        case.options.embedding.color_by = color_by;
        let scene = case.draw(View::Embedding);
        assert!(says(&scene, label), "{color_by}");
        let mut colors: Vec<[u8; 4]> = discs(&scene).iter().map(|disc| disc.fill.0).collect();
        colors.sort_unstable();
        colors.dedup();
        assert!(colors.len() > 4, "{color_by}: {colors:?}");
        // The selection is told by its ring, since the fill is the value.
        let amber = case.options.theme.palette().selected;
        assert_eq!(discs(&scene).iter().filter(|disc| disc.stroke == amber).count(), 1, "{color_by}");
    }
    case.options.embedding.color_by = ColorBy::Segment;
    assert!(says(&case.draw(View::Embedding), "this trace names no segments"));
    let mut named = multi_image();
    named.options.embedding.color_by = ColorBy::Segment;
    let scene = named.draw(View::Embedding);
    assert!(says(&scene, "question (5)") && says(&scene, "snippet (1)") && says(&scene, "image (10)"));
}

#[test]
fn what_has_no_values_says_so() {
    let mut case = encoder_decoder();
    case.selection.direction = Direction::AttendedBy;
    case.options.embedding.color_by = ColorBy::Selection;
    assert!(says(&case.draw(View::Embedding), "no weights over these tokens"));
}

#[test]
fn sizes_follow_the_attention_received() {
    let mut case = drifting();
    let radii = |case: &Case| discs(&case.draw(View::Embedding)).iter().map(|disc| disc.radius).collect::<Vec<_>>();
    let equal = radii(&case);
    assert_eq!(equal.iter().filter(|&&radius| radius == equal[0]).count(), equal.len() - 1, "one is selected");
    case.options.embedding.size_by = SizeBy::Received;
    case.selection.tokens.clear();
    let by_attention = radii(&case);
    assert!(by_attention.is_sorted() && by_attention[0] < by_attention[by_attention.len() - 1], "{by_attention:?}");
    assert!(says(&case.draw(View::Embedding), "area: attention received"));
}

#[test]
fn patches_are_squares_or_pictures() {
    let mut case = drifting();
    assert!(pictures(&case.draw(View::Embedding)).is_empty());
    let squares = quads(&case.draw(View::Embedding)).len();
    case.options.embedding.pictures = true;
    let scene = case.draw(View::Embedding);
    let tokens = &case.document.sequences[0].tokens;
    let patches = tokens.iter().filter(|token| token.modality() == Modality::Image).count();
    assert!(pictures(&scene).len() > patches * 9 / 10 && pictures(&scene).len() <= patches);
    assert_eq!(quads(&scene).len(), squares, "a frame for each");
}

#[test]
fn nearest_tokens_are_listed_and_answer() {
    let mut case = drifting().sized(800.0, 500.0);
    case.options.embedding.neighbours = Some(Metric::Cosine);
    let scene = case.draw(View::Embedding);
    for words in ["nearest words, cosine distance", "nearest patches, cosine distance", "is", "0.030", "0.200"] {
        assert!(labels(&scene).iter().any(|label| label.text == words), "{words}");
    }
    let rows: Vec<Target> = scene
        .zones
        .iter()
        .filter_map(|zone| if let Zone::Area { target, .. } = zone { Some(*target) } else { None })
        .collect();
    assert_eq!(rows, [3, 4, 20].map(|token| Target::Token { sequence: 0, token }));
    case.options.embedding.neighbours = Some(Metric::Euclidean);
    assert!(says(&case.draw(View::Embedding), "euclidean distance"));
    case.known.neighbours = None;
    assert!(says(&case.draw(View::Embedding), "Select a token"));
    // Below the plot where it is narrow.
    let narrow = case.sized(300.0, 500.0).draw(View::Embedding);
    assert!(says(&narrow, "Select a token") && narrow.content.max.y < 340.0);
}

/// Tokens are those of the first sequence that has hidden states.
#[test]
fn a_trace_without_attention_has_selected_tokens_all_the_same() {
    let mut case = drifting().sized(800.0, 500.0);
    case.document.attention.clear();
    case.options.embedding.neighbours = Some(Metric::Cosine);
    case.options.embedding.trajectories = true;
    let amber = case.options.theme.palette().selected;
    let scene = case.draw(View::Embedding);
    assert_eq!(discs(&scene).iter().filter(|disc| disc.fill == amber).count(), 1);
    assert_eq!(lines(&scene).iter().filter(|line| line.color.0[..3] == amber.0[..3]).count(), 4);
    assert!(says(&scene, "nearest words, cosine distance") && !says(&scene, "Select a token"));
    case.options.embedding.color_by = ColorBy::Received;
    case.known.received = Arc::default();
    assert!(says(&case.draw(View::Embedding), "this trace holds no attention"));
}

#[test]
fn what_has_no_neighbour_says_why() {
    let mut case = drifting().sized(800.0, 500.0);
    case.options.embedding.neighbours = Some(Metric::Cosine);
    case.known.neighbours =
        Some(Arc::new(Neighbours { sequence: 0, state: 3, by_metric: [NearTokens::default(), NearTokens::default()] }));
    for (norm, words) in [(f32::NAN, "is not finite"), (0.0, "no direction"), (1.0, "No other token")] {
        let mut projection = case.known.projection.as_deref().unwrap().clone();
        projection.norms = Arc::new(vec![norm; projection.points.len()]);
        case.known.projection = Some(Arc::new(projection));
        let scene = case.draw(View::Embedding);
        let said: Vec<&str> = labels(&scene).iter().map(|label| label.text.as_str()).collect();
        assert!(said.join(" ").contains(words), "{words}");
    }
}

#[test]
fn every_look_stays_inside_at_every_size() {
    let mut fonts = Fonts::new();
    for (width, height) in [(320.0, 300.0), (1200.0, 900.0), (900.0, 160.0), (170.0, 700.0), (40.0, 30.0)] {
        for color_by in ColorBy::ALL {
            for font_scale in [1.0, 2.0] {
                let mut case = drifting().sized(width, height);
                case.options.font_scale = font_scale;
                let embedding = &mut case.options.embedding;
                embedding.color_by = color_by;
                embedding.size_by = SizeBy::Received;
                embedding.neighbours = Some(Metric::Cosine);
                (embedding.pictures, embedding.trajectories) = (true, true);
                case.hover = Some(Target::Token { sequence: 0, token: 30 });
                let scene = case.draw(View::Embedding);
                for label in labels(&scene) {
                    let width_of = fonts.width(&label.text, label.size, label.bold);
                    let half = if label.upright { label.size * 0.5 } else { width_of };
                    assert!(
                        label.at.x >= -1.0 && label.at.x <= width + 1.0 && half <= width.max(label.size),
                        "{label:?}"
                    );
                }
                for rect in quads(&scene).iter().map(|quad| quad.rect).chain(pictures(&scene).iter().map(|p| p.rect)) {
                    assert!(
                        rect.min.cmpge(Vec2::splat(-1.0)).all() && rect.max.cmple(case.size + 1.0).all(),
                        "{rect:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn states_are_compared_in_a_matrix_that_answers() {
    let mut case = drifting();
    let value = |index: usize| if index.is_multiple_of(6) { 1.0 } else { 0.3 + index as f32 / 100.0 };
    case.known.similarity = Some(Arc::new(Similarity { values: (0..25).map(value).collect(), states: 5, every: 1 }));
    let scene = case.draw(View::Similarity);
    assert!(says(&scene, "linear CKA") && says(&scene, "1.00") && says(&scene, "0.31") && says(&scene, "state"));
    let cell = scene.content.size().x / 5.0;
    let at = |state: usize, with: usize| {
        scene.content.min + Vec2::new(cell * (with as f32 + 0.5), cell * (state as f32 + 0.5))
    };
    assert_eq!(scene.at(at(3, 1)), Some(Target::State { state: 3, with: 1 }));
    assert_eq!(scene.tip(Target::State { state: 3, with: 1 }), "state 3 · state 1: 0.460 (linear CKA)");
    // Many states: no numbers in cells, and not every number at the axes.
    case.known.similarity = Some(Arc::new(Similarity { values: vec![0.9; 65 * 65], states: 65, every: 3 }));
    let many = case.sized(300.0, 300.0).draw(View::Similarity);
    assert!(says(&many, "of one token in 3") && labels(&many).len() < 60);
}
