//! The hidden states' panel by its names: choices, progress, motion, lasso.

use egui::{Event, PointerButton};
use glam::Vec2;

use super::*;
use crate::analysis::projection::{Align, Method};
use crate::app::model::command::Command;
use crate::query::StateSimilarity;
use crate::trace::{Dtype, Synthetic};
use crate::view::{ColorBy, Options, SizeBy, View, needs};

/// Opens the view's menu.
fn open_menu(harness: &mut Harness<'static, Interface>) {
    harness.get_by_label("View").click();
    harness.run_steps(3);
}

#[test]
fn choices_have_names_and_the_view_follows() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    harness.get_by_role_and_label(Role::ComboBox, "Projection");
    open_menu(&mut harness);
    for name in ["each state by itself", "states aligned", "norm of the state", "Patches as pictures", "cosine"] {
        harness.get_by_label(name);
    }
    harness.get_by_label("Trajectories of selected tokens").click();
    harness.step();
    harness.get_by_label("attention received").click();
    harness.step();
    harness.get_by_label("size by attention received").click();
    harness.step();
    let options = harness.state().state.options.embedding;
    assert_eq!((options.trajectories, options.recipe.align), (true, Align::Shared), "a way needs places that compare");
    assert_eq!((options.color_by, options.size_by), (ColorBy::Received, SizeBy::Received));
    settle(&mut harness)?;
    let projection = harness.state().state.projection.clone().ok_or("no projection")?;
    assert_eq!(projection.path.len(), 4);
    Ok(())
}

/// The other numbers come first; the state's places come, and move to the next state's.
#[test]
fn points_move_when_the_state_changes() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    let mut options = harness.state().state.options.clone();
    options.embedding.recipe.align = Align::Procrustes;
    options.embedding.recipe.method = Method::Tsne;
    harness.state_mut().state.apply(Command::SetOptions(Box::new(options)));
    settle(&mut harness)?;
    assert!(harness.state().state.projection.as_ref().is_some_and(|projection| projection.path.len() == 4));
    let state = &mut harness.state_mut().state;
    let options = Options { hidden_state: Some(0), ..state.options.clone() };
    state.apply(Command::SetOptions(Box::new(options)));
    let until = Instant::now() + Duration::from_secs(20);
    while harness.state().state.moving.is_none() && Instant::now() < until {
        harness.step();
    }
    assert!(harness.state().state.moving.is_some(), "nothing moved");
    settle(&mut harness)?;
    assert!(harness.state().state.moving.is_none());
    assert_eq!(harness.state().state.projection.as_ref().map(|projection| projection.state), Some(0));
    Ok(())
}

/// 2,500 points in one t-SNE take seconds, which the view tells; given up, the components come at once.
#[test]
fn work_that_takes_long_says_how_far_it_is_and_can_be_given_up() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("long.safetensors");
    let synthetic =
        Synthetic { layers: 4, heads: 1, text: 100, rows: 20, columns: 20, dim: 32, dtype: Dtype::F16, seed: 0 };
    synthetic.write(&path, &mut |_| {})?;
    let mut harness = window_on(path.to_str().ok_or("no path")?)?;
    let mut options = harness.state().state.options.clone();
    options.embedding.recipe.method = Method::Tsne;
    options.embedding.recipe.align = Align::Shared;
    harness.state_mut().state.apply(Command::SetOptions(Box::new(options)));
    let until = Instant::now() + Duration::from_secs(60);
    while harness.query_by_label_contains("computing t-SNE … ").is_none() {
        assert!(Instant::now() < until && harness.state().state.projection.is_some(), "the view keeps silent");
        std::thread::sleep(Duration::from_millis(20));
        harness.step();
    }
    let state = &harness.state().state;
    let image = state.inputs(Vec2::ONE).map(|inputs| needs(View::Image, &inputs)).ok_or("no trace")?;
    assert!(state.results.settle(&image), "other numbers do not wait for it");
    harness.get_by_label("Cancel").click();
    harness.run_steps(2);
    settle(&mut harness)?;
    let projection = harness.state().state.projection.clone().ok_or("no projection")?;
    assert_eq!((projection.recipe.method, projection.recipe.align), (Method::Pca, Align::Shared));
    assert!(harness.query_by_label_contains("computing").is_none());
    Ok(())
}

#[test]
fn a_lasso_around_everything_selects_all() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    open_menu(&mut harness);
    harness.get_by_label("Lasso: drag around points").click();
    harness.step();
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    let view = harness.get_by_role_and_label(Role::Image, "embedding").rect().shrink(3.0);
    let corners = [view.left_top(), view.right_top(), view.right_bottom(), view.left_bottom()];
    let button = |pos, pressed| Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    harness.event(Event::PointerMoved(corners[0]));
    harness.event(button(corners[0], true));
    harness.step();
    for pos in corners.into_iter().skip(1) {
        harness.event(Event::PointerMoved(pos));
        harness.step();
    }
    harness.event(button(corners[3], false));
    harness.step();
    harness.step();
    assert_eq!(harness.state().state.selection.tokens.len(), 14);
    settle(&mut harness)
}

#[test]
fn a_click_on_a_compared_state_picks_it() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    harness.get_by_label("Similarity").click();
    harness.run_steps(4);
    settle(&mut harness)?;
    let state = &harness.state().state;
    let asked = StateSimilarity::of(state.trace.as_ref().ok_or("no trace")?.document(), &state.selection);
    let found = asked.and_then(|asked| state.results.get(&asked)).map(|similarity| similarity.states);
    assert_eq!(found, Some(4));
    let view = harness.get_by_role_and_label(Role::Image, "similarity").rect();
    let at = view.center() + egui::vec2(-20.0, 3.0);
    harness.hover_at(at);
    harness.step();
    for pressed in [true, false] {
        let button = PointerButton::Primary;
        harness.event(Event::PointerButton { pos: at, button, pressed, modifiers: Modifiers::NONE });
        harness.step();
    }
    assert!(harness.state().state.options.hidden_state.is_some());
    settle(&mut harness)
}
