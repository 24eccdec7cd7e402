//! The window by keyboard alone.

use std::collections::HashMap;

use egui::{Event, Id, Key, Memory, Modifiers, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::{Result, settle, window_on};
use crate::analysis::Pick;
use crate::app::model::browsing::DatasetCommand;
use crate::app::model::command::Command;
use crate::app::model::tokens::TokenCommand;
use crate::app::shell::interface::Interface;
use crate::view::View;

/// What a user chooses, types or pulls at.
const CONTROLS: [Role; 8] = [
    Role::Button,
    Role::CheckBox,
    Role::ComboBox,
    Role::ListBox,
    Role::RadioButton,
    Role::Slider,
    Role::SpinButton,
    Role::TextInput,
];

/// What has the focus: by egui, by role and by name.
fn focused(harness: &Harness<'static, Interface>) -> Option<(Id, Role, String)> {
    let id = harness.ctx.memory(Memory::focused)?;
    let nodes = harness.root().children_recursive();
    let node = nodes.map(|node| node.accesskit_node()).find(|node| node.locate().0 == id.accesskit_id())?;
    Some((id, node.role(), node.label().unwrap_or_default()))
}

fn name_of_focused(harness: &Harness<'static, Interface>) -> String {
    focused(harness).map(|(.., name)| name).unwrap_or_default()
}

/// Presses a key, and waits until the focus is where it leads to.
fn press(harness: &mut Harness<'static, Interface>, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    harness.run_steps(5);
}

fn tab(harness: &mut Harness<'static, Interface>) {
    press(harness, Modifiers::NONE, Key::Tab);
}

#[test]
fn tab_reaches_every_control_by_its_name() -> Result<()> {
    let mut harness = window_on("../../assets/demo")?;
    let mut reached: HashMap<Id, (Role, String)> = HashMap::new();
    let mut last = String::new();
    let mut first = None;
    let mut rounds = 0;
    loop {
        tab(&mut harness);
        let (id, role, name) = focused(&harness).ok_or("Tab leads to nowhere")?;
        assert!(!name.trim().is_empty(), "a {role:?} has no name, after {last}");
        last.clone_from(&name);
        let seen = harness.ctx.read_response(id).ok_or("it is not there")?.interact_rect;
        assert!(harness.ctx.content_rect().expand(1.0).contains_rect(seen) && seen.area() > 20.0, "{name}: {seen:?}");
        reached.insert(id, (role, name));
        // A button that scrolls tabs back is there once they were scrolled: in the second round.
        rounds += usize::from(*first.get_or_insert(id) == id);
        if rounds > 2 {
            break;
        }
    }
    let (backwards, now) = (name_of_focused(&harness), reached.len());
    press(&mut harness, Modifiers::SHIFT, Key::Tab);
    assert_ne!(name_of_focused(&harness), backwards, "Shift+Tab goes back");
    assert!(now < 75, "{now} stops");
    let nodes: Vec<_> = harness.root().children_recursive().map(|node| node.accesskit_node()).collect();
    let missed: Vec<_> = nodes
        .iter()
        .filter(|node| CONTROLS.contains(&node.role()) && !node.is_disabled())
        .filter(|node| !reached.keys().any(|id| id.accesskit_id() == node.locate().0))
        .map(|node| (node.role(), node.label()))
        .collect();
    assert!(missed.is_empty(), "not reached: {missed:?}");
    for name in ["Heads", "Image", "Layer", "Filter of the examples", "List of the examples", "heads", "matrix"] {
        assert!(reached.values().any(|(_, reached)| reached == name), "{name}: {reached:?}");
    }
    Ok(())
}

#[test]
fn no_control_is_without_a_name() -> Result<()> {
    let mut harness = window_on("../../assets/demo")?;
    harness.set_size(egui::vec2(1440.0, 900.0));
    let check = |harness: &Harness<'static, Interface>, where_: &str| {
        let nodes = harness.root().children_recursive().map(|node| node.accesskit_node());
        let nameless =
            nodes.filter(|node| CONTROLS.contains(&node.role()) && node.label().is_none_or(|it| it.is_empty()));
        let nameless: Vec<_> = nameless.map(|node| (node.role(), node.value())).collect();
        assert!(nameless.is_empty(), "{where_}: {nameless:?}");
    };
    let commands = [
        Command::Tokens(TokenCommand::Focus),
        Command::Dataset(DatasetCommand::FocusAtlas),
        Command::CompareWith(None),
    ];
    for command in View::all().map(Command::FocusView).into_iter().chain(commands) {
        harness.state_mut().apply(command.clone());
        settle(&mut harness)?;
        harness.run_steps(4);
        check(&harness, &format!("{command:?}"));
    }
    let in_front = [Command::FocusView(View::Links), Command::FocusView(View::Heads)];
    for command in in_front.into_iter().chain([Command::Dataset(DatasetCommand::FocusFilter)]) {
        harness.state_mut().apply(command);
    }
    harness.run_steps(4);
    for menu in ["Weights", "Play options", "Settings", "Columns", "Filter", "Strongest", "Links options", "View"] {
        harness.get_by_label(menu).click();
        harness.run_steps(4);
        check(&harness, menu);
        press(&mut harness, Modifiers::NONE, Key::Escape);
    }
    Ok(())
}

#[test]
fn f6_leads_from_panel_to_panel() -> Result<()> {
    let mut harness = window_on("../../assets/demo")?;
    let way =
        ["List of the examples", "heads", "image", "text", "matrix", "embedding", "List of the examples", "heads"];
    for name in way {
        press(&mut harness, Modifiers::NONE, Key::F6);
        assert_eq!(name_of_focused(&harness), name);
    }
    press(&mut harness, Modifiers::SHIFT, Key::F6);
    assert_eq!(name_of_focused(&harness), "List of the examples");
    harness.get_by_label("Filter of the examples").focus();
    harness.run_steps(3);
    press(&mut harness, Modifiers::NONE, Key::F6);
    assert_eq!(name_of_focused(&harness), "heads", "from a field as well");
    Ok(())
}

#[test]
fn arrows_go_through_the_list_of_examples() -> Result<()> {
    let mut harness = window_on("../../assets/demo")?;
    press(&mut harness, Modifiers::NONE, Key::F6);
    let value = |harness: &Harness<'static, Interface>| harness.get_by_label("List of the examples").value();
    let before = value(&harness);
    press(&mut harness, Modifiers::NONE, Key::ArrowDown);
    settle(&mut harness)?;
    assert_eq!(harness.state().state.example, 1);
    assert_eq!(name_of_focused(&harness), "List of the examples");
    assert_ne!(value(&harness), before, "a screen reader hears which one is shown");
    press(&mut harness, Modifiers::NONE, Key::End);
    settle(&mut harness)?;
    assert_eq!(harness.state().state.example, 31);
    press(&mut harness, Modifiers::NONE, Key::ArrowUp);
    settle(&mut harness)?;
    assert_eq!(harness.state().state.example, 30);
    Ok(())
}

#[test]
fn the_focus_comes_back_from_a_menu() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    press(&mut harness, Modifiers::NONE, Key::F6);
    press(&mut harness, Modifiers::NONE, Key::F6);
    assert_eq!(name_of_focused(&harness), "heads");
    while name_of_focused(&harness) != "Export" {
        press(&mut harness, Modifiers::SHIFT, Key::Tab);
    }
    let export = focused(&harness).ok_or("nothing is focused")?;
    press(&mut harness, Modifiers::NONE, Key::Enter);
    while name_of_focused(&harness) != "Copy command" {
        tab(&mut harness);
    }
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert!(harness.query_by_label("Copy command").is_none(), "the menu has closed");
    assert_eq!(focused(&harness), Some(export.clone()));

    press(&mut harness, Modifiers::NONE, Key::Enter);
    harness.get_by_label("Copy command");
    let tokens = harness.state().state.selection.tokens.clone();
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(harness.query_by_label("Copy command").is_none(), "Esc closes it");
    assert_eq!(focused(&harness), Some(export.clone()));
    assert!(!tokens.is_empty() && harness.state().state.selection.tokens == tokens, "and does nothing else");

    // The same after the palette.
    harness.get_by_role_and_label(Role::Image, "matrix").focus();
    harness.run_steps(3);
    press(&mut harness, Modifiers::COMMAND, Key::K);
    assert_eq!(name_of_focused(&harness), "Search commands");
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert_eq!(name_of_focused(&harness), "matrix");
    Ok(())
}

fn pressed(key: Key, modifiers: Modifiers) -> Event {
    Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers }
}

/// As a keyboard sends it: the key, and the letter.
fn typed(letter: &str, key: Key) -> [Event; 2] {
    [pressed(key, Modifiers::NONE), Event::Text(letter.to_owned())]
}

#[test]
fn what_is_typed_before_a_field_is_there_goes_to_the_field() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    let before = (harness.state().state.options.theme, harness.state().state.selection.direction);
    // All in one frame, as on a slow machine; what the harness queues comes in a frame each.
    let events = &mut harness.input_mut().events;
    events.push(pressed(Key::K, Modifiers::COMMAND));
    events.extend([typed("t", Key::T), typed("d", Key::D)].concat());
    harness.run_steps(10);
    let state = &harness.state().state;
    assert_eq!((state.options.theme, state.selection.direction), before);
    assert_eq!(state.palette.as_ref().map(|palette| palette.query.as_str()), Some("td"));
    press(&mut harness, Modifiers::NONE, Key::Escape);

    // A key that comes in the next frame, before the field has the focus.
    harness.input_mut().events.push(pressed(Key::F, Modifiers::COMMAND));
    harness.step();
    harness.input_mut().events.extend(typed("t", Key::T));
    harness.run_steps(10);
    let state = &harness.state().state;
    assert_eq!((state.options.theme, state.browsing.query.as_str()), (before.0, "t"));
    Ok(())
}

#[test]
fn keys_zoom_and_pan_matrix_and_hidden_states() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    harness.get_by_role_and_label(Role::Image, "matrix").focus();
    harness.run_steps(3);
    press(&mut harness, Modifiers::NONE, Key::Plus);
    let zoomed = harness.state().state.options.matrix_window.ok_or("+ does not zoom")?;
    press(&mut harness, Modifiers::SHIFT, Key::ArrowRight);
    let panned = harness.state().state.options.matrix_window.ok_or("a pan ends the zoom")?;
    assert!(panned.min.x > zoomed.min.x && (panned.size() - zoomed.size()).abs().max_element() < 1e-3);
    press(&mut harness, Modifiers::NONE, Key::Minus);
    press(&mut harness, Modifiers::NONE, Key::Minus);
    assert_eq!(harness.state().state.options.matrix_window, None, "all of it");

    harness.get_by_role_and_label(Role::Image, "embedding").focus();
    harness.run_steps(3);
    press(&mut harness, Modifiers::NONE, Key::Equals);
    press(&mut harness, Modifiers::SHIFT, Key::ArrowDown);
    let view = harness.state().state.options.embedding_view.ok_or("= does not zoom")?;
    assert!(view.scale.x > 1.2 && view.offset.y < view.offset.x);
    assert_eq!(harness.state().state.options.matrix_window, None, "the matrix has not the focus");
    press(&mut harness, Modifiers::NONE, Key::Num0);
    assert_eq!(harness.state().state.options.embedding_view, None);
    Ok(())
}

#[test]
fn a_view_says_what_is_selected() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    let value = |harness: &Harness<'static, Interface>| harness.get_by_role_and_label(Role::Image, "heads").value();
    let before = value(&harness).ok_or("it says nothing")?;
    assert!(before.contains("layer 2") && before.contains("entropy"), "{before}");
    press(&mut harness, Modifiers::NONE, Key::ArrowUp);
    settle(&mut harness)?;
    assert_eq!(harness.state().state.selection.layer, Pick::One(1));
    assert!(value(&harness).is_some_and(|now| now.contains("layer 1")));
    Ok(())
}

#[test]
fn every_view_has_a_name() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    for view in View::all() {
        harness.state_mut().apply(Command::FocusView(view));
        harness.run_steps(3);
        settle(&mut harness)?;
        let shown = harness.get_by_role_and_label(Role::Image, view.name());
        assert!(shown.value().is_some_and(|value| !value.is_empty()), "{view} says nothing");
    }
    Ok(())
}
