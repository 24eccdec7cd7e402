//! First steps, what was open before, and the hint while a file is held over the window.

use std::path::PathBuf;

use egui::Key;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

use super::{Result, settle, window_on};
use crate::analysis::Pick;
use crate::app::model::command::Command;
use crate::app::model::state::Recent;
use crate::app::panels::{EXAMPLE_OF_GUIDES, GUIDES, found_in_palette};
use crate::app::shell::interface::Interface;
use crate::view::statistic_grid;

type Window = Harness<'static, Interface>;

fn click(window: &mut Window, name: &str) {
    window.get_by_label(name).click();
    window.run_steps(3);
}

/// Each question shows what its answer speaks of, from wherever one is.
#[test]
fn a_question_selects_its_answer_in_the_demo() -> Result<()> {
    let mut window = window_on("multi-image.safetensors")?;
    assert!(!window.state().state.welcome.is_shown, "who opens a trace of their own is not asked");
    window.state_mut().apply(Command::ToggleWelcome);
    window.run_steps(4);
    for guide in &GUIDES {
        click(&mut window, guide.question);
        for _ in 0..200 {
            settle(&mut window)?;
            let shown = window.state().state.trace.as_ref().map(|trace| trace.trace.path().to_owned());
            if shown.is_some_and(|path| path.ends_with(EXAMPLE_OF_GUIDES)) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        settle(&mut window)?;
        window.run_steps(3);
        let state = &window.state().state;
        assert_eq!(state.examples.len(), 8, "the demo, not the one file");
        assert_eq!(state.selection, guide.selection(), "{}", guide.question);
        assert!(guide.front.iter().all(|view| state.shown_views.contains(view)), "{:?}", state.shown_views);
    }
    // The first: heads are ranked by the object, and the selected head is the strongest.
    click(&mut window, GUIDES[0].question);
    settle(&mut window)?;
    let state = &window.state().state;
    let inputs = state.inputs(glam::Vec2::new(600.0, 400.0)).ok_or("no trace")?;
    let grid = statistic_grid(&inputs).0;
    let strongest = crate::analysis::statistics::strongest(&grid.values, grid.heads, 1);
    assert!(
        matches!(strongest[..], [(layer, head, value)] if value > 0.2 && state.selection.layer == Pick::One(layer) && state.selection.head == Pick::One(head)),
        "{strongest:?}"
    );
    window.key_press(Key::Escape);
    window.run_steps(2);
    assert!(!window.state().state.welcome.is_shown && !window.state().state.selection.tokens.is_empty());
    assert!(!found_in_palette("first steps", &window.state().state).is_empty(), "it is found again");
    Ok(())
}

#[test]
fn what_was_open_is_opened_again() -> Result<()> {
    let mut window = window_on("multi-image.safetensors")?;
    let here = window.state().state.recent.first().cloned().ok_or("what is open is not noted")?;
    assert!(here.is_there && here.path.is_absolute() && here.path.ends_with("multi-image.safetensors"));
    let gone = Recent { path: PathBuf::from("/nowhere/gone.safetensors"), is_there: false };
    window.state_mut().state.recent.push(gone);
    let other = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traces/vl-interpret-0.safetensors"));
    window.state_mut().apply(Command::Open(other));
    for _ in 0..200 {
        settle(&mut window)?;
        if window.state().state.recent.len() == 3 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let names = |window: &Window| -> Vec<String> {
        let names = window
            .state()
            .state
            .recent
            .iter()
            .map(|recent| recent.path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        names.collect()
    };
    assert_eq!(names(&window), ["vl-interpret-0.safetensors", "multi-image.safetensors", "gone.safetensors"]);
    let found = found_in_palette("open recent", &window.state().state);
    assert_eq!(found.len(), 2, "what is gone is not offered: {found:?}");
    click(&mut window, "Recent");
    let is_disabled = |name: &str| {
        use egui_kittest::kittest::NodeT as _;
        window.get_by_label(name).accesskit_node().is_disabled()
    };
    assert!(is_disabled("gone.safetensors") && !is_disabled("multi-image.safetensors"));
    click(&mut window, "multi-image.safetensors");
    for _ in 0..200 {
        settle(&mut window)?;
        if names(&window)[0] == "multi-image.safetensors" {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    Err("it was not opened".into())
}

#[test]
fn a_file_over_the_window_says_what_it_would_do() -> Result<()> {
    let mut window = window_on("multi-image.safetensors")?;
    for (path, hint) in [
        ("/a/my trace.safetensors", "Let go to open the trace my trace.safetensors"),
        ("/a/state.json", "Let go to show the view state state.json"),
        ("/a/cat.png", "cat.png is no trace (*.safetensors), no folder of traces and no view state (*.json)"),
    ] {
        window.input_mut().hovered_files = vec![egui::HoveredFile { path: Some(path.into()), mime: String::new() }];
        window.run_steps(2);
        window.get_by_label(hint);
    }
    window.input_mut().hovered_files.clear();
    window.run_steps(2);
    assert!(window.query_by_label_contains("is no trace").is_none());
    Ok(())
}
