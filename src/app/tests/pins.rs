//! Pins by key, by a drag and in their tray.

use egui::{Event, Key, Modifiers, PointerButton, Pos2, Role, pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use glam::Vec2;

use crate::analysis::{Pick, Pin};
use crate::app::model::command::Command;
use crate::app::model::pins::PinCommand;
use crate::app::shell::interface::Interface;
use crate::app::tests::{Result, settle, window_on};
use crate::render::Fonts;
use crate::view::{Target, View, Zone, draw};

type Window = Harness<'static, Interface>;

fn select(window: &mut Window, layer: usize, head: usize) {
    window.state_mut().apply(Command::Select { target: Target::Head { layer, head }, extend: false });
    window.run_steps(2);
}

fn pins(window: &Window) -> Vec<String> {
    window.state().state.options.pins.iter().map(Pin::to_string).collect()
}

fn button(window: &mut Window, pos: Pos2, pressed: bool) {
    let button = PointerButton::Primary;
    window.event(Event::PointerButton { pos, button, pressed, modifiers: Modifiers::NONE });
    window.step();
}

#[test]
fn a_key_pins_what_is_selected_and_the_tray_goes_there() -> Result<()> {
    let mut window = window_on("multi-image.safetensors")?;
    assert!(window.query_by_label("Side by side").is_none(), "there is no tray without pins");
    select(&mut window, 1, 0);
    window.key_press(Key::P);
    window.run_steps(3);
    let tokens = window.state().state.selection.tokens.clone();
    let pin = window.state().state.options.pins.first().cloned().ok_or("nothing is pinned")?;
    assert_eq!((pin.layer, pin.head, pin.tokens), (Some(Pick::One(1)), Some(Pick::One(0)), Some(tokens)));
    assert!(window.state().state.shown_views.contains(&View::Pins), "the pins are in front");

    select(&mut window, 2, 1);
    window.key_press_modifiers(Modifiers::SHIFT, Key::P);
    window.run_steps(3);
    settle(&mut window)?;
    assert_eq!(pins(&window).len(), 2);
    assert_eq!(window.state().state.options.pins[1].tokens, None, "its tokens follow the selection");
    assert!(window.state().state.results.failures().is_empty());
    window.get_by_role_and_label(Role::Button, "L1H0").click();
    window.run_steps(2);
    assert_eq!(window.state().state.selection.layer, Pick::One(1));

    window.state_mut().apply(Command::Pin(PinCommand::PutFirst(1)));
    assert_eq!(window.state().state.options.pins[0].layer, Some(Pick::One(2)));
    window.run_steps(2);
    window.get_by_label("Take away pin L2H1").click();
    window.run_steps(2);
    assert_eq!(pins(&window).len(), 1);
    // The same key takes away what it pinned.
    window.key_press(Key::P);
    window.run_steps(2);
    assert!(pins(&window).is_empty());
    Ok(())
}

#[test]
fn a_head_is_dragged_onto_the_tray() -> Result<()> {
    let mut window = window_on("multi-image.safetensors")?;
    let panel = window.get_by_role_and_label(Role::Image, "heads").rect();
    let size = Vec2::new(panel.width(), panel.height());
    let inputs = window.state().state.inputs(size).ok_or("nothing is open")?;
    let scene = draw(View::Heads, &inputs, &mut Fonts::new());
    let zone = scene.zones.iter().rev().find_map(|zone| match zone {
        Zone::Area { rect, target: Target::Head { layer: 1, head: 1 } } => Some(rect.center()),
        _ => None,
    });
    let at = zone.ok_or("the head is not shown")?;
    let from = panel.min + egui::vec2(at.x, at.y);
    window.event(Event::PointerMoved(from));
    window.step();
    button(&mut window, from, true);
    for share in [0.2, 0.6, 1.0] {
        window.event(Event::PointerMoved(from + (pos2(400.0, 690.0) - from) * share));
        window.run_steps(2);
    }
    let tray = window.get_by_label("drop the head here to pin it").rect().center();
    window.event(Event::PointerMoved(tray));
    window.run_steps(2);
    button(&mut window, tray, false);
    window.run_steps(3);
    assert_eq!(pins(&window), ["B0L1H1:raw"]);
    Ok(())
}

#[test]
fn pins_are_kept_in_the_view_state() -> Result<()> {
    let mut window = window_on("multi-image.safetensors")?;
    select(&mut window, 1, 0);
    window.state_mut().apply(Command::Pin(PinCommand::Selection));
    let saved = window.state().state.state_of_file();
    window.state_mut().apply(Command::Pin(PinCommand::Clear));
    assert!(pins(&window).is_empty());
    window.state_mut().state.show_view_state(saved.clone())?;
    assert_eq!(window.state().state.options.pins, saved.options.pins);
    assert_eq!(saved.options.pins.len(), 1);
    Ok(())
}
