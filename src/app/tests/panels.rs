//! Where the panels stand: one of them alone, arrangements for tasks, and those that the user keeps.

use std::fs;

use egui::{Key, PointerButton, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

use super::{Result, settle, window_on};
use crate::app::model::arrangement::{Arrangement, PanelCommand, Preset};
use crate::app::model::command::Command;
use crate::app::shell::interface::Interface;
use crate::view::View;

type Window = Harness<'static, Interface>;

fn double_click(window: &mut Window, at: egui::Pos2) {
    window.event(egui::Event::PointerMoved(at));
    window.step();
    // A frame of the harness is long: each click has to fit into one.
    for _ in 0..2 {
        for pressed in [true, false] {
            let (button, modifiers) = (PointerButton::Primary, egui::Modifiers::NONE);
            window.input_mut().events.push(egui::Event::PointerButton { pos: at, button, pressed, modifiers });
        }
        window.step();
    }
    window.run_steps(3);
}

#[test]
fn a_double_click_on_a_tab_shows_its_panel_alone() -> Result<()> {
    let mut window = window_on("multi-image.safetensors")?;
    let shown = |window: &Window| window.state().state.shown_views.clone();
    let before = shown(&window);
    let tab = window.get_by_role_and_label(Role::Button, "Text").rect().center();
    double_click(&mut window, tab);
    settle(&mut window)?;
    assert_eq!(shown(&window), [View::Text]);
    assert!(window.get_by_role_and_label(Role::Image, "text").rect().width() > 1200.0);
    // Another view that is asked for takes its place.
    window.key_press(Key::Num2);
    window.run_steps(3);
    assert_eq!(shown(&window), [View::Image]);
    let tab = window.get_by_role_and_label(Role::Button, "Image").rect().center();
    double_click(&mut window, tab);
    assert_eq!(shown(&window), before, "all again");
    window.get_by_role_and_label(Role::Image, "matrix").focus();
    window.run_steps(3);
    window.key_press(Key::M);
    window.run_steps(3);
    assert_eq!(shown(&window), [View::Matrix], "the one that has the focus");
    window.key_press(Key::M);
    window.run_steps(3);
    assert_eq!(shown(&window), before);
    Ok(())
}

#[test]
fn arrangements_put_what_a_task_needs_in_front() -> Result<()> {
    let mut window = window_on("../../assets/scenes")?;
    for (preset, wanted) in [
        (Preset::Attention, &[View::Image, View::Matrix, View::Text][..]),
        (Preset::Generation, &[View::Timeline, View::Lens, View::Image, View::Text]),
        (Preset::HiddenStates, &[View::Embedding, View::Similarity, View::Lens]),
        (Preset::Heads, &[View::Heads, View::Overlays, View::Thumbnails]),
        (Preset::Usual, &[View::Heads, View::Image, View::Text, View::Matrix, View::Embedding]),
    ] {
        window.get_by_label("Panels").click();
        window.run_steps(3);
        window.get_by_label(&format!("Panels: {preset}")).click();
        window.run_steps(3);
        settle(&mut window)?;
        let shown = &window.state().state.shown_views;
        assert!(wanted.iter().all(|view| shown.contains(view)), "{preset}: {shown:?}");
    }
    let arranged = Command::Panels(PanelCommand::Arrange(Arrangement::Preset(Preset::Dataset)));
    window.state_mut().apply(arranged);
    window.run_steps(3);
    assert!(window.state().state.browsing.atlas.is_shown);
    Ok(())
}

/// What the user keeps is there in the next session, and a file that is broken costs no more than what is broken in it.
#[test]
fn own_arrangements_are_kept_by_their_names() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut first = window_on("multi-image.safetensors")?;
    let path = folder.path().join("window.json");
    first.state_mut().remember_in(path.clone());
    first.get_by_role_and_label(Role::Button, "Thumbnails").click();
    first.run_steps(3);
    first.get_by_label("Panels").click();
    first.run_steps(3);
    first.get_by_label("Name of the arrangement").focus();
    first.run_steps(2);
    first.event(egui::Event::Text("small multiples".to_owned()));
    first.run_steps(2);
    first.get_by_label("Keep these panels").click();
    first.run_steps(3);
    assert_eq!(first.state().state.arranged.own, ["small multiples"]);
    let text = fs::read_to_string(&path)?;
    assert!(text.contains("small multiples"), "it is written at once");
    first.state_mut().apply(Command::FocusView(View::Heads));
    let own = || Command::Panels(PanelCommand::Arrange(Arrangement::Own("small multiples".to_owned())));
    first.state_mut().apply(own());
    first.run_steps(3);
    assert!(first.state().state.shown_views.contains(&View::Thumbnails));
    first.state_mut().apply(Command::Panels(PanelCommand::Forget("small multiples".to_owned())));
    assert!(first.state().state.arranged.own.is_empty() && !fs::read_to_string(&path)?.contains("small multiples"));
    first.state_mut().apply(own());
    assert!(first.state().state.shown_views.contains(&View::Thumbnails), "one that is gone changes nothing");
    Ok(())
}
