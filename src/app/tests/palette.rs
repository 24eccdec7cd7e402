//! The command palette: what it shows, and that it finds all that can be done.

use egui::{Key, Modifiers, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::{Result, window_on};
use crate::app::model::command::Command;
use crate::app::panels::found_in_palette;
use crate::app::shell::interface::Interface;
use crate::view::Target;

fn open(harness: &mut Harness<'static, Interface>, query: &str) {
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    harness.run_steps(4);
    harness.event(egui::Event::Text(query.to_owned()));
    harness.run_steps(4);
}

/// The rows in sight, and which of them is chosen.
fn rows(harness: &Harness<'static, Interface>) -> (usize, Option<usize>) {
    let field = harness.get_by_label("Search commands").rect();
    let mut rows: Vec<_> = harness
        .root()
        .children_recursive()
        .filter(|node| node.accesskit_node().role() == Role::Button && node.accesskit_node().toggled().is_some())
        .filter(|node| node.rect().top() > field.bottom() && (node.rect().left() - field.left()).abs() < 2.0)
        .filter(|node| harness.ctx.content_rect().contains_rect(node.rect()))
        .collect();
    rows.sort_by(|a, b| a.rect().top().total_cmp(&b.rect().top()));
    let is_chosen = |toggled| toggled == Some(egui::accesskit::Toggled::True);
    (rows.len(), rows.iter().position(|row| is_chosen(row.accesskit_node().toggled())))
}

#[test]
fn it_shows_a_dozen_rows_and_the_chosen_one_always() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    open(&mut harness, "tok");
    assert_eq!(rows(&harness), (12, Some(0)));
    for row in 1..20 {
        harness.key_press(Key::ArrowDown);
        harness.run_steps(3);
        assert_eq!(rows(&harness), (12, Some(row.min(11))));
    }
    harness.set_size(egui::vec2(640.0, 320.0));
    harness.run_steps(4);
    let (count, chosen) = rows(&harness);
    assert!(count >= 3 && chosen.is_some(), "in a low window: {count} rows, {chosen:?}");
    Ok(())
}

#[test]
fn letters_and_enter_in_one_frame_choose_what_was_typed() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    open(&mut harness, "");
    let (key, modifiers) = (Key::Enter, Modifiers::NONE);
    let enter = egui::Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers };
    harness.input_mut().events.extend([egui::Event::Text("projection t-sne".to_owned()), enter]);
    harness.run_steps(4);
    assert_eq!(harness.state().state.palette, None);
    let method = harness.state().state.options.embedding.recipe.method;
    assert_eq!(method, crate::analysis::projection::Method::Tsne);
    Ok(())
}

#[test]
fn it_finds_a_head_by_its_name() -> Result<()> {
    let harness = window_on("multi-image.safetensors")?;
    let state = &harness.state().state;
    let first = |query: &str| found_in_palette(query, state).into_iter().next();
    for query in ["L1H1", "l1 h1", "1.1"] {
        let entry = first(query).ok_or("nothing")?;
        assert_eq!(entry.words, "layer 1 · head 1", "{query}");
        let target = Target::Head { layer: 1, head: 1 };
        assert_eq!(entry.command, Command::Select { target, extend: false });
    }
    assert!(first("L1H99").is_none_or(|entry| !entry.words.contains("head 99")));
    assert!(first("theme").is_some_and(|entry| entry.command == Command::ToggleTheme));
    Ok(())
}

#[test]
fn it_finds_what_people_look_for() -> Result<()> {
    let harness = window_on("multi-image.safetensors")?;
    let state = &harness.state().state;
    for query in [
        "export",
        "save picture",
        "sinks",
        "rollout",
        "umap",
        "t-sne",
        "z-score",
        "all image",
        "maximum",
        "gif",
        "csv",
        "copy command",
        "segment",
        "strongest",
        "trajectories",
        "lasso",
        "lock scale",
        "whole words",
        "own scale",
        "bundle",
        "colour bar",
        "caption",
        "letters",
        "play through layers",
        "hidden states",
        "panel after",
        "zoom",
    ] {
        assert!(!found_in_palette(query, state).is_empty(), "nothing is called {query}");
    }
    Ok(())
}

#[test]
fn it_finds_every_entry_of_every_menu() -> Result<()> {
    let mut harness = window_on("../../assets/demo")?;
    let roles = [Role::Button, Role::RadioButton, Role::CheckBox];
    // Each with whether it is disabled.
    let labels = |harness: &Harness<'static, Interface>| -> Vec<(String, bool)> {
        let nodes = harness.root().children_recursive().map(|node| node.accesskit_node());
        let of_menus = nodes.filter(|node| roles.contains(&node.role()));
        of_menus.filter_map(|node| Some((node.label()?, node.is_disabled()))).collect()
    };
    let mut missing = Vec::new();
    for menu in [
        "Weights",
        "Play options",
        "Settings",
        "Panels",
        "Columns",
        "Filter",
        "Strongest",
        "Image options",
        "Text options",
        "Matrix options",
        "View",
    ] {
        let before = labels(&harness);
        harness.get_by_label(menu).click();
        harness.run_steps(4);
        let entries: Vec<_> = labels(&harness).into_iter().filter(|label| !before.contains(label)).collect();
        assert!(!entries.is_empty(), "{menu} shows nothing");
        // Weights that this trace lacks are no commands.
        let is_lacking = |(label, is_disabled): &(String, bool)| {
            !(*is_disabled && menu == "Weights") && found_in_palette(label, &harness.state().state).is_empty()
        };
        missing.extend(entries.into_iter().filter(is_lacking).map(|(label, _)| format!("{menu} › {label}")));
        harness.key_press(Key::Escape);
        harness.run_steps(4);
    }
    assert!(missing.is_empty(), "the palette lacks {missing:#?}");
    Ok(())
}

/// Words of the text, ids, and every command once.
#[test]
fn it_finds_words_and_ids_and_nothing_twice() -> Result<()> {
    let window = window_on("../../assets/scenes")?;
    let state = &window.state().state;
    let first = |query: &str| found_in_palette(query, state).into_iter().next().map(|entry| entry.words);
    assert_eq!(first("striped").as_deref(), Some("token 205: striped"), "a word of the text");
    let green: Vec<String> = found_in_palette("green", state).into_iter().map(|entry| entry.words).take(3).collect();
    assert_eq!(green, ["token 198: green", "token 206: green", "token 213: green"], "each by its position");
    let id = found_in_palette("scenes/3", state).into_iter().next().ok_or("no example by its id")?;
    assert_eq!(id.command, Command::ShowExample(3));
    let all = found_in_palette("", state);
    let is_idle = |entry: &crate::app::panels::Entry| match &entry.command {
        Command::SetOptions(options) => **options == state.options,
        Command::SetSelection(selection) => *selection == state.selection,
        Command::SetExports(exports) => *exports == state.exports,
        _ => false,
    };
    for (place, entry) in all.iter().enumerate() {
        let same = all[place + 1..].iter().find(|other| other.words == entry.words);
        assert!(same.is_none(), "twice: {}", entry.words);
        let same = all[place + 1..].iter().find(|other| other.command == entry.command && !is_idle(entry));
        assert!(same.is_none(), "two names of one command: {}; {}", entry.words, same.map_or("", |same| &same.words));
    }
    Ok(())
}
