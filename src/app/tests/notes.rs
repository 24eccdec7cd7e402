//! Notes: written by keys, kept beside the traces, gone back to.

use std::path::Path;
use std::time::{Duration, Instant};

use egui::{Event, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use glam::Vec2;

use crate::analysis::Pick;
use crate::app::launch::Launch;
use crate::app::model::command::Command;
use crate::app::model::notes::{About, NotesCommand};
use crate::app::shell::interface::Interface;
use crate::app::tests::{Result, launch_on, settle, window};
use crate::dataset::notes::{FILE_NAME, Notes, Place};
use crate::render::Fonts;
use crate::view::{Options, Target, View, draw};

type Window = Harness<'static, Interface>;

/// On copies of two traces.
fn window_on_copies(folder: &Path) -> Result<Window> {
    for name in ["multi-image.safetensors", "vl-interpret-0.safetensors"] {
        std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces").join(name), folder.join(name))?;
    }
    window(&Launch { path: Some(folder.to_owned()), ..launch_on("multi-image.safetensors") })
}

fn until(window: &mut Window, what: &str, is_so: impl Fn(&Interface) -> bool) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so(window.state()) {
        if Instant::now() > end {
            return Err(format!("waited in vain for {what}").into());
        }
        std::thread::sleep(Duration::from_millis(5));
        window.step();
    }
    settle(window)
}

fn select(window: &mut Window, layer: usize, head: usize) {
    window.state_mut().apply(Command::Select { target: Target::Head { layer, head }, extend: false });
    window.run_steps(2);
}

/// Types a line and Enter.
fn line(window: &mut Window, text: &str) {
    window.run_steps(3);
    window.event(Event::Text(text.to_owned()));
    window.run_steps(2);
    window.key_press(Key::Enter);
    window.run_steps(3);
}

#[test]
fn a_view_is_bookmarked_and_gone_back_to() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut window = window_on_copies(folder.path())?;
    until(&mut window, "the notes", |window| window.state.notes.place.is_some())?;
    select(&mut window, 1, 0);
    window.key_press(Key::N);
    line(&mut window, "two pictures");
    until(&mut window, "the note", |window| window.state.notes.known.bookmarks().count() == 1)?;
    assert_eq!(window.state().state.notes.draft, None, "the line closes by itself");
    let written = std::fs::read_to_string(folder.path().join(FILE_NAME))?;
    assert!(written.contains(r#""text":"two pictures","trace":"multi-image.safetensors""#), "{written}");

    // From the other example and another head.
    window.state_mut().apply(Command::StepExample(1));
    let is_on = |window: &Interface, name: &str| {
        window.state.trace.as_ref().is_some_and(|trace| trace.trace.path().ends_with(name))
    };
    until(&mut window, "the other example", |window| is_on(window, "vl-interpret-0.safetensors"))?;
    window.get_by_label("Notes").click();
    window.run_steps(3);
    window.get_by_label("two pictures").click();
    window.run_steps(2);
    until(&mut window, "the first example", |window| is_on(window, "multi-image.safetensors"))?;
    let selection = &window.state().state.selection;
    assert_eq!((selection.layer, selection.head), (Pick::One(1), Pick::One(0)));

    // The letter that the key writes is none of the note's.
    let modifiers = Modifiers::NONE;
    let key = Event::Key { key: Key::N, physical_key: None, pressed: true, repeat: false, modifiers };
    window.input_mut().events.extend([key, Event::Text("n".to_owned()), Event::Text("b".to_owned())]);
    window.run_steps(12);
    assert_eq!(window.state().state.notes.draft.as_ref().map(|draft| draft.text.as_str()), Some("b"));
    window.key_press(Key::Escape);
    window.run_steps(3);
    assert_eq!(window.state().state.notes.draft, None);
    window.get_by_label("Take away note two pictures").click();
    until(&mut window, "no note", |window| window.state.notes.known.is_empty())?;
    assert_eq!(std::fs::read_to_string(folder.path().join(FILE_NAME))?, "");
    Ok(())
}

#[test]
fn a_label_stands_wherever_the_head_is_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut window = window_on_copies(folder.path())?;
    until(&mut window, "the notes", |window| window.state.notes.place.is_some())?;
    select(&mut window, 1, 0);
    window.key_press_modifiers(Modifiers::SHIFT, Key::N);
    line(&mut window, "copies the word");
    until(&mut window, "the label", |window| window.state.options.head_labels.len() == 1)?;
    let state = &window.state().state;
    let options = Options { title: true, ..state.options.clone() };
    let inputs = state.inputs(Vec2::new(900.0, 600.0)).ok_or("nothing is open")?;
    let inputs = crate::view::Inputs { options: &options, ..inputs };
    for view in [View::Image, View::Matrix] {
        let scene = draw(view, &inputs, &mut Fonts::new());
        let said = format!("{:?}", scene.drawing.marks);
        assert!(said.contains("head 0 ‘copies the word’"), "{view}: {said}");
        assert!(scene.tip(Target::Head { layer: 1, head: 0 }).contains("‘copies the word’"), "{view}");
        assert!(!scene.tip(Target::Head { layer: 1, head: 1 }).contains('‘'), "{view}");
    }
    // An empty label is none.
    window.state_mut().apply(Command::Notes(NotesCommand::Begin(About::Head)));
    assert_eq!(window.state().state.notes.draft.as_ref().map(|draft| draft.text.as_str()), Some("copies the word"));
    window.state_mut().apply(Command::Notes(NotesCommand::Type(String::new())));
    window.state_mut().apply(Command::Notes(NotesCommand::Save));
    until(&mut window, "no label", |window| window.state.options.head_labels.is_empty())
}

#[test]
fn examples_are_filtered_by_their_labels() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut window = window_on_copies(folder.path())?;
    until(&mut window, "the notes", |window| window.state.notes.place.is_some())?;
    window.state_mut().apply(Command::Notes(NotesCommand::Begin(About::Example)));
    line(&mut window, "odd");
    let has_column = |window: &Interface| {
        window.state.browsing.dataset.as_ref().is_some_and(|dataset| dataset.table.column("note").is_some())
    };
    until(&mut window, "the column", has_column)?;
    let dataset = window.state().state.browsing.dataset.clone().ok_or("no dataset")?;
    let filter = crate::dataset::table::Filter::parse("note=odd").map_err(|error| error.message)?;
    assert_eq!(dataset.rows(&filter).map_err(|error| error.message)?, [0]);
    Ok(())
}

#[test]
fn notes_that_cannot_be_read_say_why_and_stay() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join(FILE_NAME), "<<<<<<< HEAD\n")?;
    let mut window = window_on_copies(folder.path())?;
    until(&mut window, "the notes", |window| window.state.notes.failure.is_some())?;
    window.get_by_label("Notes").click();
    window.run_steps(3);
    window.get_by_label_contains("line 1 is no note");
    window.key_press(Key::N);
    line(&mut window, "lost?");
    settle(&mut window)?;
    assert_eq!(std::fs::read_to_string(folder.path().join(FILE_NAME))?, "<<<<<<< HEAD\n");
    assert!(Notes::read(&Place::of(folder.path(), None)).is_err());
    Ok(())
}
