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
use vlscope::trace::Mask;
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
    assert!(scene.tip(Target::Token { sequence: 0, token }).contains(" → 4×6 patch (row 2, column 5): "));
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

/// A picture of one grey under an encoder's image-to-image attention, and the pixels of the view.
fn on_ground(ground: u8, weights: Vec<f32>, change: impl FnOnce(&mut Case)) -> (Scene, image::RgbaImage) {
    let mut case = encoder_decoder();
    case.selection.block = 0;
    case.images = vec![Arc::new(vlscope::render::Pixels { width: 50, height: 30, rgb: vec![ground; 4500] })];
    let mut case = case.computed();
    case.options.smooth = false;
    case.hover = None;
    case.known.weights = Arc::new(weights);
    change(&mut case);
    let scene = case.draw(View::Image);
    let picture = Headless::new(&AdapterChoice::Auto).unwrap().draw(&scene.drawing, 1.0).unwrap();
    (scene, picture)
}

/// The colour of a patch beside its middle, where no letter and no outline lies.
fn patch_color(scene: &Scene, picture: &image::RgbaImage, token: usize) -> [f32; 3] {
    let cell = scene.content.size() / Vec2::new(5.0, 3.0);
    let at = scene.content.min + cell * (Vec2::new((token % 5) as f32, (token / 5) as f32) + 0.3);
    let [r, g, b, _] = picture.get_pixel(at.x as u32, at.y as u32).0.map(f32::from);
    [r, g, b]
}

/// How different two colours look (CIE 1976, ΔE*ab, D65).
fn difference(a: [f32; 3], b: [f32; 3]) -> f32 {
    let lab = |rgb: [f32; 3]| {
        let [r, g, b] = rgb.map(|channel| {
            let value = channel / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        });
        let xyz = [
            (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.950_47,
            0.2126 * r + 0.7152 * g + 0.0722 * b,
            (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.088_83,
        ];
        let [x, y, z] = xyz.map(|t| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 });
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    };
    let (a, b) = (lab(a), lab(b));
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
}

/// No attention leaves the picture as it is, white paper white; the more there is, the more the colour differs from it, on whatever
/// picture: the heat can be read without the colour bar.
#[test]
fn heat_rises_with_the_weight_on_every_ground() {
    for ground in [0, 128, 205, 255] {
        let weights = (0..15).map(|token| token as f32 / 14.0).collect();
        let (scene, picture) = on_ground(ground, weights, |_| {});
        let of_ground = [f32::from(ground); 3];
        let heat: Vec<f32> = (0..15).map(|token| difference(patch_color(&scene, &picture, token), of_ground)).collect();
        assert_eq!(heat[0], 0.0, "on {ground}");
        // A step that is hardly seen may be one back.
        assert!(heat.is_sorted_by(|a, b| *b > a - 1.5) && heat[14] > 60.0, "on {ground}: {heat:?}");
    }
}

/// The colours of the bar are those in the picture, however the heat covers it.
#[test]
fn the_bar_has_the_colours_of_the_picture() {
    for (ground, fade, opacity) in [(255, true, 0.9), (90, true, 0.6), (200, false, 0.5)] {
        let weights: Vec<f32> = (0..15).map(|token| token as f32 / 14.0).collect();
        let (scene, picture) = on_ground(ground, weights.clone(), |case| {
            (case.options.fade, case.options.opacity) = (fade, opacity);
        });
        let bar = scene.bar.unwrap();
        // The bar's end itself lies under its outline.
        for (token, weight) in weights.into_iter().enumerate().skip(1) {
            let inside = bar.rect.shrink(2.0);
            let at = bar.part(weight, weight).min.clamp(inside.min, inside.max - 1.0);
            let [r, g, b, _] = picture.get_pixel(at.x as u32, at.y as u32).0.map(f32::from);
            let off = difference([r, g, b], patch_color(&scene, &picture, token));
            assert!(off < 5.0, "{weight} on {ground}: {off}");
        }
    }
}

#[test]
fn a_photograph_under_heat_has_no_colours_of_its_own() {
    let mut case = encoder_decoder();
    case.selection.block = 0;
    let orange = [250, 120, 20].repeat(1500);
    case.images = vec![Arc::new(vlscope::render::Pixels { width: 50, height: 30, rgb: orange })];
    let mut case = case.computed();
    case.known.weights = Arc::new((0..15).map(|token| if token == 3 { 1.0 } else { 0.0 }).collect());
    let scene = case.draw(View::Image);
    let picture = Headless::new(&AdapterChoice::Auto).unwrap().draw(&scene.drawing, 1.0).unwrap();
    let [r, g, b] = patch_color(&scene, &picture, 10);
    assert!(r == g && g == b && r > 100.0, "{r} {g} {b}");
    // Without heat it is the photograph.
    case.known.weights = Arc::new(vec![0.0; 15]);
    let scene = case.draw(View::Image);
    let picture = Headless::new(&AdapterChoice::Auto).unwrap().draw(&scene.drawing, 1.0).unwrap();
    assert_eq!(patch_color(&scene, &picture, 10), [250.0, 120.0, 20.0]);
}

/// A fine patch with all the attention looks the same whether a coarse one lies beneath it or not.
#[test]
fn overlapping_tiles_show_the_colour_of_the_token_on_top() {
    let mut case = tiled_chat();
    case.selection.tokens = vec![case.document.sequences[0].tokens.len() - 1];
    let mut case = case.computed();
    case.images = vec![Arc::new(vlscope::render::Pixels { width: 6, height: 4, rgb: vec![90; 72] })];
    case.options.smooth = false;
    case.hover = None;
    let (row, column) = (2, 3);
    let mut weights = vec![0.3; case.known.weights.len()];
    weights[1 + 4 - 1 + 6 + row * 7 + column] = 1.0;
    case.known.weights = Arc::new(weights);
    let mut pixel = |tiles| {
        case.options.tiles = tiles;
        let scene = case.draw(View::Image);
        let at =
            scene.content.min + scene.content.size() * Vec2::new((column as f32 + 0.3) / 6.0, (row as f32 + 0.3) / 4.0);
        let picture = Headless::new(&AdapterChoice::Auto).unwrap().draw(&scene.drawing, 1.0).unwrap();
        picture.get_pixel(at.x as u32, at.y as u32).0
    };
    assert_eq!(pixel(Tiles::All), pixel(Tiles::Fine));
}

#[test]
fn a_token_that_is_left_out_is_hatched() {
    let count = |scene: &Scene| {
        let content = scene.content;
        let strokes = scene.drawing.marks.iter().filter(|mark| match mark {
            Mark::Line(line) => line.from.x != line.to.x && line.from.y != line.to.y && content.contains(line.from),
            _ => false,
        });
        strokes.count()
    };
    let (usual, _) = on_ground(255, vec![0.1; 15], |_| {});
    let (hidden, picture) = on_ground(255, [vec![f32::NAN], vec![0.1; 14]].concat(), |_| {});
    assert!(count(&usual) == 0 && count(&hidden) > 0);
    let [r, g, b] = patch_color(&hidden, &picture, 0);
    assert!(r == g && g == b || r.min(g).min(b) > 90.0, "no heat: {r} {g} {b}");
}

#[test]
fn contours_surround_half_and_four_fifths_of_the_attention() {
    let weights = (0..15).map(|token| if token == 7 { 0.6 } else { 0.4 / 14.0 }).collect();
    let (scene, _) = on_ground(255, weights, |case| case.options.contours = true);
    let cell = scene.content.size() / Vec2::new(5.0, 3.0);
    let white =
        |mark: &&Mark| matches!(mark, Mark::Line(line) if line.color == Color::hex(0xffffff) && line.dash == 0.0);
    let solid: Vec<&Mark> = scene.drawing.marks.iter().filter(white).collect();
    assert_eq!(solid.len(), 4, "around one patch");
    let corner = scene.content.min + cell * Vec2::new(2.0, 1.0);
    let at_corner = |mark: &&Mark| matches!(mark, Mark::Line(line) if (line.from - corner).length() < 0.1);
    assert_eq!(solid.into_iter().filter(at_corner).count(), 2);
    assert!(texts(&scene).iter().any(|text| text.contains("half of the attention")));
}

/// One weight is one colour, on a patch and on a word; dark is low in both themes.
#[test]
fn text_and_image_have_one_scale_in_both_themes() {
    let mut case = question();
    let mut weights = vec![0.0; 73];
    (weights[2], weights[5], weights[9 + 20]) = (0.000_27, 0.3, 0.98);
    case.known.weights = Arc::new(weights);
    case.selection.tokens = vec![1];
    for theme in [Theme::Dark, Theme::Light] {
        case.options.theme = theme;
        let (text, image) = (case.draw(View::Text), case.draw(View::Image));
        assert_eq!([text.bar.unwrap().range, image.bar.unwrap().range], [[0.0, 0.98]; 2], "{theme}");
        let fill = |token| {
            let chip = text.zones.iter().find_map(|zone| match zone {
                Zone::Area { rect, target } if *target == Target::Token { sequence: 0, token } => Some(*rect),
                _ => None,
            });
            let quads = text.drawing.marks.iter();
            let quad = quads.filter_map(|mark| if let Mark::Quad(quad) = mark { Some(quad) } else { None });
            quad.filter(|quad| Some(quad.rect) == chip && quad.fill.0[3] == 255).map(|quad| quad.fill).next().unwrap()
        };
        let light = |color: Color| contrast(color, Color::hex(0));
        assert!(
            light(fill(2)) < 1.1 && light(fill(5)) > 1.3 * light(fill(2)),
            "{theme}: a word at 0.00027 does not glow"
        );
    }
}

/// 1/n, at the place on the bar where a row that is spread evenly would lie.
#[test]
fn a_tick_marks_the_uniform_share() {
    let mut case = question();
    case.selection.tokens = vec![1];
    for view in [View::Image, View::Text, View::Matrix] {
        let scene = case.draw(view);
        let bar = scene.bar.unwrap();
        let at = bar.part(1.0 / 73.0, 1.0 / 73.0).min;
        let marks = scene.drawing.marks.iter();
        let ticks = marks.filter(|mark| match mark {
            Mark::Line(line) if bar.is_upright => line.from.y == at.y && line.to == Vec2::new(bar.rect.min.x, at.y),
            Mark::Line(line) => line.from.x == at.x && line.to == Vec2::new(at.x, bar.rect.min.y),
            _ => false,
        });
        assert_eq!(ticks.count(), 1, "{view}");
        assert!(texts(&scene).iter().any(|text| text.contains("uniform, 1/73")), "{view}");
    }
}

/// The share is that of the mask of the layers that are shown.
#[test]
fn the_uniform_share_is_that_of_the_layers_that_are_shown() {
    let label = |case: &Case, view| {
        texts(&case.draw(view)).iter().find_map(|text| Some(text.split_once("uniform, ")?.1.to_owned()))
    };
    let mut case = question();
    case.selection.tokens = vec![40];
    let mut with_masks = |masks: &[Mask], layer| {
        case.document.attention[0].masks = masks.to_vec();
        case.selection.layer = layer;
        case.known.weights = Arc::new(vec![0.06; 73]);
        (label(&case, View::Text), label(&case, View::Matrix))
    };
    let share = |text: &str| Some(text.to_owned());
    let by_layer = [Mask::Full, Mask::Sliding(25), Mask::Prefix(60), Mask::Stored];
    assert_eq!(with_masks(&by_layer, Pick::One(0)), (share("1/73"), share("1/73")));
    assert_eq!(with_masks(&by_layer, Pick::One(1)), (share("1/25"), None), "rows of a window differ");
    assert_eq!(with_masks(&by_layer, Pick::One(2)), (share("1/60"), None));
    assert_eq!(with_masks(&by_layer, Pick::One(3)), (None, None), "the document does not say");
    assert_eq!(with_masks(&by_layer, Pick::Mean), (None, None), "layers differ");
    assert_eq!(with_masks(&[Mask::CausalBut(vec![20..25, 30..50])], Pick::Mean), (share("1/50"), None));
    assert_eq!(with_masks(&[Mask::Spans(vec![0..30, 30..50])], Pick::Max), (share("1/20"), None));
    assert_eq!(with_masks(&[Mask::Spans(vec![0..3, 50..60])], Pick::One(0)), (None, None), "it sees nothing");
    assert_eq!(with_masks(&[Mask::Causal], Pick::One(2)), (share("1/41"), None));
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
    assert!(tip.contains(" → pear = pe + ar: ") && tip.ends_with("(attention weight, sum of 2)"), "{tip}");
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

/// Numbers of equal distance beside a bar, from its lower end on: none of them is left out.
#[test]
fn ticks_are_even() {
    let mut case = question();
    for (width, high) in [(420.0, 1.0), (300.0, 1.0), (900.0, 0.8), (260.0, 0.05)] {
        case.size = Vec2::new(width, 400.0);
        case.options.range = Some([0.0, high]);
        let scene = case.draw(View::Text);
        let bar = scene.bar.unwrap();
        let below = labels(&scene).into_iter().filter(|label| label.at.y > bar.rect.max.y);
        let mut values: Vec<f32> = below.filter_map(|label| label.text.parse().ok()).collect();
        values.sort_by(f32::total_cmp);
        assert!(values.len() >= 2, "{width}: {values:?}");
        let steps: Vec<f32> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(steps.iter().all(|step| (step - steps[0]).abs() < 1e-4), "{width}: {values:?}");
    }
}

/// Many selected rows, each lower than a pixel's few, leave the weights to be seen.
#[test]
fn selected_rows_do_not_cover_the_matrix() {
    let mut case = question();
    case.selection.tokens = (9..73).step_by(2).collect();
    let case = case.computed();
    let scene = case.draw(View::Matrix);
    let inside = scene.content.shrink(1.0);
    let amber = Theme::Dark.palette().selected;
    let marks = scene.drawing.marks.iter();
    let covering = marks.filter(|mark| match mark {
        Mark::Quad(quad) => quad.stroke == amber && inside.contains(quad.rect.center()),
        _ => false,
    });
    assert_eq!(covering.count(), 0);
    let at_ends = scene.drawing.marks.iter();
    let at_ends = at_ends.filter(|mark| matches!(mark, Mark::Quad(quad) if quad.stroke == amber)).count();
    assert_eq!(at_ends, 2 * case.selection.tokens.len());
}
