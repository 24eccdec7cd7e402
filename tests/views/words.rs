//! What views say of themselves: captions, why there is nothing to see, and names that are whole.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails may panic")]

use std::sync::Arc;

use crate::fixtures::*;
use glam::Vec2;
use vlscope::analysis::projection::{Align, Method};
use vlscope::analysis::similarity::Similarity;
use vlscope::analysis::{Combine, Pick, Rollout, SinkTreatment, WeightKind};
use vlscope::render::{Mark, Rect};
use vlscope::trace::{Area, Region};
use vlscope::view::{Caption, HeadsOrder, Scene, Target, View, Zone};

fn says(scene: &Scene, words: &str) -> bool {
    labels(scene).iter().any(|label| label.text.contains(words))
}

fn heatmaps(scene: &Scene) -> usize {
    scene.drawing.marks.iter().filter(|mark| matches!(mark, Mark::Heatmap(_))).count()
}

/// The lines beneath the drawing, as one.
fn caption(case: &mut Case, view: View) -> String {
    case.options.caption = None;
    let without: Vec<String> = labels(&case.draw(view)).iter().map(|label| label.text.clone()).collect();
    case.options.caption = Some(Caption::Auto);
    let scene = case.draw(view);
    let lines = labels(&scene).into_iter().take_while(|label| label.at.x <= 8.0);
    let lines: Vec<&str> =
        lines.map(|label| label.text.as_str()).filter(|text| !without.contains(&(*text).to_owned())).collect();
    lines.join(" ")
}

#[test]
fn a_caption_says_what_the_view_shows_and_no_more() {
    let mut case = question();
    let text = caption(&mut case, View::Text);
    assert_eq!(text, "easy-vqa/test/00017 · block self · layer 2 · head 1 · attention of color [2] · raw weights");
    let timeline = caption(&mut tiled_chat(), View::Timeline);
    assert!(
        timeline.contains("attention of the output tokens · below the mass on image, layer by layer"),
        "{timeline}"
    );
    let alone = caption(&mut question().with_timeline(), View::Timeline);
    assert!(alone.ends_with("block self · every layer · head 1 · attention of [CLS] [0]"), "{alone}");
    case.known.statistic.label = "Text on image, z by layer".to_owned();
    case.known.statistic.unit = "standard deviations".to_owned();
    let heads = caption(&mut case, View::Heads);
    assert!(heads.ends_with("block self · Text on image, z by layer (standard deviations)"), "{heads}");
    for (view, said) in
        [(View::Matrix, "attention of queries to keys"), (View::Thumbnails, "the matrices of all heads")]
    {
        let words = caption(&mut case, view);
        assert!(words.contains(said) && !words.contains("color"), "{words}");
    }
}

#[test]
fn a_caption_of_hidden_states_names_sequence_state_method_and_alignment() {
    let mut case = question();
    let mut projection = case.known.projection.as_deref().unwrap().clone();
    (projection.recipe.method, projection.recipe.align, projection.recipe.seed) = (Method::Tsne, Align::Shared, 4);
    case.known.projection = Some(Arc::new(projection));
    case.known.similarity = Some(Arc::new(Similarity { values: vec![1.0; 25], states: 5, every: 3 }));
    let embedding = caption(&mut case, View::Embedding);
    for part in
        ["hidden states of main", "state 3, after layer 2", "t-SNE, seed 4", "one fit for all states", "color [2]"]
    {
        assert!(embedding.contains(part), "{part} in {embedding}");
    }
    let similarity = caption(&mut case, View::Similarity);
    assert!(similarity.ends_with("hidden states of main · 5 states · linear CKA of one token in 3"), "{similarity}");
    for words in [embedding, similarity] {
        assert!(!words.contains("attention") && !words.contains("raw weights"), "{words}");
    }
}

#[test]
fn a_caption_says_how_weights_came_about() {
    let mut case = question();
    case.selection.tokens = vec![1, 2];
    for (combine, words) in
        [(Combine::Sum, "summed attention of what [1]"), (Combine::Max, "largest attention of what")]
    {
        case.selection.combine = combine;
        assert!(caption(&mut case, View::Image).contains(words));
    }
    case.selection.weights = WeightKind::Rollout(Rollout { start: 1, residual_percent: 40 });
    case.selection.head = Pick::Mean;
    let rollout = caption(&mut case, View::Image);
    assert!(rollout.contains("rollout of layers 1 to 2") && rollout.contains("residual share 0.40"), "{rollout}");
    assert!(!rollout.contains("raw weights"), "{rollout}");
    case.selection.weights = WeightKind::Raw;
    case.selection.sinks = SinkTreatment::Renormalise;
    assert!(caption(&mut case, View::Matrix).ends_with("sinks hidden, rows scaled up"));
    case.known.sinks = Some(Arc::default());
    assert!(caption(&mut case, View::Matrix).ends_with("raw weights"), "there are none");
}

#[test]
fn a_long_caption_has_several_lines_and_the_view_keeps_its_room() {
    let words = ["a figure of its own · with words"; 12].join(" ");
    let mut case = question();
    case.options.caption = Some(Caption::Text(words.clone()));
    let scene = case.draw(View::Image);
    let lines: Vec<_> = labels(&scene).into_iter().filter(|label| words.contains(label.text.as_str())).collect();
    assert!(lines.len() >= 3, "{lines:?}");
    assert!(lines.windows(2).all(|pair| pair[0].at.y + pair[0].size <= pair[1].at.y + 1.0));
    assert!(lines.iter().all(|line| !line.text.starts_with('·')), "{lines:?}");
    let said: Vec<&str> = lines.iter().flat_map(|line| line.text.split(' ')).collect();
    assert_eq!(said.join(" "), words);
    assert!(scene.content.max.y < lines[0].at.y);
    let low = case.sized(640.0, 120.0).draw(View::Text);
    assert!(labels(&low).iter().any(|label| label.text.ends_with('…')));
}

#[test]
fn heads_without_a_value_say_why() {
    let without_values = |mut case: Case, name: &str| {
        let statistic = &mut case.known.statistic;
        statistic.name = name.to_owned();
        statistic.values.fill(f32::NAN);
        statistic.layer_mean.fill(f32::NAN);
        statistic.head_mean.fill(f32::NAN);
        case.draw(View::Heads)
    };
    let scene = without_values(words_only(), "mass.text.image");
    assert!(says(&scene, "no text query looks at an image key in this block"));
    assert!(scene.bar.is_none(), "a bar of no values");
    assert!(says(&without_values(question(), "region"), "no head of this block has a value"));
    assert!(says(&without_values(encoder_decoder(), "vli.cross_modal"), "are of self-attention"));
    assert!(says(&without_values(encoder_decoder(), "diagonal"), "are not its keys"));
    assert!(!says(&words_only().draw(View::Heads), "no text query"));
    let mut of_many_traces = question();
    of_many_traces.document.sequences.clear();
    assert!(says(&without_values(of_many_traces, "mass.text.image"), "no head of this block has a value"));
    let mut bare = nothing();
    bare.known.statistic.values.clear();
    assert!(says(&bare.draw(View::Heads), "This trace holds no attention."));
}

#[test]
fn means_that_differ_by_rounding_alone_keep_their_order() {
    let mut case = multi_image();
    let statistic = &mut case.known.statistic;
    statistic.values = vec![-1.0, 1.0, -1.0, 1.0, 1.0, -1.0];
    statistic.layer_mean = vec![-3e-8, 6e-8, -0.0];
    statistic.head_mean = vec![0.1, 0.4];
    case.options.heads_order = HeadsOrder::Both;
    let scene = case.draw(View::Heads);
    let cell = |target| {
        scene.zones.iter().rev().find_map(|zone| match zone {
            Zone::Area { rect, target: of } if *of == target => Some(rect.min),
            _ => None,
        })
    };
    let at = |layer, head| cell(Target::Head { layer, head }).unwrap();
    assert!(at(0, 0).y < at(1, 0).y && at(1, 0).y < at(2, 0).y);
    assert!(at(0, 1).x < at(0, 0).x);
}

#[test]
fn numbers_in_cells_have_the_digits_that_the_cells_in_sight_need() {
    let mut case = question();
    let mut matrix = vec![0.0062; case.known.matrix.len()];
    matrix[1] = 0.0032;
    *matrix.last_mut().unwrap() = 0.9;
    case.known.matrix = Arc::new(matrix);
    case.options.matrix_window = Some(Rect::at(0.0, 0.0, 5.0, 5.0));
    let scene = case.draw(View::Matrix);
    assert!(says(&scene, "0.0062") && says(&scene, "0.0032"));
    assert!(!labels(&scene).iter().any(|label| label.text == "0.01" || label.text == "0.00"));
}

#[test]
fn an_image_without_attention_says_so_and_has_neither_heat_nor_bar() {
    let mut case = question();
    let words_alone = |token: usize, weight: f32| if token < 8 { weight } else { 0.0 };
    let weights = case.known.weights.iter().enumerate().map(|(token, &weight)| words_alone(token, weight));
    case.known.weights = Arc::new(weights.collect());
    let columns = case.document.sequences[0].tokens.len();
    let links = case.known.matrix.iter().enumerate().map(|(at, &weight)| words_alone(at % columns, weight));
    case.known.matrix = Arc::new(links.collect());
    let scene = case.draw(View::Image);
    assert!(says(&scene, "no attention on this image"));
    assert_eq!((heatmaps(&scene), scene.bar), (0, None));
    let links = case.draw(View::Links);
    assert!(says(&links, "no attention on this image") && !says(&links, "up to"));
    // A scale that is given holds for zeros as well.
    case.options.range = Some([0.0, 0.5]);
    let fixed = case.draw(View::Image);
    assert!(heatmaps(&fixed) == 2 && fixed.bar.is_some() && says(&fixed, "no attention on this image"));
    assert!(!says(&question().draw(View::Image), "no attention"));
}

#[test]
fn names_of_regions_lie_beside_them_and_are_whole() {
    let mut case = question();
    let area = Area { x0: 0.4, y0: 0.8, x1: 0.55, y1: 0.95 };
    case.document.regions = vec![Region { label: "object".into(), image: 0, area }];
    case.options.links_bundle = true;
    for view in [View::Image, View::Links] {
        let scene = case.draw(view);
        let name = labels(&scene).into_iter().find(|label| label.text.starts_with("object")).unwrap();
        let picture = scene.drawing.marks.iter().find_map(|mark| match mark {
            Mark::Picture(picture) => Some(picture.rect),
            _ => None,
        });
        let picture = picture.unwrap();
        let frame = |x: f32, y: f32| picture.min + picture.size() * Vec2::new(x, y);
        let frame = Rect { min: frame(area.x0, area.y0), max: frame(area.x1, area.y1) };
        assert!(!frame.contains(name.at) && picture.contains(name.at), "{view}: {name:?} in {frame:?}");
    }
}

#[test]
fn the_label_of_an_upright_bar_may_be_longer_than_the_bar() {
    for (width, height) in [(720.0, 420.0), (640.0, 400.0)] {
        let scene = tiled_chat().sized(width, height).draw(View::Timeline);
        assert!(says(&scene, "mass on image"), "{width} × {height}");
    }
}

#[test]
fn a_trace_without_attention_shows_its_words() {
    let mut case = multi_image();
    case.document.attention.clear();
    case.known = Known::default();
    case.selection.tokens = vec![12];
    let scene = case.draw(View::Text);
    for words in ["no heat: this trace holds no attention", "Which", "image 0: 4 patches", "question"] {
        assert!(says(&scene, words), "{words}");
    }
    assert_eq!((heatmaps(&scene), scene.bar), (0, None));
    let amber = case.options.theme.palette().selected;
    let selected = scene.drawing.marks.iter().filter(|mark| matches!(mark, Mark::Quad(quad) if quad.stroke == amber));
    assert_eq!(selected.count(), 1);
    assert!(scene.zones.iter().any(|zone| matches!(zone, Zone::Area { target: Target::Token { token: 12, .. }, .. })));
    assert!(says(&nothing().draw(View::Text), "This trace holds no tokens."));
}
