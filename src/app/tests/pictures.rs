//! Image, text, matrix, links and timeline in their panels: choices by their names, drags and the wheel.

use egui::{Event, Key, Modifiers, MouseWheelUnit, PointerButton, Pos2, Role, pos2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

use crate::analysis::timeline::TokenGroup;
use crate::analysis::{Direction, NamedTokens};
use crate::app::model::command::Command;
use crate::app::shell::interface::Interface;
use crate::app::tests::{Result, settle, window_on};
use crate::query::{BlockPeaks, Weights};
use crate::trace::{Dtype, Synthetic};
use crate::view::{LinkColor, MatrixBlock, Tiles, View, needs, statistic_grid};

type Window = Harness<'static, Interface>;

fn click(window: &mut Window, name: &str) {
    window.get_by_label(name).click();
    window.run_steps(3);
}

fn press(window: &mut Window, pos: Pos2, button: PointerButton, pressed: bool, modifiers: Modifiers) {
    window.event(Event::PointerButton { pos, button, pressed, modifiers });
    window.step();
}

fn drag(window: &mut Window, from: Pos2, to: Pos2, button: PointerButton, modifiers: Modifiers) {
    window.event(Event::PointerMoved(from));
    window.step();
    press(window, from, button, true, modifiers);
    for share in [0.25, 0.5, 0.75, 1.0] {
        window.event(Event::PointerMoved(from + (to - from) * share));
        window.step();
    }
    press(window, to, button, false, modifiers);
    window.step();
}

#[test]
fn choices_have_names() -> Result<()> {
    let mut window = window_on("multi-image.safetensors")?;
    click(&mut window, "whole words");
    assert!(window.state().state.options.join_pieces);
    click(&mut window, "Matrix options");
    click(&mut window, "lock scale");
    assert!(window.state().state.options.lock_scale);
    settle(&mut window)?;
    let state = &window.state().state;
    let shown = state.shown_selection();
    let peaks = state.results.get(&BlockPeaks::of(shown)).ok_or_else(|| format!("no peaks of {shown:?}"))?;
    let weights = state.results.get(&Weights::of(shown)).ok_or("no weights")?;
    assert!(peaks.tokens > 0.0 && weights.iter().all(|weight| *weight <= peaks.tokens));
    click(&mut window, "Image options");
    click(&mut window, "fine tiles");
    assert_eq!(window.state().state.options.tiles, Tiles::Fine);
    click(&mut window, "Matrix options");
    click(&mut window, "text–image");
    assert_eq!(window.state().state.options.matrix_block, MatrixBlock::TextImage);
    window.get_by_label("Links").click();
    window.run_steps(2);
    click(&mut window, "Links options");
    click(&mut window, "by head");
    assert_eq!(window.state().state.options.links_color, LinkColor::Head);
    settle(&mut window)?;
    let inputs = window.state().state.inputs(glam::Vec2::new(600.0, 400.0)).ok_or("no trace")?;
    let asked = needs(View::Links, &inputs);
    assert_eq!(asked.len(), 2, "each head has links of its own: {asked:?}");
    assert!(inputs.results.settle(&asked) && inputs.results.failures().is_empty());
    Ok(())
}

#[test]
fn output_tokens_are_stepped_and_scrubbed() -> Result<()> {
    let mut window = window_on("encoder-decoder.safetensors")?;
    window.state_mut().state.apply(Command::SelectBlock(0));
    assert!(window.state().state.output_tokens().is_empty(), "the encoder writes nothing");
    window.state_mut().state.apply(Command::SelectBlock(2));
    window.state_mut().state.apply(Command::ClearTokens);
    settle(&mut window)?;
    let mut step = |key| {
        window.key_press(key);
        window.step();
        window.state().state.selection.tokens.clone()
    };
    assert_eq!([step(Key::K), step(Key::K), step(Key::K), step(Key::K)], [vec![1], vec![2], vec![3], vec![1]]);
    assert_eq!(step(Key::J), [3]);
    window.get_by_label("Timeline").click();
    window.run_steps(2);
    settle(&mut window)?;
    let panel = window.get_by_role_and_label(Role::Image, "timeline").rect();
    let at = |share: f32| pos2(panel.left() + panel.width() * share, panel.top() + panel.height() * 0.35);
    drag(&mut window, at(0.15), at(0.5), PointerButton::Primary, Modifiers::NONE);
    assert_eq!(window.state().state.selection.tokens, [2], "the token where the drag ended");
    settle(&mut window)?;
    click(&mut window, "Mass layer by layer");
    click(&mut window, "prompt");
    assert_eq!(window.state().state.options.timeline_group, TokenGroup::Prompt);
    Ok(())
}

#[test]
fn a_rectangle_zooms_the_matrix() -> Result<()> {
    let mut window = window_on("multi-image.safetensors")?;
    let panel = window.get_by_role_and_label(Role::Image, "matrix").rect();
    let (from, to) = (panel.center() - vec2(20.0, 20.0), panel.center() + vec2(35.0, 25.0));
    for (button, modifiers) in [(PointerButton::Secondary, Modifiers::NONE), (PointerButton::Primary, Modifiers::SHIFT)]
    {
        window.event(Event::PointerGone);
        window.event(Event::ModifiersChanged(modifiers));
        window.state_mut().state.apply(Command::ZoomTo(View::Matrix, None));
        window.run_steps(2);
        drag(&mut window, from, to, button, modifiers);
        let shown = window.state().state.options.matrix_window.ok_or("not zoomed")?;
        let size = shown.size();
        assert!(size.x >= 2.0 && size.x < 10.0 && size.y >= 2.0 && size.y < 10.0, "{shown:?}");
        assert_eq!((shown.min.fract(), shown.max.fract()), (glam::Vec2::ZERO, glam::Vec2::ZERO), "whole cells");
    }
    Ok(())
}

/// One gesture: which heads look at what I draw. Esc and another statistic end it.
#[test]
fn a_rectangle_with_the_right_button_ranks_heads() -> Result<()> {
    let mut window = window_on("multi-image.safetensors")?;
    window.state_mut().state.apply(Command::ClearTokens);
    let panel = window.get_by_role_and_label(Role::Image, "image").rect();
    let at = |share: f32| panel.min + panel.size() * share;
    drag(&mut window, at(0.01), at(0.99), PointerButton::Secondary, Modifiers::NONE);
    settle(&mut window)?;
    let state = &window.state().state;
    assert_eq!(state.options.to.as_ref().map(NamedTokens::to_string).as_deref(), Some("1-4,6-11"));
    assert!(state.selection.tokens.is_empty(), "nothing is selected");
    let grid = state.inputs(glam::Vec2::ZERO).map(|inputs| statistic_grid(&inputs).0).ok_or("no grid")?;
    assert_eq!(grid.label, "attention of all others to 10 tokens");
    assert!(grid.values.iter().all(|share| (0.0..=1.0).contains(share)), "{:?}", grid.values);

    window.state_mut().state.apply(Command::Escape);
    assert_eq!(window.state().state.options.to, None);

    // Over the text, whose words are of the same sequence here.
    let panel = window.get_by_role_and_label(Role::Image, "text").rect();
    let panel = panel.shrink(6.0); // the edge resizes
    let (from, to) = (panel.min, panel.max);
    drag(&mut window, from, to, PointerButton::Secondary, Modifiers::NONE);
    assert!(window.state().state.options.to.is_some());
    window.state_mut().state.apply(Command::StepStatistic(1));
    assert_eq!(window.state().state.options.to, None);
    settle(&mut window)
}

/// What is selected is not asked how much it looks at itself.
#[test]
fn heads_are_ranked_by_the_selected_tokens() -> Result<()> {
    let mut window = window_on("multi-image.safetensors")?;
    let state = &mut window.state_mut().state;
    state.apply(Command::SelectTokens { sequence: 0, tokens: vec![6, 7], extend: false });
    state.apply(Command::RankHeads { sequence: 0, tokens: vec![6, 7] });
    assert!(state.selection.tokens.is_empty());
    assert_eq!(state.options.to, Some(NamedTokens::of_places(&[6, 7])));

    // Across sequences the tokens are those of the other side: the direction turns where it must.
    let mut window = window_on("encoder-decoder.safetensors")?;
    let state = &mut window.state_mut().state;
    let (query, key) = state.block().map(|block| (block.query, block.key)).ok_or("no block")?;
    if query != key {
        state.apply(Command::SetDirection(Direction::AttendsTo));
        state.apply(Command::RankHeads { sequence: key, tokens: vec![0] });
        assert_eq!(state.selection.direction, Direction::AttendsTo);
        state.apply(Command::RankHeads { sequence: query, tokens: vec![0] });
        assert_eq!(state.selection.direction, Direction::AttendedBy);
    }
    Ok(())
}

#[test]
fn the_wheel_scrolls_a_text_that_does_not_fit() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("long.safetensors");
    let long = Synthetic { layers: 1, heads: 1, text: 400, rows: 1, columns: 2, dim: 0, dtype: Dtype::F16, seed: 0 };
    long.write(&path, &mut |_| ())?;
    let name = path.to_str().ok_or("no name")?;
    let mut window = window_on(name)?;
    let panel = window.get_by_role_and_label(Role::Image, "text").rect();
    let mut wheel = |by: f32| {
        turn_wheel(&mut window, panel.center(), by);
        window.state().state.options.text_scroll.unwrap_or(f32::NAN)
    };
    assert_eq!(wheel(50.0), 0.0, "nothing is above");
    let down = wheel(-120.0);
    assert!(down > 2.0, "{down}");
    let end = wheel(-100_000.0);
    assert!(end > down && end < 100.0, "{end}: it ends with its last row");
    assert!(wheel(60.0) < end);
    assert_eq!(View::Text.name(), "text");
    Ok(())
}

#[test]
fn the_wheel_zooms_the_matrix_where_it_points() -> Result<()> {
    let mut window = window_on("multi-image.safetensors")?;
    let panel = window.get_by_role_and_label(Role::Image, "matrix").rect();
    turn_wheel(&mut window, panel.center(), 300.0);
    let shown =
        |window: &Window| window.state().state.options.matrix_window.map(|shown| (shown.center(), shown.size()));
    let (center, size) = shown(&window).ok_or("it shows all cells still")?;
    assert!(size.max_element() < 13.0, "{size} of 14 × 14");
    // Above it the panel has its axis, below it the bar: only from side to side is the panel's middle the matrix's.
    assert!((center.x - 7.0).abs() < 3.0, "about the middle: {center}");
    turn_wheel(&mut window, panel.center(), -10_000.0);
    assert!(shown(&window).is_none_or(|(_, size)| size.min_element() > 13.9));
    settle(&mut window)
}

/// The wheel and the drag of the matrix, on the pictures: a drag moves them once they are zoomed, and with Shift draws as before.
#[test]
fn the_picture_zooms_and_pans() -> Result<()> {
    let mut window = window_on("../../assets/demo")?;
    window.state_mut().state.apply(Command::ClearTokens);
    let panel = window.get_by_role_and_label(Role::Image, "image").rect();
    let [left, right] = [-40.0, 40.0].map(|by| panel.center() + vec2(by, 0.0));
    let shown = |window: &Window| window.state().state.options.image_window;
    turn_wheel(&mut window, panel.center(), 300.0);
    let zoomed = shown(&window).ok_or("the wheel does not zoom")?;
    assert!(zoomed.size().max_element() < 0.5, "{zoomed:?}");
    drag(&mut window, left, right, PointerButton::Primary, Modifiers::NONE);
    let panned = shown(&window).ok_or("a drag ends the zoom")?;
    assert!(
        panned.min.x < zoomed.min.x && (panned.size() - zoomed.size()).abs().max_element() < 1e-3,
        "{panned:?} after {zoomed:?}"
    );
    assert!(window.state().state.selection.tokens.is_empty(), "a drag that pans selects nothing");
    drag(&mut window, right, left, PointerButton::Middle, Modifiers::NONE);
    assert!((shown(&window).ok_or("no zoom")?.min.x - zoomed.min.x).abs() < 1e-3, "so does the middle button");
    window.event(Event::ModifiersChanged(Modifiers::SHIFT));
    drag(
        &mut window,
        panel.center() - vec2(150.0, 150.0),
        panel.center() + vec2(150.0, 150.0),
        PointerButton::Primary,
        Modifiers::SHIFT,
    );
    window.event(Event::ModifiersChanged(Modifiers::NONE));
    let selected = window.state().state.selection.tokens.len();
    assert!((1..16).contains(&selected), "{selected} of 64 patches");
    drag(
        &mut window,
        panel.center() - vec2(150.0, 150.0),
        panel.center() + vec2(150.0, 150.0),
        PointerButton::Secondary,
        Modifiers::NONE,
    );
    assert!(window.state().state.options.to.is_some(), "the right button asks which heads look there");
    // A frame of the harness is long: each click has to fit into one.
    for _ in 0..2 {
        for pressed in [true, false] {
            let (pos, button, modifiers) = (panel.center(), PointerButton::Primary, Modifiers::NONE);
            window.input_mut().events.push(Event::PointerButton { pos, button, pressed, modifiers });
        }
        window.step();
    }
    window.run_steps(2);
    assert_eq!(shown(&window), None, "a double click shows all");
    window.get_by_role_and_label(Role::Image, "image").focus();
    window.run_steps(2);
    window.key_press(Key::Plus);
    window.run_steps(2);
    assert!(shown(&window).is_some());
    // Beside six tabs there is no room for more than a menu.
    window.get_by_label("Image options").click();
    window.run_steps(3);
    window.get_by_label("Show all").click();
    window.run_steps(2);
    assert_eq!(shown(&window), None);
    settle(&mut window)
}

/// A right click offers what can be done with what lies there; a right drag is another gesture.
#[test]
fn a_right_click_opens_a_menu_about_what_lies_there() -> Result<()> {
    let mut window = window_on("../../assets/demo")?;
    let panel = window.get_by_role_and_label(Role::Image, "image").rect();
    let right_click = |window: &mut Window, at: Pos2| {
        window.event(Event::PointerMoved(at));
        window.run_steps(2);
        press(window, at, PointerButton::Secondary, true, Modifiers::NONE);
        press(window, at, PointerButton::Secondary, false, Modifiers::NONE);
        window.run_steps(3);
    };
    drag(&mut window, panel.center() - vec2(50.0, 50.0), panel.center(), PointerButton::Secondary, Modifiers::NONE);
    window.run_steps(3);
    assert!(window.query_by_label("Copy value").is_none(), "a drag opens no menu");
    window.state_mut().state.options.to = None;
    right_click(&mut window, panel.center());
    window.get_by_label("Copy value").click();
    let mut copied = None;
    for _ in 0..3 {
        window.step();
        let commands = &window.output().platform_output.commands;
        copied = copied.or(commands.iter().find_map(|command| match command {
            egui::OutputCommand::CopyText(text) => Some(text.clone()),
            _ => None,
        }));
    }
    assert!(copied.as_ref().is_some_and(|text| text.contains("patch (row ")), "{copied:?}");
    right_click(&mut window, panel.center());
    click(&mut window, "Which heads look here?");
    assert!(window.state().state.options.to.is_some());
    right_click(&mut window, panel.center());
    click(&mut window, "Explain this panel");
    assert!(window.state().state.shows_help);
    window.get_by_label(View::Image.says());
    window.key_press(Key::Escape);
    window.run_steps(2);
    right_click(&mut window, panel.center());
    click(&mut window, "This panel alone");
    assert_eq!(window.state().state.shown_views, [View::Image]);
    settle(&mut window)
}

fn turn_wheel(window: &mut Window, at: Pos2, by: f32) {
    window.event(Event::PointerMoved(at));
    window.event(Event::MouseWheel {
        unit: MouseWheelUnit::Point,
        delta: vec2(0.0, by),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers: Modifiers::NONE,
    });
    window.run_steps(20);
}
