//! Every control says what it does: a tip for the pointer is a description for a screen reader.

use std::collections::BTreeSet;

use egui::{Key, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::{Result, settle, window_on};
use crate::app::model::arrangement::{Arrangement, PanelCommand, Preset};
use crate::app::model::command::Command;
use crate::app::model::help::{Help, HelpPage};
use crate::app::shell::interface::Interface;
use crate::view::View;

type Window = Harness<'static, Interface>;

const CONTROLS: [Role; 8] = [
    Role::Button,
    Role::CheckBox,
    Role::RadioButton,
    Role::Slider,
    Role::SpinButton,
    Role::ComboBox,
    Role::TextInput,
    Role::Link,
];

/// What egui itself puts beside windows and tabs.
const OF_EGUI: [&str; 5] = ["Close window", "Hide", "Show", "Scroll tabs left", "Scroll tabs right"];

/// The names of the controls that have no tip, after where they were found.
fn note_silent(window: &Window, place: &str, silent: &mut BTreeSet<String>) {
    let nodes: Vec<_> = window.root().children_recursive().map(|node| node.accesskit_node()).collect();
    let name = |node: &egui_kittest::kittest::AccessKitNode<'_>| node.label().or(node.value()).unwrap_or_default();
    let sliders: Vec<String> = nodes.iter().filter(|node| node.role() == Role::Slider).map(name).collect();
    for node in nodes.iter().filter(|node| CONTROLS.contains(&node.role())) {
        let name = name(node);
        // The number beside a slider is a part of it.
        let is_part = node.role() == Role::SpinButton && sliders.contains(&name);
        if !is_part && !OF_EGUI.contains(&name.as_str()) && node.description().is_none_or(|says| says.is_empty()) {
            silent.insert(format!("{place}: {:?} {name}", node.role()));
        }
    }
}

#[test]
fn every_control_says_what_it_does() -> Result<()> {
    let mut window = window_on("../../assets/demo")?;
    window.set_size(egui::vec2(1600.0, 1000.0));
    let mut silent = BTreeSet::new();
    for view in View::all() {
        window.state_mut().apply(Command::FocusView(view));
        settle(&mut window)?;
        window.run_steps(4);
        note_silent(&window, view.title(), &mut silent);
        let menu = format!("{} options", view.title());
        if window.query_by_label(&menu).is_some() {
            window.get_by_label(&menu).click();
            window.run_steps(4);
            note_silent(&window, &menu, &mut silent);
            window.key_press(Key::Escape);
            window.run_steps(4);
        }
    }
    window.state_mut().apply(Command::Panels(PanelCommand::Arrange(Arrangement::Preset(Preset::Dataset))));
    window.run_steps(4);
    settle(&mut window)?;
    for menu in
        ["Recent", "Weights", "Play options", "Settings", "Panels", "Columns", "Filter", "Strongest", "View", "Groups"]
    {
        if window.query_all_by_label(menu).count() != 1 {
            continue;
        }
        window.get_by_label(menu).click();
        window.run_steps(4);
        note_silent(&window, menu, &mut silent);
        window.key_press(Key::Escape);
        window.run_steps(4);
    }
    for page in HelpPage::ALL {
        window.state_mut().apply(Command::ShowHelp(Help { page, about: None }));
        window.run_steps(4);
        note_silent(&window, "Help", &mut silent);
    }
    window.state_mut().apply(Command::ToggleHelp);
    window.state_mut().apply(Command::ToggleWelcome);
    window.run_steps(4);
    note_silent(&window, "First steps", &mut silent);
    assert!(silent.is_empty(), "these controls do not say what they do: {silent:#?}");
    Ok(())
}
