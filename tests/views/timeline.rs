//! What the output tokens attend to: which tokens they are, and the four masses of each.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails may panic")]

use std::sync::Arc;

use crate::fixtures::*;
use vlscope::analysis::timeline::{HeadMasses, Timeline, TokenGroup, groups, output_tokens, usual_sinks};
use vlscope::analysis::{LayerWeights, Pick};
use vlscope::render::Mark;
use vlscope::trace::{Document, Dtype, LayerMask, Mask, TensorView};
use vlscope::view::{Target, View};

fn outputs(document: &Document, block: usize) -> Vec<usize> {
    output_tokens(document, &document.attention[block])
}

#[test]
fn outputs_are_found_by_segment_then_by_place() {
    let chat = tiled_chat();
    let count = chat.document.sequences[0].tokens.len();
    assert_eq!(outputs(&chat.document, 0), (count - 7..count).collect::<Vec<_>>());
    // Without segments: what follows the last patch.
    let prompt = long_prompt();
    let first = outputs(&prompt.document, 0)[0];
    assert_eq!(first, prompt.document.sequences[0].tokens.iter().rposition(|t| t.image_area().is_some()).unwrap() + 1);
    // A decoder with cross-attention: all that is not special, in both of its blocks; none in the encoder.
    let formula = encoder_decoder();
    assert_eq!([0, 1, 2].map(|block| outputs(&formula.document, block)), [vec![], vec![1, 2, 3], vec![1, 2, 3]]);
    // Nothing says where the prompt of text alone ends. An encoder answers in its first token, if that is there for it.
    assert!(outputs(&words_only().document, 0).is_empty());
    let mut vqa = question();
    assert_eq!(outputs(&vqa.document, 0), [0]);
    vqa.document.sequences[0].tokens.remove(0);
    assert!(outputs(&vqa.document, 0).is_empty());
}

/// A prefix, an image that sees itself and a window leave a decoder a decoder; spans and a stored mask do not say that it is one.
#[test]
fn decoders_are_told_by_their_masks() {
    let mut prompt = long_prompt();
    let causal = (outputs(&prompt.document, 0), usual_sinks(&prompt.document, &prompt.document.attention[0]));
    assert!(!causal.0.is_empty() && causal.1.first() == Some(&0));
    for (masks, is_decoder) in [
        (vec![Mask::Prefix(9)], true),
        (vec![Mask::CausalBut(vec![1..3, 3..5])], true),
        (vec![Mask::Sliding(4), Mask::Causal, Mask::Sliding(4), Mask::Causal], true),
        (vec![Mask::Spans(vec![0..2, 2..5])], false),
        (vec![Mask::Stored], false),
        (vec![Mask::Causal, Mask::Causal, Mask::Full, Mask::Causal], false),
    ] {
        prompt.document.attention[0].masks = masks;
        assert_eq!(outputs(&prompt.document, 0) == causal.0, is_decoder);
    }
}

/// Two heads over [sink, image, prompt, output, output], by hand.
#[test]
fn masses_are_sums_by_group_and_means_over_heads() {
    let mut case = tiled_chat();
    let tokens = &case.document.sequences[0].tokens;
    let outs = tokens.len() - 7;
    let picked = [0, 4, 1, outs, outs + 1].map(|index| tokens[index].clone()).to_vec();
    case.document.sequences[0].tokens = picked;
    let block = &case.document.attention[0];
    let found = output_tokens(&case.document, block);
    let groups = groups(&case.document, block, &found, &usual_sinks(&case.document, block));
    use TokenGroup::{Image, Output, Prompt, Sink};
    assert_eq!((found.as_slice(), groups.as_slice()), (&[3, 4][..], &[Sink, Image, Prompt, Output, Output][..]));
    let mut weights = vec![0.0_f32; 50];
    weights[15..20].copy_from_slice(&[0.5, 0.25, 0.125, 0.125, 0.0]);
    weights[20..25].copy_from_slice(&[0.0, 0.5, 0.0, 0.25, 0.25]);
    weights[40..45].copy_from_slice(&[0.5, 0.0, 0.5, 0.0, 0.0]);
    weights[45..50].copy_from_slice(&[1.0, 0.0, 0.0, 0.0, 0.0]);
    let mask = LayerMask::new(&Mask::Full, 5, &[]);
    for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16] {
        let mut bytes = vec![0; weights.len() * dtype.bytes()];
        dtype.encode(&weights, &mut bytes);
        let layer = LayerWeights::Stored(TensorView { dtype, shape: vec![2, 5, 5], bytes: &bytes }, mask);
        let masses = HeadMasses::sum(&[layer.clone(), layer], &found, &groups, &|| true).unwrap();
        let first = masses.mean(&[(1, 0..1)]);
        assert_eq!(first.at(1, 0), Some([0.25, 0.125, 0.125, 0.5]));
        assert_eq!(first.at(1, 1), Some([0.5, 0.0, 0.5, 0.0]));
        assert!(first.at(0, 0).unwrap()[0].is_nan(), "layer 0 has none of the heads");
        assert_eq!(first.over(0..2, 0), first.at(1, 0));
        assert_eq!(first.at(1, 2), None);
        let both = masses.mean(&[(0, 0..2), (1, 0..2)]);
        assert_eq!(both.over(0..2, 1), Some([0.25, 0.0, 0.25, 0.5]));
    }
    assert!(HeadMasses::sum(&[], &found, &groups, &|| true).unwrap().mean(&[]).masses.is_empty());
    let none = LayerWeights::Stored(TensorView { dtype: Dtype::F32, shape: vec![2, 5, 5], bytes: &[0; 200] }, mask);
    assert!(HeadMasses::sum(&[none], &found, &groups, &|| false).is_none(), "told to stop");
}

#[test]
fn the_view_stacks_the_masses_and_answers_by_token_and_layer() {
    let mut case = tiled_chat();
    case.selection.tokens = vec![];
    let timeline = case.known.timeline.clone().unwrap();
    let scene = case.draw(View::Timeline);
    let palette = case.options.theme.palette();
    let quads = |color| {
        let marks = scene.drawing.marks.iter();
        let of = move |mark: &Mark| if let Mark::Quad(q) = mark { (q.fill == color).then_some(q.rect) } else { None };
        marks.filter_map(of).filter(|rect| rect.size().x > 8.5).collect::<Vec<_>>()
    };
    // The heights of the first token's bars are in proportion to its masses.
    let masses = timeline.at(2, 0).unwrap();
    assert!((masses.iter().sum::<f32>() - 1.0).abs() < 1e-4);
    let heights = [palette.patch, palette.word].map(|color| quads(color)[0].size().y);
    assert!((heights[0] / heights[1] - masses[0] / masses[1]).abs() < 1e-2, "{heights:?} for {masses:?}");
    let heatmap = scene.drawing.marks.iter().find_map(|mark| match mark {
        Mark::Heatmap(heatmap) if heatmap.rows == 4 => Some(heatmap),
        _ => None,
    });
    let heatmap = heatmap.unwrap();
    let first = timeline.tokens[0];
    let cell = heatmap.rect.size() / glam::Vec2::new(7.0, 4.0);
    let at = heatmap.rect.min + cell * glam::Vec2::new(1.5, 2.5);
    assert_eq!(scene.at(at), Some(Target::Output { layer: Some(2), token: first + 1 }));
    let above = glam::Vec2::new(at.x, scene.content.min.y + 5.0);
    assert_eq!(scene.at(above), Some(Target::Output { layer: None, token: first + 1 }));
    let tip = scene.tip(Target::Output { layer: Some(2), token: first + 1 });
    assert!(
        tip.starts_with("pe · layer 2: image 0.") && tip.contains(&format!("predicts token {}", first + 2)),
        "{tip}"
    );
    let says = |case: &Case| labels(&case.draw(View::Timeline)).iter().map(|l| l.text.clone()).collect::<String>();
    assert!(says(&words_only().with_timeline()).contains("no output tokens"));
    assert!(says(&question()).contains("not here yet"));
}

#[test]
fn a_single_output_token_has_a_bar_a_layer() {
    let case = question().with_timeline();
    let timeline = case.known.timeline.clone().unwrap();
    assert_eq!((timeline.tokens.as_slice(), timeline.layers), (&[0][..], 4));
    let scene = case.draw(View::Timeline);
    let column = scene.content.size().x / 4.0;
    for layer in 0..4 {
        let at = glam::Vec2::new(scene.content.min.x + column * (layer as f32 + 0.5), scene.content.center().y);
        assert_eq!(scene.at(at), Some(Target::Output { layer: Some(layer), token: 0 }));
    }
    let tip = scene.tip(Target::Output { layer: Some(1), token: 0 });
    assert!(tip.starts_with("[CLS] · layer 1: image 0.") && !tip.contains("predicts"), "{tip}");
    assert!(!scene.drawing.marks.iter().any(|mark| matches!(mark, Mark::Heatmap(_))));
}

/// The scale that pictures of all heads share, by hand: two heads over [text, image, special].
#[test]
fn peaks_are_the_largest_of_any_head() {
    use vlscope::analysis::peaks::Peaks;
    use vlscope::analysis::{BlockLayout, Direction, Selection};
    let tokens = [text("what"), patches(0, 1, 1).remove(0), text("[SEP]")];
    let layout = BlockLayout { queries: &tokens, keys: &tokens, same_sequence: true, regions: &[], aspects: vec![1.0] };
    let weights: [f32; 18] =
        [0.5, 0.25, 0.25, 0.125, 0.125, 0.75, 1.0, 0.0, 0.0, 0.125, 0.375, 0.5, 0.25, 0.75, 0.0, 0.0, 0.0, 1.0];
    let bytes: Vec<u8> = weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
    let layer = TensorView { dtype: Dtype::F32, shape: vec![2, 3, 3], bytes: &bytes };
    let layer = LayerWeights::Stored(layer, LayerMask::new(&Mask::Full, 3, &[]));
    let of = |tokens: &[usize], direction| {
        let selection = Selection { tokens: tokens.to_vec(), direction, ..Selection::default() };
        Peaks::of(&layout, std::slice::from_ref(&layer), &selection, &|| true).unwrap().unwrap()
    };
    assert_eq!(of(&[0], Direction::AttendsTo), Peaks { patches: 0.375, words: 0.5, tokens: 0.5, matrix: 0.75 });
    // The mean of two rows, of each head: image (0.25 + 0.125) / 2 and (0.375 + 0.75) / 2.
    assert_eq!(of(&[0, 1], Direction::AttendsTo).patches, 0.5625);
    assert_eq!(of(&[1], Direction::AttendedBy), Peaks { patches: 0.75, words: 0.375, tokens: 0.75, matrix: 0.75 });
    let selection = Selection { tokens: vec![9], ..Selection::default() };
    assert!(Peaks::of(&layout, &[layer], &selection, &|| true).is_err());
}

/// A head that a layer lacks has no masses there, and a NaN among a row's weights leaves it none.
#[test]
fn masses_that_are_nan_are_struck_and_the_rest_is_drawn() {
    let nan = [f32::NAN; 4];
    let bars = |case: &Case| {
        let scene = case.draw(View::Timeline);
        let palette = case.options.theme.palette();
        let of =
            |color| scene.drawing.marks.iter().filter(|mark| matches!(mark, Mark::Quad(q) if q.fill == color)).count();
        // The legend has one of each group.
        (of(palette.missing), of(palette.patch) - 1)
    };
    // One output token has a bar in each layer. Sums may exceed 1 by rounding.
    let mut one = question();
    let masses = vec![nan, [0.3, 0.3, 0.3, 0.100_000_1], [0.1, f32::NAN, 0.0, 0.0], [f32::INFINITY, 0.0, 0.0, 0.0]];
    one.known.timeline = Some(Arc::new(Timeline { tokens: vec![0], masses, layers: 4, ..Timeline::default() }));
    assert_eq!(bars(&one), (2, 2));
    let tip = one.draw(View::Timeline).tip(Target::Output { layer: Some(0), token: 0 });
    assert!(tip.ends_with("layer 0: no value"), "{tip}");
    // Several have one each: the mean of the layers that have any.
    let mut several = tiled_chat();
    let mut timeline = (**several.known.timeline.as_ref().unwrap()).clone();
    let count = timeline.tokens.len();
    assert_eq!(bars(&several), (0, count));
    (0..timeline.layers).for_each(|layer| timeline.masses[layer * count + 1] = nan);
    timeline.masses[2] = nan;
    several.known.timeline = Some(Arc::new(timeline));
    several.selection.layer = Pick::Mean;
    assert_eq!(bars(&several), (1, count - 1));
}
