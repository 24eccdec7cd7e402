//! Pins beside each other on one scale with their differences, and all heads of all layers on the image.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails may panic")]

use std::sync::Arc;

use crate::fixtures::*;
use glam::Vec2;
use vlscope::analysis::per_head::HeadWeights;
use vlscope::analysis::{Pick, Pin, Selection};
use vlscope::query::{LayerHeads, LayersApart, Results, Weights};
use vlscope::render::colormap::Colormap;
use vlscope::render::{Fonts, Heatmap, Mark, Rect, Transform, Values};
use vlscope::view::{Inputs, PinnedView, Scene, Target, View, Zone, draw, numbers_of};

fn heatmaps(scene: &Scene) -> Vec<&Heatmap> {
    let marks = scene.drawing.marks.iter();
    marks.filter_map(|mark| if let Mark::Heatmap(heatmap) = mark { Some(heatmap) } else { None }).collect()
}

fn bars(scene: &Scene) -> Vec<&Heatmap> {
    heatmaps(scene).into_iter().filter(|heatmap| heatmap.columns == 256).collect()
}

fn texts(scene: &Scene) -> Vec<String> {
    labels(scene).iter().map(|label| label.text.clone()).collect()
}

fn values(heatmap: &Heatmap) -> &[f32] {
    match &heatmap.values {
        Values::Host(values) => values,
        Values::Resident(_) => panic!("the values are on the device"),
    }
}

/// L1H1 is pinned, what is selected has other weights, and one patch more.
fn pinned() -> Case {
    let mut case = question().computed().sized(1200.0, 480.0);
    let pin: Pin = "L1H1".parse().unwrap();
    let shown = pin.selection(&case.document, &case.selection).unwrap();
    let mut weights = case.known.weights.to_vec();
    weights[20] += 0.75;
    case.known.pinned = vec![(Weights::of(&shown), weights)];
    case.options.pins = vec![pin];
    case
}

#[test]
fn a_pin_stands_beside_the_selection_on_one_scale() {
    let case = pinned();
    assert_ne!((case.selection.layer, case.selection.head), (Pick::One(1), Pick::One(1)));
    let scene = case.draw(View::Pins);
    let (peak, of_bars) = (case.known.pinned[0].1[20], bars(&scene));
    assert_eq!(of_bars.len(), 2, "one for both, one for the difference");
    assert_eq!(of_bars[0].range, [0.0, peak]);
    // The pin is the reference: the selection has less.
    assert_eq!(of_bars[1].colormap, Colormap::RedBlue);
    assert!((of_bars[1].range[1] - 0.75).abs() < 1e-5, "{:?}", of_bars[1].range);
    let of_images: Vec<_> = heatmaps(&scene).into_iter().filter(|heatmap| heatmap.columns == 8).collect();
    assert_eq!(of_images.len(), 2);
    assert!(of_images.iter().all(|heatmap| heatmap.range == [0.0, peak]), "the scale is shared");
    assert_ne!(values(of_images[0]), values(of_images[1]));
    let said = texts(&scene);
    for words in ["L1H1", "pin 1, the reference", "selected"] {
        assert!(said.iter().any(|text| text == words), "{words} is not in {said:?}");
    }
    assert!(said.iter().any(|text| text.ends_with(" − L1H1")), "{said:?}");
    let tip = scene.tip(Target::Token { sequence: 0, token: 20 });
    assert!(tip.contains("L1H1 0.") && tip.contains("− L1H1 −0.750"), "{tip}");
}

#[test]
fn what_is_pinned_and_selected_stands_once() {
    let mut case = pinned();
    (case.selection.layer, case.selection.head) = (Pick::One(1), Pick::One(1));
    let said = texts(&case.draw(View::Pins));
    assert!(said.iter().any(|text| text.starts_with("pinned: select another")), "{said:?}");
    assert_eq!(bars(&case.draw(View::Pins)).len(), 1, "there is no difference");
    case.options.pins.clear();
    assert!(texts(&case.draw(View::Pins)).iter().any(|text| text.starts_with("Nothing is pinned")));
}

#[test]
fn pins_of_tokens_are_called_by_them_and_many_stand_above_their_differences() {
    let mut case = pinned();
    case.selection.tokens = vec![1];
    case.options.pins = ["T1", "T2", "T3:raw"].iter().map(|pin| pin.parse().unwrap()).collect();
    let all: Vec<Selection> =
        case.options.pins.iter().map(|pin| pin.selection(&case.document, &case.selection).unwrap()).collect();
    case.known.pinned = all
        .iter()
        .enumerate()
        .map(|(place, of)| {
            (Weights::of(of), case.known.weights.iter().map(|weight| weight * (1.0 + place as f32)).collect())
        })
        .collect();
    for pins_as in [PinnedView::Image, PinnedView::Text] {
        case.options.pins_as = pins_as;
        let scene = case.draw(View::Pins);
        let names = labels(&scene).into_iter().filter(|label| label.bold).map(|label| (label.text.clone(), label.at));
        let names: Vec<(String, Vec2)> = names.collect();
        let at =
            |name: &str| names.iter().find(|(text, _)| text == name).unwrap_or_else(|| panic!("{name}: {names:?}")).1;
        let (second, difference) = (at("of color"), at("of color − of what"));
        assert_eq!(second.x, difference.x);
        assert!(second.y < difference.y && at("of what").y == second.y);
        assert_eq!(bars(&scene).len(), 2);
    }
}

#[test]
fn matrices_are_compared_cell_by_cell() {
    let mut case = pinned();
    case.options.pins_as = PinnedView::Matrix;
    let scene = case.draw(View::Pins);
    let cells: Vec<_> = heatmaps(&scene).into_iter().filter(|heatmap| heatmap.columns == 73).collect();
    assert_eq!(cells.len(), 3);
    // The fixture gives both heads one matrix.
    assert!(values(cells[2]).iter().all(|difference| *difference == 0.0));
    assert_eq!(cells[2].colormap, Colormap::RedBlue);
    assert!(scene.tip(Target::Cell { query: 1, key: 2 }).starts_with("query what → key color: L1H1 0."));
}

#[test]
fn a_click_on_a_name_goes_to_the_pin() {
    let case = pinned();
    let scene = case.draw(View::Pins);
    let name = labels(&scene).into_iter().find(|label| label.text == "L1H1").unwrap().at;
    assert_eq!(scene.at(name + Vec2::new(4.0, 0.0)), Some(Target::Pin { pin: 0 }));
}

#[test]
fn numbers_hold_pins_and_differences() {
    let case = pinned();
    let answered = case.answered(View::Pins);
    let numbers = numbers_of(View::Pins, &case.inputs(&answered)).unwrap();
    assert_eq!(numbers.axes[0].labels.len(), 3);
    assert!(numbers.axes[0].labels[2].ends_with(" − L1H1"));
    let keys = numbers.axes[1].length;
    assert!((numbers.values[2 * keys + 20] + 0.75).abs() < 1e-5);
    assert_eq!(numbers.values[2 * keys + 21], 0.0);
}

#[test]
fn everything_lies_inside_at_every_size() {
    for (width, height) in [(1280.0, 720.0), (900.0, 300.0), (320.0, 900.0), (240.0, 160.0), (40.0, 30.0)] {
        for pins_as in PinnedView::ALL {
            let mut case = pinned().sized(width, height);
            case.options.pins_as = pins_as;
            let scene = case.draw(View::Pins);
            let inside = Rect::at(-1.0, -1.0, width + 2.0, height + 2.0);
            let zones = scene.zones.iter().filter_map(|zone| match zone {
                Zone::Area { rect, .. } | Zone::Cells { rect, .. } => Some(*rect),
                Zone::Points { .. } => None,
            });
            let all: Vec<Rect> = zones.collect();
            let are_inside = all.iter().all(|rect| inside.contains(rect.min) && inside.contains(rect.max));
            assert!(are_inside, "{pins_as} {width}×{height}");
            assert!(width < 500.0 || !all.is_empty(), "{pins_as} {width}×{height}");
        }
    }
}

/// Three layers of two heads, each looking at a patch of its own; the last layer is not known yet.
fn six_heads() -> (Case, Results) {
    let mut case = question().computed().sized(900.0, 700.0);
    case.options.lattice_own_scale = false;
    let tokens = case.side(1).len();
    let layer = |layer: usize| {
        let mut values = vec![0.0; 2 * tokens];
        (values[9 + layer], values[tokens + 30 + layer]) = (0.5, 0.25);
        Some(Arc::new(HeadWeights { heads: 2, values }))
    };
    let mut results = Results::default();
    let layers = vec![layer(0), layer(1), None];
    results.insert_part(LayersApart::of(&case.selection), LayerHeads { layers });
    (case, results)
}

fn drawn(case: &Case, results: &Results) -> Scene {
    let answered = case.answered(View::Lattice);
    let inputs = Inputs { results, ..case.inputs(&answered) };
    draw(View::Lattice, &inputs, &mut Fonts::new())
}

#[test]
fn every_head_of_every_layer_lies_on_the_image_in_one_heatmap() {
    let (case, results) = six_heads();
    let scene = drawn(&case, &results);
    let all: Vec<_> = heatmaps(&scene).into_iter().filter(|heatmap| heatmap.columns < 256).collect();
    assert_eq!(all.len(), 1);
    let heatmap = all[0];
    // 8 × 8 patches, and a cell between heads.
    assert_eq!([heatmap.rows, heatmap.columns], [26, 17]);
    assert_eq!(heatmap.range, [0.0, 0.5]);
    let cell = |row: usize, column: usize| values(heatmap)[row * 17 + column];
    let is_patch = |token: &vlscope::trace::Token| token.image_area().is_some() && !token.special;
    let first_patch = case.side(1).iter().position(is_patch).unwrap();
    let place = |token: usize| ((token - first_patch) / 8, (token - first_patch) % 8);
    let (row, column) = place(10);
    assert_eq!(cell(9 + row, column), 0.5, "layer 1, head 0");
    let (row, column) = place(31);
    assert_eq!(cell(9 + row, 9 + column), 0.25, "layer 1, head 1");
    assert!(cell(8, 0).is_nan() && cell(20, 3).is_nan(), "between heads, and where nothing is known yet");
    let pictures = scene.drawing.marks.iter().filter(|mark| matches!(mark, Mark::Picture(_))).count();
    assert_eq!(pictures, 4);
    assert!(texts(&scene).iter().any(|text| text.contains("2 of 3 layers")), "{:?}", texts(&scene));
    let zone = |head: usize| {
        scene.zones.iter().find_map(|zone| match zone {
            Zone::Area { rect, target: Target::Head { layer: 1, head: of } } if *of == head => Some(*rect),
            _ => None,
        })
    };
    let (left, right) = (zone(0).unwrap(), zone(1).unwrap());
    assert!(left.max.x < right.min.x && left.min.y == right.min.y);
    assert_eq!(scene.at(right.center()), Some(Target::Head { layer: 1, head: 1 }));
    assert!(scene.tip(Target::Head { layer: 1, head: 1 }).contains("0.250 (attention on the image)"));
}

#[test]
fn each_head_may_have_a_scale_of_its_own_and_zoom_cuts_at_the_plot() {
    let (mut case, results) = six_heads();
    case.options.lattice_own_scale = true;
    let scene = drawn(&case, &results);
    let heatmap = heatmaps(&scene).into_iter().find(|heatmap| heatmap.columns == 17).unwrap();
    assert_eq!(heatmap.range, [0.0, 1.0]);
    assert_eq!(values(heatmap).iter().filter(|value| **value == 1.0).count(), 4);

    case.options.lattice_view = Some(Transform { scale: Vec2::splat(3.0), offset: Vec2::splat(-1.0) });
    let zoomed = drawn(&case, &results);
    let heatmap = heatmaps(&zoomed).into_iter().find(|heatmap| heatmap.columns == 17).unwrap();
    assert!(heatmap.window.size().x < 17.0 / 2.9, "{:?}", heatmap.window);
    let plot = zoomed.content.shrink(-0.1);
    let is_cut = |mark: &Mark| match mark {
        Mark::Picture(picture) => plot.contains(picture.rect.min) && plot.contains(picture.rect.max),
        _ => true,
    };
    assert!(zoomed.drawing.marks.iter().all(is_cut));
}

#[test]
fn a_thousand_heads_are_few_marks() {
    let mut case = question().computed().sized(1280.0, 1000.0);
    case.document.attention[0].layers = 32;
    let tokens = case.side(1).len();
    let layer = Arc::new(HeadWeights { heads: 32, values: vec![0.01; 32 * tokens] });
    let mut results = Results::default();
    results.insert(LayersApart::of(&case.selection), LayerHeads { layers: vec![Some(layer); 32] });
    let scene = drawn(&case, &results);
    assert!(scene.drawing.marks.len() < 1024 + 200, "{}", scene.drawing.marks.len());
    let heads =
        scene.zones.iter().filter(|zone| matches!(zone, Zone::Area { target: Target::Head { .. }, .. })).count();
    assert_eq!(heads, 1024);
}
