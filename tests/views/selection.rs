//! What the views say and mark of sinks, rollout and combined tokens, and which tokens lie in a rectangle.

use std::sync::Arc;

use crate::fixtures::{Case, encoder_decoder, labels, multi_image, question};
use glam::Vec2;
use vlscope::analysis::sinks::{Sink, Sinks};
use vlscope::analysis::timeline::Timeline;
use vlscope::analysis::{Combine, Direction, Pick, Rollout, SinkTreatment, WeightKind};
use vlscope::render::{Color, Mark, Rect};
use vlscope::view::{View, summary};

const WITH_WEIGHTS: [View; 5] = [View::Image, View::Text, View::Matrix, View::Links, View::Overlays];

/// `[CLS]` and the first patch are sinks.
fn with_sinks(mut case: Case, treatment: SinkTreatment) -> Case {
    let sink = |token: usize| Sink { token, heads: 0.9, is_massive: false };
    case.selection.sinks = treatment;
    case.known.sinks = Some(Arc::new(Sinks { sinks: vec![sink(0), sink(9)], dimensions: Vec::new() }));
    case
}

fn says(case: &Case, view: View, words: &str) -> bool {
    labels(&case.draw(view)).iter().any(|label| label.text.contains(words))
}

fn dots(case: &Case, view: View) -> usize {
    let is_dot = |mark: &&Mark| matches!(mark, Mark::Quad(quad) if quad.fill == Color::hex(0xffffff) && quad.rect.size() == Vec2::splat(7.0));
    case.draw(view).drawing.marks.iter().filter(is_dot).count()
}

#[test]
fn each_view_with_weights_says_what_became_of_sinks() {
    for (treatment, words) in [
        (SinkTreatment::Mark, "sinks: [CLS], patch (row 0, column 0)"),
        (SinkTreatment::Hide, "sinks hidden: [CLS], patch (row 0, column 0)"),
        (SinkTreatment::Renormalise, "sinks hidden, rows scaled up: [CLS], patch (row 0, column 0)"),
    ] {
        let mut case = with_sinks(question(), treatment);
        // As in the window, where the tabs are the titles.
        case.options.title = false;
        for view in WITH_WEIGHTS {
            assert!(says(&case, view, words), "{view}: {words}");
        }
        let masses = vec![[0.25; 4]; 4];
        case.known.timeline = Some(Arc::new(Timeline { tokens: vec![0], layers: 4, masses, ..Timeline::default() }));
        assert!(says(&case, View::Timeline, "counted as sinks: [CLS], patch (row 0, column 0)"));
        assert!(!says(&case, View::Heads, "sinks"), "the statistics do not change");
    }
    let mut none = with_sinks(question(), SinkTreatment::Hide);
    none.known.sinks = Some(Arc::default());
    assert!(says(&none, View::Text, "no sinks in this block"));
    assert!(!says(&question(), View::Text, "sinks"));
}

#[test]
fn a_summary_says_where_the_attention_goes() {
    let mut case = question();
    let mut weights = vec![0.0; case.known.weights.len()];
    // [CLS] is special, 3 is a word, 9 and 10 are patches.
    [(0, 0.25), (3, 0.25), (9, 0.25), (10, 0.25)].into_iter().for_each(|(token, weight)| weights[token] = weight);
    case.known.weights = Arc::new(weights);
    let known = case.answered(View::Image);
    let said = summary(&case.inputs(&known));
    let expected = "Attention of color · layer 2 · head 1: image 0.50 · text 0.25 · special 0.25 · entropy 1.39 nats";
    assert_eq!(said.as_deref(), Some(expected), "ln 4 is 1.39");
    case.known.weights = Arc::default();
    let known = case.answered(View::Image);
    assert_eq!(summary(&case.inputs(&known)), None);
}

#[test]
fn marked_sinks_have_a_dot_where_they_are_seen() {
    // One in the note, and one at each sink that the view shows by itself.
    for (view, expected) in [(View::Image, 2), (View::Text, 2), (View::Matrix, 3), (View::Links, 3)] {
        assert_eq!(dots(&with_sinks(question(), SinkTreatment::Mark), view), expected, "{view}");
        assert_eq!(dots(&with_sinks(question(), SinkTreatment::Hide), view), 0, "{view}");
    }
}

#[test]
fn weights_that_are_left_out_are_not_drawn_and_do_not_spoil_the_shares() {
    let mut case = with_sinks(question(), SinkTreatment::Hide);
    let mut weights = case.known.weights.to_vec();
    weights[0] = f32::NAN;
    weights[9] = f32::NAN;
    case.known.weights = Arc::new(weights);
    assert!(says(&case, View::Text, "share of the attention"));
    assert!(says(&case, View::Image, "circle 0."), "a region has its share");
}

#[test]
fn a_rollout_that_cannot_be_is_explained_in_every_view_that_lacks_it() {
    let mut case = encoder_decoder();
    case.selection.weights = WeightKind::Rollout(Rollout::default());
    case.known.weights = Arc::default();
    case.known.matrix = Arc::default();
    case.known.refusal = Some("rollout needs self-attention".to_owned());
    for view in WITH_WEIGHTS {
        assert!(says(&case, view, "Rollout needs self-attention."), "{view}");
    }
}

#[test]
fn titles_name_maximum_rollout_and_sums() {
    let mut case = question();
    case.selection.layer = Pick::Max;
    case.selection.head = Pick::Max;
    assert!(says(&case, View::Matrix, "maximum of layers · maximum of heads"));
    case.selection.weights = WeightKind::Rollout(Rollout { start: 1, ..Rollout::default() });
    assert!(says(&case, View::Matrix, "rollout of layers 1 to 3 · maximum of heads"));
    assert!(says(&case, View::Text, "attention rollout"), "the colour bar says what its numbers are");
    case.selection.layer = Pick::One(2);
    case.selection.tokens = vec![1, 2];
    case.selection.combine = Combine::Sum;
    assert!(says(&case, View::Text, "Summed attention of what, color · rollout of layers 1 to 2"));
    assert!(says(&case, View::Text, "attention rollout, summed"), "sums may exceed 1");
    case.selection.combine = Combine::Max;
    case.selection.direction = Direction::AttendedBy;
    assert!(says(&case, View::Text, "Largest attention to what, color"));
}

/// A drag over patches takes those whose middle is inside.
#[test]
fn a_rectangle_holds_the_patches_whose_middle_it_holds() {
    let scene = question().draw(View::Image);
    let picture = scene.content;
    let patch = picture.size() / 8.0;
    // From the middle of the first patch's lower right quarter to just before the middle of the fourth in the third row.
    let rect = Rect { min: picture.min + patch * 0.6, max: picture.min + patch * Vec2::new(3.4, 2.6) };
    assert_eq!(scene.tokens_in(rect), Some((0, vec![9 + 9, 9 + 10, 9 + 17, 9 + 18])));
    assert_eq!(scene.tokens_in(Rect::at(0.0, 0.0, 1.0, 1.0)), None);

    // Over two pictures, the patches of both.
    let scene = multi_image().draw(View::Image);
    let everything = Rect { min: Vec2::ZERO, max: Vec2::splat(10_000.0) };
    assert_eq!(scene.tokens_in(everything), Some((0, vec![1, 2, 3, 4, 6, 7, 8, 9, 10, 11])));
}
