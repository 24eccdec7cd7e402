//! The views of all heads: what is sorted, dimmed, pooled and laid over pictures lies where it is drawn.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails may panic")]

use std::sync::Arc;

use crate::fixtures::*;
use glam::Vec2;
use vlscope::analysis::per_head::HeadWeights;
use vlscope::analysis::pool::{Pooling, Tiling};
use vlscope::analysis::statistics::HeadStatistics;
use vlscope::analysis::{Direction, Pick};
use vlscope::query::{AttentionGrid, AttentionTiles, Results, StatisticGrid};
use vlscope::render::{Heatmap, Mark, Rect, Values};
use vlscope::trace::HeadMetric;
use vlscope::view::{HeadsOrder, Scene, Target, View, Zone, needs};

/// The last zone of a target: in the heads view that of its cell.
fn area(scene: &Scene, target: Target) -> Option<Rect> {
    scene.zones.iter().rev().find_map(|zone| match zone {
        Zone::Area { rect, target: of } if *of == target => Some(*rect),
        _ => None,
    })
}

fn heatmaps(scene: &Scene) -> Vec<&Heatmap> {
    let marks = scene.drawing.marks.iter();
    marks.filter_map(|mark| if let Mark::Heatmap(heatmap) = mark { Some(heatmap) } else { None }).collect()
}

/// Three layers of two heads.
fn six_heads() -> Case {
    let mut case = multi_image();
    let statistic = &mut case.known.statistic;
    statistic.values = vec![0.1, 0.2, 0.3, 0.9, f32::NAN, 0.4];
    statistic.layer_mean = vec![0.15, 0.6, 0.4];
    statistic.head_mean = vec![0.2, 0.5];
    case
}

#[test]
fn rows_and_columns_are_sorted_by_their_means_and_keep_their_numbers() {
    let mut case = six_heads();
    case.options.heads_order = HeadsOrder::Both;
    let scene = case.draw(View::Heads);
    let at = |column: f32, row: f32| {
        let cell = scene.content.size() / Vec2::new(2.0, 3.0);
        scene.at(scene.content.min + cell * Vec2::new(column + 0.5, row + 0.5))
    };
    assert_eq!(at(0.0, 0.0), Some(Target::Head { layer: 1, head: 1 }));
    assert_eq!(at(1.0, 1.0), Some(Target::Head { layer: 2, head: 0 }));
    assert_eq!(at(1.0, 2.0), Some(Target::Head { layer: 0, head: 0 }));
    let first = area(&scene, Target::HeadMean { head: 1 }).unwrap();
    let second = area(&scene, Target::HeadMean { head: 0 }).unwrap();
    assert!(first.min.x < second.min.x && first.min.y > scene.content.max.y);
    let rows: Vec<_> = labels(&scene).into_iter().filter(|label| label.at.x < scene.content.min.x).collect();
    let numbers: Vec<&str> = rows.iter().map(|label| label.text.as_str()).filter(|text| text.len() == 1).collect();
    assert_eq!(numbers, ["1", "2", "0"]);
    case.options.heads_order = HeadsOrder::Layers;
    let scene = case.draw(View::Heads);
    let [one, other] = [0, 1].map(|head| area(&scene, Target::Head { layer: 0, head }).unwrap());
    assert!(one.min.x < other.min.x, "heads stay by number");
}

#[test]
fn a_head_that_differs_has_a_dot_and_values_without_means_have_none() {
    let mut case = six_heads();
    let dots = |scene: &Scene, rect: Rect| {
        let marks = scene.drawing.marks.iter();
        let quads = marks.filter_map(|mark| if let Mark::Quad(quad) = mark { Some(quad) } else { None });
        quads.filter(|quad| quad.corner_radius > 0.0 && rect.contains(quad.rect.center())).count()
    };
    let marked = Target::Head { layer: 1, head: 0 };
    let cell = area(&case.draw(View::Heads), marked).unwrap();
    let before = dots(&case.draw(View::Heads), cell);
    case.known.statistic.marked = vec![false, false, true, false, true, false];
    let scene = case.draw(View::Heads);
    assert_eq!(dots(&scene, cell), before + 1);
    let missing = area(&scene, Target::Head { layer: 2, head: 0 }).unwrap();
    assert_eq!(dots(&scene, missing), 0, "what has no value is not marked");
    case.known.statistic.layer_mean.clear();
    let scene = case.draw(View::Heads);
    assert!(area(&scene, Target::AllHeads).is_none() && area(&scene, Target::LayerMean { layer: 0 }).is_none());
    assert!(labels(&scene).iter().all(|label| label.text != "mean"));
}

#[test]
fn means_at_the_edges_say_what_they_are() {
    let scene = six_heads().draw(View::Heads);
    assert!(scene.tip(Target::HeadMean { head: 1 }).starts_with("head 1 · mean of layers: 0.500"));
    assert!(scene.tip(Target::AllHeads).starts_with("mean of layers · mean of heads: 0.380"));
    for target in [Target::LayerMean { layer: 2 }, Target::HeadMean { head: 0 }, Target::AllHeads] {
        assert_eq!(scene.at(area(&scene, target).unwrap().center()), Some(target));
    }
}

#[test]
fn what_lies_outside_of_the_filter_is_dimmed() {
    let mut case = six_heads();
    let opacity = |case: &Case, layer, head| {
        let scene = case.draw(View::Heads);
        let cell = area(&scene, Target::Head { layer, head }).unwrap();
        let quads = scene.drawing.marks.iter().filter_map(|mark| match mark {
            Mark::Quad(quad) if quad.rect.contains(cell.center()) && quad.rect.size().cmple(cell.size()).all() => {
                Some(quad.fill.0[3])
            }
            _ => None,
        });
        quads.min().unwrap()
    };
    assert_eq!(opacity(&case, 0, 0), 255);
    case.options.heads_filter = Some([0.25, 0.95]);
    assert!(opacity(&case, 0, 0) < 64 && opacity(&case, 0, 1) < 64);
    assert_eq!((opacity(&case, 1, 0), opacity(&case, 1, 1)), (255, 255));
    let scene = case.draw(View::Heads);
    assert!(labels(&scene).iter().any(|label| label.text.contains("in full from 0.25")));
}

#[test]
fn a_metric_of_another_block_is_said_to_be_none_of_this() {
    let mut case = encoder_decoder();
    case.document.head_metrics = vec![HeadMetric { name: "Mine".to_owned(), block: 0 }];
    case.known.statistic = StatisticGrid::default();
    case.options.statistic = "head_metric.0".to_owned();
    let says = |case: &Case| labels(&case.draw(View::Heads)).iter().any(|label| label.text.contains("no such metric"));
    assert!(says(&case));
    case.selection.block = 0;
    assert!(!says(&case));
}

#[test]
fn a_place_on_the_colour_bar_is_a_value() {
    for size in [Vec2::new(640.0, 480.0), Vec2::new(900.0, 300.0)] {
        let scene = six_heads().sized(size.x, size.y).draw(View::Heads);
        let bar = scene.bar.unwrap();
        let [low, high] = bar.range;
        let middle = bar.value(bar.rect.center());
        assert!((middle - (low + high) / 2.0).abs() < 1e-3);
        let (start, end) = match bar.is_upright {
            true => (Vec2::new(bar.rect.min.x, bar.rect.max.y), bar.rect.min),
            false => (bar.rect.min, bar.rect.max),
        };
        assert_eq!((bar.value(start), bar.value(end)), (low, high));
        let part = bar.part(low, middle);
        assert!(part.size().cmple(bar.rect.size() + 1e-3).all() && bar.grips(part.center()));
        assert!(!bar.grips(scene.content.center()) && scene.at(bar.rect.center()).is_none());
    }
}

#[test]
fn the_ten_strongest_are_listed_where_there_is_room() {
    let listed = |case: &Case| {
        let scene = case.draw(View::Heads);
        let names = labels(&scene).into_iter().filter(|label| label.text.starts_with("layer ")).map(|l| l.text.clone());
        names.collect::<Vec<_>>()
    };
    let case = many_heads().sized(1200.0, 700.0);
    let names = listed(&case);
    assert_eq!(names.len(), 10);
    let values = &case.known.statistic.values;
    let best = (0..1024).filter(|&at| !values[at].is_nan()).max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap();
    assert_eq!(names[0], format!("layer {} · head {}", best / 32, best % 32));
    let scene = case.draw(View::Heads);
    let label = labels(&scene).into_iter().find(|label| label.text == names[0]).unwrap();
    assert_eq!(scene.at(label.at), Some(Target::Head { layer: best / 32, head: best % 32 }));
    assert!(listed(&many_heads().sized(320.0, 300.0)).is_empty());
    assert_eq!(listed(&six_heads().sized(900.0, 500.0)).len(), 5, "a head without a value is in no list");
}

#[test]
fn thumbnails_are_one_mark_and_every_tile_answers() {
    let mut case = many_heads().computed().sized(900.0, 900.0);
    let scene = case.draw(View::Thumbnails);
    let thumbnails = case.known.thumbnails.clone().unwrap();
    assert_eq!(heatmaps(&scene).len(), 2, "the tiles, and the colour bar");
    assert_eq!(scene.zones.len(), 32 * 32 - 1, "the last layer lacks its last head");
    for (layer, head) in [(0, 0), (31, 0), (0, 31), (17, 4)] {
        let target = Target::Head { layer, head };
        let rect = area(&scene, target).unwrap();
        assert_eq!(scene.at(rect.center()), Some(target));
        // The tile's upper left cell is where the zone says.
        let tiles = heatmaps(&scene)[0];
        let cell = (rect.min - tiles.rect.min) / tiles.rect.size() * tiles.window.size();
        assert!((cell - Vec2::new((head * 7) as f32, (layer * 7) as f32)).abs().max_element() < 0.01, "{cell}");
    }
    assert_eq!(scene.at(scene.content.max - 2.0), None, "where the missing head would be");
    let Values::Host(own) = &heatmaps(&scene)[0].values else { panic!("not on the host") };
    assert!(Arc::ptr_eq(own, &thumbnails.own), "nothing is copied");
    case.options.thumbnails_own_scale = false;
    let scene = case.draw(View::Thumbnails);
    let Values::Host(shared) = &heatmaps(&scene)[0].values else { panic!("not on the host") };
    assert!(Arc::ptr_eq(shared, &thumbnails.shared) && heatmaps(&scene)[0].range[1] > 1.0);
    let tip = scene.tip(Target::Head { layer: 3, head: 4 });
    assert!(tip.starts_with("layer 3 · head 4: ") && tip.ends_with("(largest weight)"), "{tip}");
}

#[test]
fn an_atlas_has_its_tiles_apart_and_its_holes_empty() {
    let tiling = Tiling { rows: 1, columns: 2, pooling: Pooling::Maximum };
    let atlas = AttentionTiles::of(&[vec![0.1, 0.2, 0.3, f32::NAN], vec![0.0, 0.0]], &tiling);
    assert_eq!((atlas.layers, atlas.heads, atlas.atlas_size()), (2, 2, [3, 5]));
    let expected = [0.1, 0.2, -1.0, 0.3, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, 0.0, 0.0, -1.0, -1.0, -1.0];
    let shown: Vec<f32> = atlas.shared.iter().map(|&v| if v.is_nan() { -1.0 } else { v }).collect();
    assert_eq!(shown, expected);
    assert_eq!((atlas.own[0], atlas.own[1], atlas.own[3], atlas.own[10]), (0.5, 1.0, 1.0, 0.0));
    assert!(atlas.maxima[1].unwrap().is_nan() && atlas.maxima[3].is_none());
    assert_eq!((atlas.maxima[0], atlas.maxima[2]), (Some(0.2), Some(0.0)));
    assert_eq!(AttentionTiles::of(&[], &tiling).atlas_size(), [0, 0]);
}

#[test]
fn tiles_have_as_many_cells_as_there_are_pixels_for() {
    let asked = |layers: usize, heads: usize, size: Vec2| {
        let mut case = question().sized(size.x, size.y);
        case.document.attention[0].layers = layers;
        case.known.statistic.heads = heads;
        let known = Answered { results: Results::default(), heads: vec![heads] };
        needs(View::Thumbnails, &case.inputs(&known))[0].request::<AttentionGrid>().cloned()
    };
    let tiles = |side| Some(AttentionGrid::of(0, side, Pooling::Maximum));
    assert_eq!(asked(32, 32, Vec2::new(1000.0, 900.0)), tiles(24));
    assert_eq!(asked(12, 12, Vec2::new(330.0, 300.0)), tiles(16));
    assert_eq!(asked(4, 4, Vec2::new(900.0, 640.0)), tiles(96));
    assert_eq!(asked(400, 400, Vec2::new(100.0, 100.0)), tiles(4));
    assert_eq!(asked(0, 0, Vec2::new(0.0, 0.0)), tiles(4));
}

/// Reading order is falling mass.
#[test]
fn heads_on_the_image_are_sorted_by_their_mass() {
    let mut case = question();
    let mut weights = vec![0.0; 3 * 73];
    for (head, (patches, words)) in [(0.2, 0.8), (0.9, 0.1), (f32::NAN, 0.0)].into_iter().enumerate() {
        weights[head * 73 + 9 + 5] = patches;
        weights[head * 73 + 2] = words;
    }
    case.known.per_head = Some(Arc::new(HeadWeights { heads: 3, values: weights }));
    let scene = case.draw(View::Overlays);
    let order: Vec<Target> = scene
        .zones
        .iter()
        .filter_map(|zone| if let Zone::Area { target, .. } = zone { Some(*target) } else { None })
        .collect();
    assert_eq!(order, [1, 0, 2].map(|head| Target::Head { layer: 2, head }));
    let said: Vec<String> = labels(&scene).iter().map(|label| label.text.clone()).collect();
    for name in ["head 1 · 0.90", "head 0 · 0.20", "head 2 · –"] {
        assert!(said.contains(&name.to_owned()), "{said:?}");
    }
    assert!(said.iter().any(|text| text.ends_with("every head of layer 2")), "{said:?}");
    assert_eq!(scene.tip(order[0]), "layer 2 · head 1: 0.900 (attention on the image)");
    assert!(heatmaps(&scene).iter().all(|heatmap| heatmap.range == [0.0, 0.9] || heatmap.rows != 8));
    case.options.overlays_own_scale = true;
    let scene = case.draw(View::Overlays);
    assert_eq!(heatmaps(&scene)[1].range, [0.0, 0.2]);
    case.selection.layer = Pick::Mean;
    let scene = case.draw(View::Overlays);
    assert!(area(&scene, Target::HeadMean { head: 1 }).is_some());
    assert!(scene.tip(Target::HeadMean { head: 1 }).starts_with("head 1 · mean of layers: 0.900"));
}

#[test]
fn several_images_stand_side_by_side_and_one_can_be_chosen() {
    let pictures = |case: &Case| {
        let scene = case.draw(View::Overlays);
        scene.drawing.marks.iter().filter(|mark| matches!(mark, Mark::Picture(_))).count()
    };
    let mut case = multi_image();
    assert_eq!(pictures(&case), 4, "two heads, two images");
    case.options.image = Some(1);
    assert_eq!(pictures(&case), 2);
    case.selection.direction = Direction::AttendedBy;
    assert_eq!(pictures(&case), 2, "self-attention has patches on both sides");
    let mut stale = question();
    stale.known.per_head = Some(Arc::new(HeadWeights { heads: 2, values: vec![0.5; 8] }));
    let said = labels(&stale.draw(View::Overlays)).iter().map(|label| label.text.clone()).collect::<Vec<_>>();
    assert!(said.iter().any(|text| text.contains("not here yet")), "{said:?}");
}

/// A share that is 1 whatever the heads do is one colour, without a list of the strongest.
#[test]
fn a_spread_within_rounding_is_one_flat_colour_that_says_so() {
    let mut case = question();
    case.size = Vec2::new(1000.0, 500.0);
    let noise = |index: usize| 0.999_987_7 + 1.3e-6 * (index as f32 * 7.0 % 15.0);
    let values: Vec<f32> = (0..16).map(noise).collect();
    let found = HeadStatistics::new("mass.text.image", 4, 4, values);
    assert!(found.flat().is_some_and(|mean| (mean - 1.0).abs() < 1e-4));
    let grid = StatisticGrid::of(&case.document, 0, &found, None);
    case.known.statistic = grid;
    let scene = case.draw(View::Heads);
    let texts: Vec<&str> = labels(&scene).iter().map(|label| label.text.as_str()).collect();
    assert!(texts.iter().any(|text| text.contains("all 1.00")), "{texts:?}");
    assert!(!texts.iter().any(|text| text.contains("strongest")), "{texts:?}");
    assert!(scene.bar.is_none());
    let content = scene.content;
    let fills = scene.drawing.marks.iter().filter_map(|mark| match mark {
        Mark::Quad(quad) if quad.fill.0[3] == 255 && content.contains(quad.rect.center()) => Some(quad.fill),
        _ => None,
    });
    let mut fills: Vec<_> = fills.map(|fill| fill.0).collect();
    fills.dedup();
    assert_eq!(fills.len(), 1, "{fills:?}");
    let varied = HeadStatistics::new("mass.text.image", 4, 4, (0..16).map(|index| 1.0 - index as f32 * 1e-3).collect());
    assert_eq!(varied.flat(), None);
}
