//! Pictures, words, matrix and links show what is where: tiles, segments, parts of the matrix, bundles, scales.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails may panic")]

use std::sync::Arc;

use crate::fixtures::*;
use glam::Vec2;
use vlscope::analysis::peaks::Peaks;
use vlscope::analysis::{Direction, Pick};
use vlscope::gpu::AdapterChoice;
use vlscope::headless::Headless;
use vlscope::render::colormap::Colormap;
use vlscope::render::{Color, Heatmap, Keep, Links, Mark};
use vlscope::view::{LinkColor, MatrixBlock, Scene, Target, Theme, Tiles, View, Zone, contrast, joined, word, words};

/// All heatmaps but the colour bar's.
fn heatmaps(scene: &Scene) -> Vec<&Heatmap> {
    let marks = scene.drawing.marks.iter();
    let all = marks.filter_map(|mark| if let Mark::Heatmap(heatmap) = mark { Some(heatmap) } else { None });
    all.filter(|heatmap| heatmap.rows.max(heatmap.columns) < 256).collect()
}

fn values(heatmap: &Heatmap) -> Arc<Vec<f32>> {
    if let vlscope::render::Values::Host(values) = &heatmap.values { values.clone() } else { panic!("not on the host") }
}

fn links(scene: &Scene) -> Vec<&Links> {
    let marks = scene.drawing.marks.iter();
    marks.filter_map(|mark| if let Mark::Links(links) = mark { Some(links) } else { None }).collect()
}

fn texts(scene: &Scene) -> Vec<String> {
    labels(scene).iter().map(|label| label.text.clone()).collect()
}

#[test]
fn each_tile_is_a_heatmap_where_its_boxes_say() {
    let mut case = tiled_chat();
    case.selection.tokens = vec![case.document.sequences[0].tokens.len() - 1];
    let case = &mut case.computed();
    let shapes =
        |case: &Case| heatmaps(&case.draw(View::Image)).iter().map(|h| (h.rows, h.columns)).collect::<Vec<_>>();
    assert_eq!(shapes(case), [(2, 3), (4, 6)], "the overview, and the finer tiles above it");
    let scene = case.draw(View::Image);
    let picture = scene.content;
    for heatmap in heatmaps(&scene) {
        assert_eq!(heatmap.rect, picture);
    }
    // Tokens: <s>, 4 words, 6 patches of the overview, then rows of 6 and a newline.
    let fine = values(heatmaps(&scene)[1]);
    let (row, column) = (2, 5);
    let token = 1 + 4 - 1 + 6 + row * 7 + column;
    assert_eq!(fine[row * 6 + column], case.known.weights[token]);
    let middle = picture.min + picture.size() * Vec2::new(5.5 / 6.0, 2.5 / 4.0);
    assert_eq!(scene.at(middle), Some(Target::Token { sequence: 0, token }), "the finer patch answers");
    case.options.tiles = Tiles::Coarse;
    assert_eq!(shapes(case), [(2, 3)]);
    assert_eq!(case.draw(View::Image).at(middle), Some(Target::Token { sequence: 0, token: 4 + 5 }));
    case.options.tiles = Tiles::Fine;
    assert_eq!(shapes(case), [(4, 6)]);
    assert!(scene.tip(Target::Token { sequence: 0, token }).starts_with("4×6 patch (2, 5): "));
}

#[test]
fn a_tile_of_a_part_of_the_image_lies_on_that_part() {
    let mut case = question();
    let mut tokens = vec![text("what")];
    tokens.extend(patches(0, 2, 2));
    // A tile of 3 × 3 patches, off the overview's lattice, and a detector's box.
    for mut token in patches(0, 3, 3) {
        if let vlscope::trace::Content::Image { area: Some(area), .. } = &mut token.content {
            let place = |at: f32| 0.13 + at * 0.6;
            (area.x0, area.x1, area.y0, area.y1) = (place(area.x0), place(area.x1), place(area.y0), place(area.y1));
        }
        tokens.push(token);
    }
    tokens.push(patches(0, 1, 2).remove(1));
    case.document.sequences[0].tokens = tokens;
    case.selection.tokens = vec![0];
    let scene = case.computed().draw(View::Image);
    let shown = heatmaps(&scene);
    assert_eq!(shown.iter().map(|h| (h.rows, h.columns)).collect::<Vec<_>>(), [(2, 2), (3, 3)]);
    let part = (shown[1].rect.min - scene.content.min) / scene.content.size();
    assert!(
        (part - 0.13).abs().max_element() < 1e-3
            && (shown[1].rect.size() / scene.content.size() - 0.6).abs().max_element() < 1e-3
    );
    let boxes =
        scene.zones.iter().filter(|zone| matches!(zone, Zone::Area { target: Target::Token { .. }, .. })).count();
    assert_eq!(boxes, 4 + 9 + 1);
}

/// The weight on one patch of a grid that is not square lights that part of the picture, and no mirror image of it.
#[test]
fn image_to_image_attention_never_mirrors_a_row() {
    let mut case = encoder_decoder();
    case.selection.block = 0;
    case.selection.tokens = vec![14];
    case.images = vec![Arc::new(vlscope::render::Pixels { width: 50, height: 30, rgb: vec![128; 4500] })];
    let mut case = case.computed();
    case.options.smooth = false;
    case.options.opacity = 1.0;
    case.hover = None;
    let mut weights = vec![0.0; 15];
    // The second row from the top, the first column.
    weights[5] = 1.0;
    case.known.weights = Arc::new(weights);
    let scene = case.draw(View::Image);
    let picture = Headless::new(&AdapterChoice::Auto).unwrap().draw(&scene.drawing, 1.0).unwrap();
    let cell = scene.content.size() / Vec2::new(5.0, 3.0);
    for (token, row, column) in (0..14).map(|token| (token, token / 5, token % 5)) {
        let at = scene.content.min + cell * (Vec2::new(column as f32, row as f32) + 0.5);
        let [r, g, b, _] = picture.get_pixel(at.x as u32, at.y as u32).0;
        let is_lit = r.abs_diff(g) > 20 || g.abs_diff(b) > 20;
        assert_eq!(is_lit, token == 5, "patch ({row}, {column}) is {r}, {g}, {b}");
        assert_eq!(scene.at(at), Some(Target::Token { sequence: 0, token }));
    }
}

/// More attention is never darker than less, on whatever picture: the heat can be read without the colour bar.
#[test]
fn heat_rises_with_the_weight_on_every_ground() {
    for ground in [0, 128, 255] {
        let mut case = encoder_decoder();
        case.selection.block = 0;
        case.images = vec![Arc::new(vlscope::render::Pixels { width: 50, height: 30, rgb: vec![ground; 4500] })];
        let mut case = case.computed();
        case.options.smooth = false;
        case.known.weights = Arc::new((0..15).map(|token| token as f32 / 14.0).collect());
        let scene = case.draw(View::Image);
        let picture = Headless::new(&AdapterChoice::Auto).unwrap().draw(&scene.drawing, 1.0).unwrap();
        let cell = scene.content.size() / Vec2::new(5.0, 3.0);
        let lights = (0..15).map(|token| {
            // Beside the middle, where no letter and no outline lies.
            let at = scene.content.min + cell * (Vec2::new((token % 5) as f32, (token / 5) as f32) + 0.3);
            let [r, g, b, _] = picture.get_pixel(at.x as u32, at.y as u32).0.map(f32::from);
            0.2126 * r + 0.7152 * g + 0.0722 * b
        });
        let lights: Vec<f32> = lights.collect();
        assert!(lights.is_sorted() && lights[14] > lights[0] + 100.0, "on {ground}: {lights:?}");
    }
}

#[test]
fn locked_scales_reach_up_to_the_largest_of_all_heads() {
    let mut case = question();
    case.known.peaks = Some(Peaks { patches: 0.8, words: 0.7, tokens: 0.9, matrix: 0.6 });
    let range = |case: &Case, view| heatmaps(&case.draw(view))[0].range;
    assert!(range(&case, View::Image)[1] < 0.5 && range(&case, View::Matrix)[1] < 0.5);
    case.options.lock_scale = true;
    assert_eq!((range(&case, View::Image), range(&case, View::Matrix)), ([0.0, 0.8], [0.0, 0.6]));
    assert!(texts(&case.draw(View::Text)).iter().any(|text| text.contains("locked")));
    case.options.range = Some([0.1, 0.3]);
    assert_eq!((range(&case, View::Image), range(&case, View::Matrix)), ([0.1, 0.3], [0.1, 0.3]));
}

#[test]
fn segments_stand_apart_with_their_shares() {
    let mut case = tiled_chat();
    case.selection.tokens = vec![case.document.sequences[0].tokens.len() - 1];
    let mut case = case.computed();
    let weights = Arc::new(vec![1.0 / case.known.weights.len() as f32; case.known.weights.len()]);
    case.known.weights = weights;
    let scene = case.sized(800.0, 600.0).draw(View::Text);
    let shown = texts(&scene);
    assert_eq!(shown.iter().filter(|text| *text == "prompt").count(), 2, "before and behind the image: {shown:?}");
    // 7 of 50 tokens are generated.
    let place = shown.iter().position(|text| text == "generated").unwrap();
    assert_eq!(shown[place + 1], "0.14");
    // 3 + 4 are of the prompt: one number for both of its lines.
    assert_eq!(shown.iter().filter(|text| *text == "0.14").count(), 2, "{shown:?}");
    let at = |text: &str| labels(&scene).iter().find(|label| label.text == text).unwrap().at;
    assert!(at("generated").y > at("What").y + 20.0 && at("generated").x < at("A").x);
}

#[test]
fn words_are_joined_on_demand_and_name_their_pieces() {
    let mut case = tiled_chat();
    case.selection.tokens = vec![case.document.sequences[0].tokens.len() - 1];
    let mut case = case.computed().sized(800.0, 600.0);
    assert!(texts(&case.draw(View::Text)).contains(&"pe".to_owned()));
    case.options.join_pieces = true;
    let scene = case.draw(View::Text);
    let shown = texts(&scene);
    assert!(["USER", "pear", "日"].iter().all(|word| shown.contains(&(*word).to_owned())), "{shown:?}");
    let first = case.document.sequences[0].tokens.len() - 6;
    let pear = Target::Pieces { sequence: 0, first, count: 2 };
    let zone = scene.zones.iter().find_map(|zone| match zone {
        Zone::Area { rect, target } if *target == pear => Some(rect),
        _ => None,
    });
    assert_eq!(scene.at(zone.unwrap().center()), Some(pear));
    let tip = scene.tip(pear);
    let sum: f32 = case.known.weights[first..first + 2].iter().sum();
    assert!(tip.starts_with("pear = pe + ar: ") && tip.ends_with("(attention weight, sum of 2)"), "{tip}");
    assert!(tip.contains(&format!("{sum:.3}")), "{tip}: {sum}");
    // As queries, its pieces give on average what the word gives.
    case.selection.direction = Direction::AttendedBy;
    let tip = case.computed().draw(View::Text).tip(pear);
    assert!(tip.ends_with("(attention weight, mean of 2)"), "{tip}");
}

#[test]
fn tokenizers_marks_become_readable_text() {
    for (token, expected) in [
        ("Ã©", "é"),
        ("ĠnaÃ¯ve", "naïve"),
        ("æĹ¥", "日"),
        ("<0x0A>", "\\n"),
        ("<0x41>", "A"),
        ("<0xE6>", "<0xE6>"),
        ("ĉ", "\\t"),
        ("é", "é"),
        ("Łódź", "Łódź"),
        ("<0xZZ>", "<0xZZ>"),
        ("<0x>", "<0x>"),
    ] {
        assert_eq!(word(token), expected, "{token:?}");
    }
    assert_eq!(joined(["<0xE6>", "<0x97>", "<0xA5>"].into_iter()), "日");
    assert_eq!(joined(["æĹ", "¥"].into_iter()), "日");
    assert_eq!(joined(["build", "##ing"].into_iter()), "building");
    let runs = |tokens: &[&str]| {
        let tokens: Vec<_> = tokens.iter().map(|token| text(token)).collect();
        words(&tokens).into_iter().map(|word| word.len()).collect::<Vec<_>>()
    };
    assert_eq!(runs(&["▁jump", "s", ".", "▁over"]), [2, 1, 1]);
    assert_eq!(runs(&["Ġdon", "'t", "Ġgo", "!"]), [2, 1, 1]);
    assert_eq!(runs(&["[CLS]", "build", "##ing", "[SEP]"]), [1, 2, 1]);
    assert_eq!(runs(&["low", "er</w>", "tide</w>"]), [2, 1]);
    assert_eq!(runs(&["one", "two"]), [1, 1], "without marks each token is a word");
    assert_eq!(runs(&[]), Vec::<usize>::new());
}

#[test]
fn letters_on_every_colour_of_every_colormap_can_be_read() {
    for colormap in Colormap::all() {
        for step in 0..=1000 {
            let [r, g, b] = colormap.rgb(step as f32 / 1000.0);
            let fill = Color([r, g, b, 255]);
            let best = [Color::hex(0x000000), Color::hex(0xffffff)].map(|ink| contrast(ink, fill));
            assert!(best[0].max(best[1]) >= 4.5, "{colormap} at {step}: {best:?}");
        }
    }
    // The view takes the better of the two.
    let mut case = question();
    for theme in [Theme::Dark, Theme::Light] {
        case.options.theme = theme;
        let scene = case.draw(View::Text);
        let mut fill = None;
        for mark in &scene.drawing.marks {
            match mark {
                Mark::Quad(quad) if quad.corner_radius == 4.0 => fill = Some(quad.fill),
                Mark::Label(label) if label.size > 15.0 => {
                    let ratio = contrast(label.color, fill.unwrap());
                    assert!(ratio >= 4.5, "{theme}: '{}' has {ratio:.2}", label.text);
                }
                _ => {}
            }
        }
    }
}

#[test]
fn text_that_does_not_fit_scrolls_by_rows() {
    let mut case = long_prompt().sized(260.0, 160.0);
    assert!(texts(&case.draw(View::Text)).iter().any(|text| text.contains("more that have no room")));
    let mut seen = std::collections::BTreeSet::new();
    let mut row = 0.0;
    loop {
        case.options.text_scroll = Some(row);
        let scene = case.draw(View::Text);
        assert!(!texts(&scene).iter().any(|text| text.contains("more that have no room")));
        seen.extend(scene.zones.iter().filter_map(|zone| match zone {
            Zone::Area { target: Target::Token { token, .. }, .. } => Some(*token),
            _ => None,
        }));
        if row >= scene.rows_beyond {
            break;
        }
        row += 1.0;
    }
    let words = case.document.sequences[0].tokens.iter().filter(|token| token.image_area().is_none()).count();
    assert_eq!(seen.len(), words, "every word comes into view");
    case.options.text_scroll = Some(1e9);
    let beyond = case.draw(View::Text).zones;
    case.options.text_scroll = Some(row);
    assert_eq!(beyond, case.draw(View::Text).zones, "it ends with its last row");
    assert_eq!(question().draw(View::Text).rows_beyond, 0.0);
}

#[test]
fn a_trace_without_separators_shows_like_any_other() {
    let mut with = question();
    let mut without = question();
    without.document.sequences[0].tokens.remove(7);
    without.document.sequences[0].tokens.remove(0);
    without.selection.tokens = vec![1];
    with = with.computed();
    without = without.computed();
    for view in View::all() {
        let count = |case: &Case| case.draw(view).drawing.marks.len();
        assert!(count(&without) + 12 > count(&with), "{view}");
    }
    let scene = without.draw(View::Image);
    let heatmap = heatmaps(&scene)[0];
    assert_eq!((heatmap.rows, heatmap.columns), (8, 8));
    assert_eq!(values(heatmap)[0], without.known.weights[7]);
    assert!(texts(&without.draw(View::Text)).contains(&"color".to_owned()));
}

#[test]
fn a_block_of_the_matrix_holds_its_queries_and_keys_alone() {
    let mut case = question();
    let all = case.known.matrix.clone();
    for (block, queries, keys) in [
        (MatrixBlock::All, 0..73, 0..73),
        (MatrixBlock::TextText, 0..8, 0..8),
        (MatrixBlock::TextImage, 0..8, 8..73),
        (MatrixBlock::ImageText, 8..73, 0..8),
        (MatrixBlock::ImageImage, 8..73, 8..73),
    ] {
        case.options.matrix_block = block;
        let scene = case.draw(View::Matrix);
        let heatmap = heatmaps(&scene)[0];
        assert_eq!((heatmap.rows as usize, heatmap.columns as usize), (queries.len(), keys.len()));
        let expected: Vec<f32> =
            queries.clone().flat_map(|q| keys.clone().map(move |k| (q, k))).map(|(q, k)| all[q * 73 + k]).collect();
        assert_eq!(*values(heatmap), expected, "{}", block.label());
        let cell = heatmap.rect.size() / Vec2::new(keys.len() as f32, queries.len() as f32);
        let at = heatmap.rect.min + cell * Vec2::new(3.5, 2.5);
        let target = Target::Cell { query: queries.start + 2, key: keys.start + 3 };
        assert_eq!(scene.at(at), Some(target));
        // The cross-hair names both tokens.
        case.hover = Some(target);
        let names = texts(&case.draw(View::Matrix));
        let starts = |token: usize| names.iter().any(|name| name.starts_with(&format!("{token} ")));
        assert!(starts(queries.start + 2) && starts(keys.start + 3), "{names:?}");
        case.hover = None;
    }
    let mut words = words_only();
    words.options.matrix_block = MatrixBlock::ImageImage;
    assert!(texts(&words.draw(View::Matrix)).iter().any(|text| text.contains("image–image")));
    let mut causal = tiled_chat();
    causal.options.matrix_block = MatrixBlock::TextImage;
    causal.draw(View::Matrix);
}

#[test]
fn links_are_coloured_by_head_and_counted() {
    let mut case = question();
    case.selection.head = Pick::Mean;
    case.options.links_color = LinkColor::Head;
    let matrix = case.known.matrix.clone();
    case.known.head_matrices = (0..4).map(|head| (head, matrix.clone())).collect();
    let few = std::mem::replace(&mut case.options.links, Keep::Strongest(10_000));
    let scene = case.draw(View::Links);
    let shown = links(&scene);
    assert_eq!(shown.iter().map(|links| links.links.len()).collect::<Vec<_>>(), [4 * 7 * 64, 4 * 64]);
    let colors: std::collections::BTreeSet<_> = shown[1].links.iter().map(|link| link.color.0).collect();
    assert_eq!(colors.len(), 4);
    case.options.links = few;
    let scene = case.draw(View::Links);
    assert!(
        texts(&scene).iter().any(|text| text.starts_with("400 of 2,048 · width: attention weight")),
        "{:?}",
        texts(&scene)
    );
    assert!(texts(&scene).contains(&"head 3".to_owned()));
    assert!(
        scene.zones.iter().any(|zone| matches!(zone, Zone::Area { target: Target::Head { layer: 2, head: 3 }, .. }))
    );
    case.options.links = Keep::AtLeast(0.02);
    let strong =
        4 * (0..8).flat_map(|q| (9..73).map(move |k| (q, k))).filter(|(q, k)| matrix[q * 73 + k] >= 0.02).count();
    let scene = case.draw(View::Links);
    assert!(texts(&scene).iter().any(|text| text.starts_with(&format!("{strong} of 2,048"))));
    // Before the heads' own weights are there, no other weights stand for them.
    case.known.matrix = Arc::new(Vec::new());
    let scene = case.draw(View::Links);
    assert!(links(&scene).is_empty() && texts(&scene).iter().any(|text| text.contains("not here yet")));
}

#[test]
fn links_are_coloured_by_direction() {
    let mut case = question();
    case.options.links_color = LinkColor::Direction;
    case.options.links = Keep::Strongest(10_000);
    case.selection.tokens.clear();
    let scene = case.draw(View::Links);
    let palette = case.options.theme.palette();
    let all = &links(&scene)[0].links;
    let of = |color: Color| all.iter().filter(|link| link.color == color).count();
    assert_eq!((of(palette.word), of(palette.patch)), (512, 512));
    // The same word and patch: one link each way, with the weights of either cell.
    let weight = |color: Color| all.iter().find(|link| link.color == color).unwrap().weight;
    assert_eq!(weight(palette.word), case.known.matrix[9]);
    assert_eq!(weight(palette.patch), case.known.matrix[9 * 73]);
    assert!(texts(&scene).contains(&"image attends to text".to_owned()));
}

#[test]
fn bundles_sum_the_weights_of_a_region() {
    let mut case = question();
    case.options.links_bundle = true;
    case.options.links_of_selection = true;
    let scene = case.draw(View::Links);
    let links_shown = &links(&scene)[0].links;
    // 'circle', and what lies elsewhere.
    assert_eq!(links_shown.len(), 2);
    let row = &case.known.matrix[2 * 73 + 9..3 * 73];
    let total: f32 = links_shown.iter().map(|link| link.weight).sum();
    assert!((total - row.iter().sum::<f32>()).abs() < 1e-5);
    assert!(texts(&scene).iter().any(|text| text == "circle"));
    case.document.regions.clear();
    let scene = case.draw(View::Links);
    assert_eq!(links(&scene)[0].links.len(), 4, "quadrants");
    let corner: f32 = (0..16).map(|i| row[i / 4 * 8 + i % 4]).sum();
    assert!((links(&scene)[0].links[0].weight - corner).abs() < 1e-5);
    // Image queries: the mean of the rows.
    case.selection.direction = Direction::AttendedBy;
    let scene = case.draw(View::Links);
    let mean: f32 = (0..16).map(|i| case.known.matrix[(9 + i / 4 * 8 + i % 4) * 73 + 2]).sum::<f32>() / 16.0;
    assert!((links(&scene)[0].links[0].weight - mean).abs() < 1e-6);
}
