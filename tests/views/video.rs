//! The frames of a video as a strip over the picture.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use vlscope::render::Mark;
use vlscope::trace::Content;
use vlscope::view::{Scene, Target, View, Zone};

use crate::fixtures::{Case, labels, patches, picture, question, text};

/// Four frames of 2 × 2 patches, half a second apart; the first two patches of frame 2 were merged with those of frame 3. All of the
/// weight is on frame 1 and on what is merged.
fn video() -> Case {
    let mut case = question();
    let mut tokens = vec![text("[CLS]"), text("what"), text("moves")];
    tokens.extend((0..4).flat_map(|image| patches(image, 2, 2)));
    for token in &mut tokens[11..13] {
        let Content::Image { images, .. } = &mut token.content else { unreachable!() };
        images.push(3);
    }
    let weights = (0..tokens.len()).map(|token| match token {
        7..11 => 0.15,
        11..13 => 0.2,
        _ => 0.0,
    });
    case.known.weights = Arc::new(weights.collect());
    case.document.sequences[0].tokens = tokens;
    case.document.images = 4;
    case.document.image_times = (0..4).map(|frame| Some(frame as f32 / 2.0)).collect();
    case.document.regions.clear();
    case.images = vec![picture(60, 40); 4];
    case.known.matrix = Arc::default();
    case
}

fn frames(scene: &Scene) -> Vec<usize> {
    let zones = scene.zones.iter().filter_map(|zone| match zone {
        Zone::Area { target: Target::Frame { image }, .. } => Some(*image),
        _ => None,
    });
    zones.collect()
}

fn says(scene: &Scene, words: &str) -> bool {
    labels(scene).iter().any(|label| label.text.contains(words))
}

#[test]
fn a_video_is_a_strip_with_what_lies_on_each_frame() {
    let case = video();
    let scene = case.draw(View::Image);
    assert_eq!(frames(&scene), [0, 1, 2, 3]);
    assert!(says(&scene, "0 s") && says(&scene, "1.5 s") && says(&scene, "attention on each frame, up to 0.600"));
    let tip = |image| scene.tip(Target::Frame { image });
    assert_eq!(tip(1), "image 1 · 0.5 s: 0.600 (sum over the frame)");
    assert_eq!(tip(2), "image 2 · 1 s: 0.200 (sum over the frame)", "a merged patch counts to each frame in part");
    assert_eq!(tip(3), "image 3 · 1.5 s: 0.200 (sum over the frame)");
    // The picture is the frame with most: its patches, and none of another, are what a click selects.
    let tokens = |scene: &Scene| {
        let zones = scene.zones.iter().filter_map(|zone| match zone {
            Zone::Area { target: Target::Token { token, .. }, .. } => Some(*token),
            _ => None,
        });
        let mut tokens: Vec<usize> = zones.collect();
        tokens.sort_unstable();
        tokens
    };
    assert_eq!(tokens(&scene), [7, 8, 9, 10]);
    let mut chosen = video();
    chosen.options.image = Some(3);
    let scene = chosen.draw(View::Image);
    assert_eq!(frames(&scene), [0, 1, 2, 3], "all stay in the strip");
    assert_eq!(tokens(&scene), [11, 12, 15, 16, 17, 18]);
    let scene = case.draw(View::Image);
    let heatmaps = scene.drawing.marks.iter().filter(|mark| matches!(mark, Mark::Heatmap(_))).count();
    // The merged patches lie on those of their second frame: no grid, but boxes.
    assert_eq!(heatmaps, 3 + 2, "three frames under their heat, the picture, and the bar");
}

#[test]
fn images_without_times_are_no_video() {
    let mut case = video();
    case.document.image_times.clear();
    assert_eq!(frames(&case.draw(View::Image)), Vec::<usize>::new());
    assert_eq!(frames(&video().sized(300.0, 160.0).draw(View::Image)), Vec::<usize>::new(), "there is no room");
}
