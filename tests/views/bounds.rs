//! Whatever a view is given, it draws inside its size, twice the same, and never at a place that is no number.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails may panic")]

use crate::fixtures::*;
use glam::Vec2;
use vlscope::analysis::per_head::HeadWeights;
use vlscope::render::{Align, Fonts, Label, Mark, Rect};
use vlscope::view::{Scene, Theme, View};

type NamedCase = (&'static str, fn() -> Case);

const CASES: [NamedCase; 10] = [
    ("question", question),
    ("encoder-decoder", encoder_decoder),
    ("multi-image", multi_image),
    ("words only", words_only),
    ("nothing", nothing),
    ("many heads", many_heads),
    ("boxes", boxes),
    ("long prompt", long_prompt),
    ("tiled chat", tiled_chat),
    ("marked sinks", marked_sinks),
];

/// Where a mark draws.
fn extent(mark: &Mark, fonts: &mut Fonts) -> Rect {
    match mark {
        Mark::Quad(quad) => quad.rect,
        Mark::Line(line) => Rect { min: line.from.min(line.to), max: line.from.max(line.to) },
        Mark::Picture(picture) => picture.rect,
        Mark::Heatmap(heatmap) => heatmap.rect,
        Mark::Links(links) => links.clip,
        Mark::Points(points) => points.clip,
        Mark::Label(label) => {
            let width = fonts.width(&label.text, label.size, label.bold);
            let before = match label.align {
                Align::Left => 0.0,
                Align::Center => width / 2.0,
                Align::Right => width,
            };
            // Letters are lower than the font's size.
            let half = label.size * 0.4;
            let (low, high) = match label.upright {
                false => (Vec2::new(-before, -half), Vec2::new(width - before, half)),
                true => (Vec2::new(-half, before - width), Vec2::new(half, before)),
            };
            Rect { min: label.at + low, max: label.at + high }
        }
    }
}

/// Whether all of a mark lies at places that are numbers.
pub fn is_finite(mark: &Mark) -> bool {
    let is_finite = |rect: &Rect| rect.min.is_finite() && rect.max.is_finite();
    match mark {
        Mark::Quad(quad) => is_finite(&quad.rect),
        Mark::Line(line) => line.from.is_finite() && line.to.is_finite(),
        Mark::Picture(picture) => is_finite(&picture.rect) && is_finite(&picture.part),
        Mark::Heatmap(heatmap) => is_finite(&heatmap.rect) && is_finite(&heatmap.window),
        Mark::Links(links) => is_finite(&links.clip),
        Mark::Points(points) => is_finite(&points.clip),
        Mark::Label(label) => label.at.is_finite() && label.size.is_finite(),
    }
}

fn check(scene: &Scene, fonts: &mut Fonts, what: &str) {
    for mark in &scene.drawing.marks {
        let rect = extent(mark, fonts);
        assert!(rect.min.is_finite() && rect.max.is_finite(), "{what}: {mark:?}");
        assert!(rect.min.cmpge(Vec2::splat(-1.0)).all(), "{what}: {rect:?} of {mark:?}");
        assert!(rect.max.cmple(scene.drawing.size + 1.0).all(), "{what}: {rect:?} of {mark:?}");
    }
}

#[test]
fn nothing_is_drawn_outside() {
    let mut fonts = Fonts::new();
    for (name, make) in CASES {
        for (width, height) in
            [(320.0, 300.0), (1200.0, 900.0), (900.0, 160.0), (170.0, 700.0), (40.0, 30.0), (1.0, 1.0)]
        {
            for scale in [1.0, 2.0] {
                let mut case = make().sized(width, height);
                case.options.font_scale = scale;
                if name == "tiled chat" {
                    case.options.join_pieces = true;
                    case.options.text_scroll = Some(3.0);
                    case.options.links_color = vlscope::view::LinkColor::Direction;
                    case.options.links_bundle = true;
                    case.options.matrix_block = vlscope::view::MatrixBlock::TextImage;
                    case.hover = Some(vlscope::view::Target::Cell { query: 2, key: 5 });
                }
                for view in View::all() {
                    check(&case.draw(view), &mut fonts, &format!("{name}, {view}, {width} × {height}, font × {scale}"));
                }
            }
        }
    }
}

#[test]
fn the_same_inputs_give_the_same_scene() {
    for (name, make) in CASES {
        for theme in [Theme::Dark, Theme::Light] {
            for view in View::all() {
                let mut case = make();
                case.options.theme = theme;
                let (first, second) = (case.draw(view), case.draw(view));
                assert_eq!(format!("{:?}", first.drawing), format!("{:?}", second.drawing), "{name}, {view}");
                assert_eq!(format!("{:?}", first.zones), format!("{:?}", second.zones), "{name}, {view}");
            }
        }
    }
}

#[test]
fn weights_that_are_no_numbers_are_drawn_as_such() {
    let mut fonts = Fonts::new();
    let mut case = question();
    let nan = |count: usize| std::sync::Arc::new(vec![f32::NAN; count]);
    case.known.weights = nan(case.known.weights.len());
    case.known.matrix = nan(case.known.matrix.len());
    let tokens = case.side(1).len();
    case.known.per_head = Some(std::sync::Arc::new(HeadWeights { heads: 2, values: vec![f32::NAN; 2 * tokens] }));
    case = case.with_timeline();
    case.known.statistic.values.fill(f32::NAN);
    case.known.statistic.layer_mean.fill(f32::NAN);
    let mut projection = (**case.known.projection.as_ref().unwrap()).clone();
    projection.points.fill([f32::NAN; 2]);
    case.known.projection = Some(std::sync::Arc::new(projection));
    for view in View::all() {
        let scene = case.draw(view);
        check(&scene, &mut fonts, view.name());
        if matches!(view, View::Image | View::Text | View::Matrix | View::Links | View::Overlays | View::Timeline) {
            let says_why = |label: &&Label| label.text.starts_with("no heat: ");
            assert!(labels(&scene).iter().any(says_why), "{view}");
        }
        for mark in &scene.drawing.marks {
            if let Mark::Heatmap(heatmap) = mark {
                assert!(heatmap.range[0] < heatmap.range[1], "{view}: {:?}", heatmap.range);
            }
        }
    }
}

/// fp16 that overflows in the last word's row is what people have: all others are drawn, and the views count what is left out.
#[test]
fn rows_that_are_no_numbers_are_counted() {
    let mut case = question();
    let keys = case.side(1).len();
    let mut matrix = case.known.matrix.to_vec();
    matrix[7 * keys..8 * keys].fill(f32::NAN);
    case.known.matrix = std::sync::Arc::new(matrix);
    let mut weights = vec![0.1; 2 * keys];
    weights[keys..].fill(f32::INFINITY);
    case.known.per_head = Some(std::sync::Arc::new(HeadWeights { heads: 2, values: weights }));
    for (view, said) in [(View::Matrix, "1 of "), (View::Links, "1 of "), (View::Overlays, "1 of 2 heads are left out")]
    {
        let scene = case.draw(view);
        let counts = |label: &&Label| label.text.contains(said) && label.text.contains("left out: NaN or infinite");
        assert!(labels(&scene).iter().any(counts), "{view}: {:?}", labels(&scene));
    }
}

#[test]
fn what_is_not_there_yet_is_said() {
    let mut case = question();
    case.known = Known::default();
    let empty = nothing();
    for view in View::all() {
        for case in [&case, &empty] {
            assert!(!labels(&case.draw(view)).is_empty(), "{view} says nothing");
        }
    }
    let says =
        |view: View| labels(&empty.draw(view)).iter().map(|label| label.text.clone()).collect::<Vec<_>>().join(" ");
    assert!(says(View::Embedding).contains("no hidden states"), "{}", says(View::Embedding));
    assert!(says(View::Image).contains("no attention"), "{}", says(View::Image));
}

#[test]
fn tokens_beyond_the_sequence_are_ignored() {
    let mut case = question();
    case.selection.tokens = vec![100_000];
    case.hover = Some(vlscope::view::Target::Cell { query: 9_999, key: 9_999 });
    for view in View::all() {
        case.draw(view);
    }
    case.selection.block = 17;
    for view in View::all() {
        case.draw(view);
    }
}
