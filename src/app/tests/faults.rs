//! Faults of the program itself: what panics says so, and the window goes on.

use std::cell::Cell;
use std::fs;
use std::rc::Rc;

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

use crate::app::launch::Launch;
use crate::app::model::command::Command;
use crate::app::model::panel::Panel;
use crate::app::shell::failures::Failures;
use crate::app::tests::{Result, launch_on, settle, window};
use crate::export::ViewState;
use crate::view::View;

#[test]
fn a_panel_that_panics_says_so_until_the_state_changes() {
    let (version, tries) = (Rc::new(Cell::new(1)), Rc::new(Cell::new(0)));
    let (shown, counted) = (Rc::clone(&version), Rc::clone(&tries));
    let mut harness = Harness::new_ui_state(
        move |ui, failures: &mut Failures| {
            failures.show(ui, Panel::View(View::Timeline), shown.get(), |ui| {
                counted.set(counted.get() + 1);
                ui.horizontal(|ui| {
                    ui.label("before");
                    assert!(shown.get() != 1, "min > max");
                    ui.label("after");
                });
            });
        },
        Failures::default(),
    );
    harness.run_steps(4);
    harness.get_by_label("this view failed: an internal error, please report it: min > max");
    assert_eq!(tries.get(), 1, "it is not tried again in each frame");
    assert_eq!(harness.state_mut().take_untold().len(), 1);
    version.set(2);
    harness.run_steps(2);
    harness.get_by_label("after");
}

#[test]
fn a_panic_saves_what_was_shown_and_keeps_the_window() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut harness =
        window(&Launch { screenshot_dir: Some(folder.path().to_owned()), ..launch_on("multi-image.safetensors") })?;
    let tokens = harness.state().state.selection.tokens.clone();
    for _ in 0..2 {
        harness.state_mut().guarded(|_| panic!("index out of bounds"));
    }
    // A message learns its size in its first frame.
    harness.run_steps(3);
    let files: Vec<_> = fs::read_dir(folder.path())?.map(|file| Ok(file?.path())).collect::<std::io::Result<_>>()?;
    assert_eq!(files.len(), 1, "the same fault saves once");
    let path = files.first().ok_or("no file")?;
    assert_eq!(ViewState::load(path)?.selection.tokens, tokens);
    harness.get_by_label_contains("index out of bounds");
    harness.get_by_label_contains(&path.display().to_string());
    harness.state_mut().apply(Command::StepToken(1));
    settle(&mut harness)?;
    assert_ne!(harness.state().state.selection.tokens, tokens, "the window goes on");
    Ok(())
}
