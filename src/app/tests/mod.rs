//! The panels as a person or a screen reader finds them: by their names.

mod browsing;
mod changes;
mod compare;
mod dataset;
mod export;
mod faults;
mod heads;
mod hidden;
mod keyboard;
mod loss;
mod narrow;
mod newcomer;
mod notes;
mod palette;
mod panels;
mod pictures;
mod pins;
mod selection;
mod snapshots;
mod state;
mod tips;
mod tokens;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::{Key, Modifiers, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

use crate::analysis::{Compute, Direction, Pick};
use crate::app::launch::Launch;
use crate::app::shell::interface::Interface;
use crate::app::ui::appearance;
use crate::gpu::{AdapterChoice, Gpu};
use crate::view::Theme;

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The window's content on a trace, with all its numbers there.
pub fn window_on(name: &str) -> Result<Harness<'static, Interface>> {
    window(&launch_on(name))
}

/// How the window begins on a trace of the tests.
pub fn launch_on(name: &str) -> Launch {
    Launch {
        path: Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces").join(name)),
        adapter: AdapterChoice::Auto,
        compute: Compute::Cpu,
        gpu_memory_bytes: None,
        screenshot_dir: None,
        is_remembered: false,
        state: None,
        index_dir: None,
    }
}

pub fn window(launch: &Launch) -> Result<Harness<'static, Interface>> {
    let gpu = Arc::new(Gpu::open(&AdapterChoice::Auto)?);
    let context = egui::Context::default();
    let interface = Interface::new(&context, gpu, None, launch, || {});
    // Fonts are there from the second frame on; a sign that they lack makes the harness panic.
    let mut has_fonts = false;
    let mut harness = Harness::builder().with_size(egui::vec2(1280.0, 720.0)).build_ui_state(
        move |ui, interface: &mut Interface| {
            if std::mem::replace(&mut has_fonts, true) {
                interface.show(ui);
            } else {
                appearance::install_fonts(ui.ctx());
            }
        },
        interface,
    );
    settle(&mut harness)?;
    Ok(harness)
}

pub fn settle(harness: &mut Harness<'static, Interface>) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(60);
    harness.step();
    while !harness.state().is_settled() {
        if Instant::now() > until {
            return Err("the numbers did not come".into());
        }
        std::thread::sleep(Duration::from_millis(5));
        harness.step();
    }
    harness.step();
    Ok(())
}

#[test]
fn every_panel_has_a_tab() -> Result<()> {
    let harness = window_on("multi-image.safetensors")?;
    for tab in [
        "Examples",
        "Heads",
        "Image",
        "Links",
        "Text",
        "Matrix",
        "Hidden states",
        "Thumbnails",
        "Heads on image",
        "All heads on image",
        "Pins",
        "Timeline",
        "Similarity",
        "Words",
        "Head atlas",
        "Compare",
        "Notes",
        "Token atlas",
    ] {
        harness.get_by_label(tab);
    }
    Ok(())
}

#[test]
fn buttons_and_keys_change_the_selection() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    harness.get_by_label("attended by").click();
    harness.step();
    assert_eq!(harness.state().state.selection.direction, Direction::AttendedBy);

    assert_eq!(harness.state().state.selection.layer, Pick::One(2), "the last layer comes first");
    harness.key_press(Key::ArrowUp);
    harness.step();
    assert_eq!(harness.state().state.selection.layer, Pick::One(1));
    harness.key_press(Key::CloseBracket);
    harness.step();
    assert_eq!(harness.state().state.selection.layer, Pick::One(2));
    harness.key_press(Key::ArrowRight);
    harness.step();
    assert_eq!(harness.state().state.selection.head, Pick::One(0));

    harness.key_press(Key::Space);
    harness.step();
    assert!(harness.state().state.is_playing);
    harness.get_by_label("Stop");
    harness.key_press(Key::Escape);
    harness.step();
    assert!(!harness.state().state.is_playing);
    Ok(())
}

#[test]
fn a_click_on_a_head_selects_it_everywhere() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    let heads = harness.get_by_role_and_label(Role::Image, "heads").rect();
    // Somewhere left of the middle of the panel there is a cell of the first head.
    harness.hover_at(egui::pos2(heads.left() + heads.width() * 0.3, heads.center().y));
    harness.step();
    assert!(harness.state().state.preview.is_some(), "hovering previews");
    let at = egui::pos2(heads.left() + heads.width() * 0.3, heads.center().y);
    for pressed in [true, false] {
        harness.event(egui::Event::PointerButton {
            pos: at,
            button: egui::PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        });
        harness.step();
    }
    assert!(matches!(harness.state().state.selection.head, Pick::One(_)));
    settle(&mut harness)
}

#[test]
fn help_lists_all_keys_and_escape_closes_it() -> Result<()> {
    let mut harness = window_on("vl-interpret-0.safetensors")?;
    harness.key_press(Key::F1);
    harness.run_steps(3);
    harness.get_by_label("save a screenshot");
    harness.get_by_label("play, or stop");
    harness.key_press(Key::Escape);
    harness.step();
    assert!(!harness.state().state.shows_help);
    Ok(())
}

#[test]
fn themes_blocks_and_screenshots_by_name() -> Result<()> {
    let mut harness = window_on("encoder-decoder.safetensors")?;
    harness.get_by_label("Settings").click();
    harness.run_steps(3);
    harness.get_by_label("Light / dark").click();
    harness.run_steps(3);
    assert_eq!(harness.state().state.options.theme, Theme::Light);
    harness.key_press(Key::Escape);
    harness.run_steps(3);
    harness.get_by_label("Screenshot").click();
    harness.step();
    assert!(harness.state_mut().take_screenshot_request());
    assert_eq!(harness.state().state.trace.as_ref().map(|trace| trace.document().attention.len()), Some(3));
    harness.get_by_label("Block");
    Ok(())
}

#[test]
fn the_palette_finds_commands_by_keyboard_alone() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    harness.run_steps(2);
    harness.get_by_label("Search commands");
    harness.event(egui::Event::Text("statistic entropy".to_owned()));
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    assert_eq!(harness.state().state.options.statistic, "entropy");
    assert_eq!(harness.state().state.palette, None, "it closes by itself");

    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    harness.run_steps(2);
    harness.event(egui::Event::Text("nothing is called so".to_owned()));
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    assert_eq!(harness.state().state.palette, None);
    Ok(())
}

#[test]
fn undo_and_redo_by_key() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    harness.key_press(Key::ArrowUp);
    harness.step();
    assert_eq!(harness.state().state.selection.layer, Pick::One(1));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.step();
    assert_eq!(harness.state().state.selection.layer, Pick::One(2));
    harness.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    harness.step();
    assert_eq!(harness.state().state.selection.layer, Pick::One(1));
    Ok(())
}

#[test]
fn arrows_move_over_heads_in_a_focused_view() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    let heads = harness.get_by_role_and_label(Role::Image, "heads");
    heads.focus();
    harness.run_steps(2);
    let layer = harness.state().state.selection.layer;
    harness.key_press(Key::ArrowUp);
    harness.run_steps(2);
    assert_ne!(harness.state().state.selection.layer, layer);
    harness.key_press(Key::D);
    harness.step();
    assert_eq!(harness.state().state.selection.direction, Direction::AttendedBy);
    Ok(())
}

/// A file as the system hands it over.
#[derive(Debug)]
struct Dropped(std::path::PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> std::result::Result<Vec<u8>, String> {
        Err("nobody asks for them".to_owned())
    }
}

#[test]
fn a_dropped_file_is_opened() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces/vl-interpret-0.safetensors");
    harness.input_mut().dropped_files.push(Arc::new(Dropped(path.clone())));
    let until = Instant::now() + Duration::from_secs(60);
    while harness.state().state.trace.as_ref().is_none_or(|trace| trace.trace.path() != path) {
        assert!(Instant::now() < until, "it was not opened");
        settle(&mut harness)?;
    }
    Ok(())
}

#[test]
fn a_broken_trace_says_what_is_wrong() -> Result<()> {
    let harness = window_on("broken-box.safetensors")?;
    let why = harness.state().state.failure.clone().ok_or("it was opened")?;
    assert!(why.contains("`sequences.main.tokens[1].box` is [0.5, 0.0, 0.25, 1.5]"), "{why}");
    Ok(())
}

#[test]
fn a_folder_is_listed() -> Result<()> {
    let launch_on_folder = window_on("../../assets/demo")?;
    assert_eq!(launch_on_folder.state().state.examples.len(), 32);
    Ok(())
}

/// Esc in the filter leaves the filter: tokens stay selected. The next one clears them.
#[test]
fn escape_leaves_the_filter_and_nothing_else() -> Result<()> {
    let mut harness = window_on("../../assets/demo")?;
    let selected = harness.state().state.selection.tokens.clone();
    assert!(!selected.is_empty());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::F);
    harness.run_steps(4);
    harness.event(egui::Event::Text("is:wrong".to_owned()));
    harness.run_steps(2);
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    assert_eq!(harness.state().state.selection.tokens, selected);
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    assert!(harness.state().state.selection.tokens.is_empty());
    Ok(())
}
