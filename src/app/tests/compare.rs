//! Two traces in their panel, by the names that a person finds them by.

use egui::{Key, Role};
use egui_kittest::kittest::Queryable as _;

use crate::app::model::command::Command;
use crate::app::tests::{Result, settle, window_on};
use crate::view::CompareView;

#[test]
fn an_example_is_pinned_and_the_next_one_compared_with_it() -> Result<()> {
    let mut window = window_on("../../assets/demo")?;
    window.get_by_label("Compare").click();
    window.run_steps(3);
    window.get_by_label_contains("Nothing to compare with is chosen");
    window.key_press(Key::B);
    window.run_steps(3);
    settle(&mut window)?;
    window.get_by_label_contains("A is B");
    let pinned = window.state().state.comparison.partner.clone().ok_or("nothing is pinned")?;
    assert_eq!(Some(&pinned), window.state().state.examples.first());

    // The next example may be there already, since it was opened ahead.
    let first = window.state().state.trace.as_ref().map(|trace| trace.trace.serial());
    window.state_mut().apply(Command::StepExample(1));
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while window.state().state.trace.as_ref().map(|trace| trace.trace.serial()) == first {
        assert!(std::time::Instant::now() < until, "the next example did not come");
        std::thread::sleep(std::time::Duration::from_millis(5));
        window.step();
    }
    settle(&mut window)?;
    assert!(window.query_by_label_contains("A is B").is_none());
    let comparison = &window.state().state.comparison;
    let shown = comparison.shown.as_ref().ok_or("no partner is shown")?;
    assert_eq!((shown.trace.trace.path(), comparison.waits), (pinned.as_path(), false));
    assert!(shown.partner.lacks.is_none() && shown.results.failures().is_empty());

    window.get_by_role_and_label(Role::Button, "Compare text").click();
    window.run_steps(2);
    assert_eq!(window.state().state.comparison.view, CompareView::Text);
    let panel = window.get_by_role_and_label(Role::Image, "comparison").rect();
    assert!(panel.width() > 200.0 && panel.height() > 100.0, "{panel:?}");
    // The partner follows what is selected.
    window.key_press(Key::ArrowUp);
    window.run_steps(2);
    settle(&mut window)?;
    let state = &window.state().state;
    let partner = state.comparison.shown.as_ref().ok_or("no partner is shown")?;
    assert_eq!(partner.partner.selection.layer, state.selection.layer);
    window.get_by_label("Stop comparing").click();
    window.run_steps(3);
    assert!(window.state().state.comparison.partner.is_none());
    window.get_by_label_contains("Nothing to compare with is chosen");
    Ok(())
}

#[test]
fn a_partner_is_chosen_from_the_list() -> Result<()> {
    let mut window = window_on("../../assets/demo")?;
    window.state_mut().apply(Command::CompareWith(Some(3)));
    window.run_steps(3);
    settle(&mut window)?;
    window.get_by_role_and_label(Role::Image, "comparison");
    let state = &window.state().state;
    assert_eq!(state.comparison.partner.as_ref(), state.examples.get(3));
    assert!(state.comparison.shown.is_some());
    Ok(())
}

#[test]
fn a_partner_that_cannot_be_read_says_why() -> Result<()> {
    let mut window = window_on("multi-image.safetensors")?;
    let broken = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces/broken-box.safetensors");
    window.state_mut().state.examples.push(broken);
    window.state_mut().apply(Command::CompareWith(Some(1)));
    window.run_steps(3);
    settle(&mut window)?;
    window.get_by_label_contains("`sequences.main.tokens[1].box` is");
    Ok(())
}
