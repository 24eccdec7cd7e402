//! Narrow windows, and large letters: nothing lies on anything else.

use egui::{LayerId, Rect, Role, Sense};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::{Result, settle, window_on};
use crate::app::model::command::Command;
use crate::app::shell::interface::Interface;
use crate::view::View;

/// What is written or pressed in the bars and panels, and where it can be seen.
fn controls(harness: &Harness<'static, Interface>) -> Vec<(String, Rect)> {
    let roles = [Role::Button, Role::ComboBox, Role::CheckBox, Role::Slider, Role::SpinButton, Role::TextInput];
    let nodes: Vec<_> = harness.root().children_recursive().map(|node| node.accesskit_node()).collect();
    let name = |id: egui::Id| {
        let node = nodes.iter().find(|node| node.locate().0 == id.accesskit_id())?;
        roles.contains(&node.role()).then(|| node.label().or(node.value()).unwrap_or_default())
    };
    harness.ctx.viewport(|viewport| {
        let widgets = viewport.prev_pass.widgets.get_layer(LayerId::background());
        let pressed = widgets.filter(|widget| widget.sense.intersects(Sense::CLICK | Sense::DRAG));
        pressed.filter_map(|widget| Some((name(widget.id)?, widget.interact_rect))).collect()
    })
}

fn overlaps(harness: &Harness<'static, Interface>) -> Vec<String> {
    let controls = controls(harness);
    let visible: Vec<_> = controls.iter().filter(|(_, space)| space.is_positive()).collect();
    let mut found = Vec::new();
    for (row, (a, space)) in visible.iter().enumerate() {
        for (b, other) in &visible[row + 1..] {
            if space.intersect(*other).shrink(1.0).is_positive() {
                found.push(format!("{a} {space:?} and {b} {other:?}"));
            }
        }
    }
    found
}

#[test]
fn nothing_overlaps() -> Result<()> {
    let mut harness = window_on("../../assets/demo")?;
    for (size, scale) in [([640.0, 480.0], 1.0), ([900.0, 640.0], 1.0), ([1280.0, 720.0], 1.0), ([1280.0, 720.0], 1.5)]
    {
        harness.set_size(size.into());
        harness.state_mut().apply(Command::SetUiScale(scale));
        for view in View::all() {
            harness.state_mut().apply(Command::FocusView(view));
            settle(&mut harness)?;
            harness.run_steps(8);
            assert_eq!(overlaps(&harness), Vec::<String>::new(), "{view} at {size:?}, {scale} times");
            let [width, height] = size.map(|side| side / scale);
            let window = Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(width, height)).expand(1.0);
            for name in ["Open…", "Layer", "Head", "attended by", "Weights", "Screenshot", "Settings", "?"] {
                let space = harness.get_by_label(name).rect();
                assert!(window.contains_rect(space), "{name} at {size:?}: {space:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn the_tab_in_front_is_in_sight() -> Result<()> {
    let mut harness = window_on("../../assets/demo")?;
    for size in [[640.0, 480.0], [1280.0, 720.0], [1440.0, 900.0]] {
        harness.set_size(size.into());
        for (view, tab) in [
            (View::Links, "Links"),
            (View::Overlays, "Heads on image"),
            (View::Timeline, "Timeline"),
            (View::Embedding, "Hidden states"),
        ] {
            harness.state_mut().apply(Command::FocusView(view));
            settle(&mut harness)?;
            harness.run_steps(12);
            let whole = harness.get_by_role_and_label(Role::Button, tab).rect();
            let (_, seen) = controls(&harness).into_iter().find(|(name, _)| name == tab).ok_or(tab)?;
            assert!(seen.width() > whole.width() - 1.0, "{tab} at {size:?}: {seen:?} of {whole:?}");
        }
    }
    Ok(())
}

#[test]
fn choices_that_have_no_room_are_in_a_menu() -> Result<()> {
    let mut harness = window_on("../../assets/demo")?;
    harness.set_size(egui::vec2(640.0, 480.0));
    harness.state_mut().apply(Command::FocusView(View::Links));
    harness.run_steps(8);
    assert!(harness.query_by_label("selected only").is_none());
    harness.get_by_label("Links options").click();
    harness.run_steps(4);
    for name in ["Which links", "selected only", "by direction", "bundle by region"] {
        harness.get_by_label(name);
    }
    Ok(())
}

#[test]
fn the_list_of_keys_can_be_scrolled() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    harness.set_size(egui::vec2(640.0, 480.0));
    harness.key_press(egui::Key::F1);
    harness.run_steps(4);
    let last = |harness: &Harness<'static, Interface>| harness.get_by_label("close the window").rect();
    // What is scrolled out of sight is not there, or below the window.
    let height = 480.0;
    assert!(last(&harness).bottom() > height);
    let layer = harness.state().state.selection.layer;
    for _ in 0..8 {
        harness.key_press(egui::Key::PageDown);
        harness.run_steps(4);
    }
    assert!(last(&harness).bottom() < height, "{:?}", last(&harness));
    assert_eq!(harness.state().state.selection.layer, layer, "the keys scroll, and do nothing else");
    harness.set_size(egui::vec2(1280.0, 720.0));
    harness.run_steps(8);
    assert!(last(&harness).bottom() < 720.0);
    Ok(())
}
