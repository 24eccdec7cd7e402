//! The views of all heads in the window: choices by name, the brush, the means.

use std::error::Error;

use egui::{Modifiers, PointerButton, Pos2, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use glam::Vec2;

use crate::analysis::Pick;
use crate::analysis::pool::Pooling;
use crate::analysis::statistics::Over;
use crate::app::model::command::Command;
use crate::app::shell::interface::Interface;
use crate::app::tests::{settle, window_on};
use crate::query::StatisticGrid;
use crate::render::Fonts;
use crate::view::{HeadsOrder, Inputs, Options, Scene, Target, View, draw, needs, statistic_grid};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn choose(harness: &mut Harness<'static, Interface>, list: &str, row: &str) -> Result {
    harness.get_by_role_and_label(Role::ComboBox, list).click();
    harness.run_steps(3);
    // The row may lie beyond what the list shows without scrolling.
    harness.get_by_label(row).click_accesskit();
    harness.run_steps(3);
    settle(harness)
}

#[test]
fn statistics_are_compared_with_their_kin() -> Result {
    let mut harness = window_on("multi-image.safetensors")?;
    choose(&mut harness, "Compared with", "z by layer")?;
    assert_eq!(harness.state().state.options.z_score, Some(Over::Heads));
    let grid = grid(&harness)?;
    assert_eq!(grid.label, "Text on image, z by layer");
    assert!(grid.diverging && grid.layer_mean.iter().all(|mean| mean.abs() < 1e-5));
    choose(&mut harness, "Order", "both by mean")?;
    assert_eq!(harness.state().state.options.heads_order, HeadsOrder::Both);
    Ok(())
}

#[test]
fn metrics_of_the_trace_are_among_the_statistics() -> Result {
    let mut harness = window_on("vl-interpret-0.safetensors")?;
    choose(&mut harness, "Statistic", "Example Custom Metrics")?;
    assert_eq!(harness.state().state.options.statistic, "head_metric.0");
    let grid = grid(&harness)?;
    assert_eq!(grid.label, "Example Custom Metrics");
    assert!(!grid.values.is_empty());
    Ok(())
}

#[test]
fn thumbnails_and_overlays_are_computed_once_they_are_in_front() -> Result {
    let mut harness = window_on("multi-image.safetensors")?;
    let has = |harness: &Harness<'static, Interface>| {
        let state = &harness.state().state;
        let panel = |name| harness.query_by_role_and_label(Role::Image, name).map(|panel| panel.rect().size());
        let knows = |view, name| {
            let size = panel(name)?;
            let inputs = state.inputs(Vec2::new(size.x, size.y))?;
            Some(state.results.settle(&needs(view, &inputs)))
        };
        Some((knows(View::Thumbnails, "thumbnails") == Some(true), knows(View::Overlays, "overlays") == Some(true)))
    };
    assert_eq!(has(&harness), Some((false, false)));
    harness.get_by_label("Thumbnails").click();
    harness.run_steps(3);
    settle(&mut harness)?;
    assert_eq!(has(&harness), Some((true, false)));
    harness.get_by_role_and_label(Role::Image, "thumbnails");
    choose(&mut harness, "Pooling", "mean")?;
    assert_eq!(harness.state().state.options.pooling, Pooling::Mean);
    harness.get_by_label("own scale").click();
    harness.step();
    assert!(!harness.state().state.options.thumbnails_own_scale);
    harness.get_by_label("Heads on image").click();
    harness.run_steps(3);
    settle(&mut harness)?;
    assert_eq!(has(&harness), Some((true, true)));
    harness.get_by_role_and_label(Role::Image, "overlays");
    Ok(())
}

#[test]
fn the_strongest_heads_are_a_menu() -> Result {
    let mut harness = window_on("multi-image.safetensors")?;
    let grid = grid(&harness)?;
    let (layer, head, value) = crate::analysis::statistics::strongest(&grid.values, grid.heads, 1)[0];
    harness.get_by_label("Strongest").click();
    harness.run_steps(3);
    harness.get_by_label(&format!("layer {layer} · head {head}: {value:.4}")).click();
    harness.run_steps(2);
    let selection = &harness.state().state.selection;
    assert_eq!((selection.layer, selection.head), (Pick::One(layer), Pick::One(head)));
    Ok(())
}

/// The statistic that the heads view shows.
fn grid(harness: &Harness<'static, Interface>) -> Result<StatisticGrid> {
    let grid = harness.state().state.inputs(Vec2::ZERO).map(|inputs| statistic_grid(&inputs).0);
    grid.filter(|grid| !grid.values.is_empty()).ok_or_else(|| "no statistic".into())
}

/// The heads view's scene as it is shown in its panel, and where the panel lies.
fn heads_scene(harness: &Harness<'static, Interface>) -> Result<(Scene, egui::Rect)> {
    let panel = harness.get_by_role_and_label(Role::Image, "heads").rect();
    let state = &harness.state().state;
    let inputs = state.inputs(Vec2::new(panel.width(), panel.height())).ok_or("no trace")?;
    let inputs = Inputs { hover: None, ..inputs };
    Ok((draw(View::Heads, &inputs, &mut Fonts::new()), panel))
}

fn press(harness: &mut Harness<'static, Interface>, pos: Pos2, pressed: bool) {
    let modifiers = Modifiers::NONE;
    harness.event(egui::Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers });
    harness.step();
}

#[test]
fn a_drag_on_the_colour_bar_dims_and_a_click_shows_all() -> Result {
    let mut harness = window_on("multi-image.safetensors")?;
    let (scene, panel) = heads_scene(&harness)?;
    let bar = scene.bar.ok_or("no colour bar")?;
    let [low, high] = bar.range;
    let at = |share: f32| {
        let place = bar.part(low, low + (high - low) * share);
        let end = if bar.is_upright {
            Vec2::new(place.center().x, place.min.y)
        } else {
            Vec2::new(place.max.x, place.center().y)
        };
        Pos2::new(panel.left() + end.x, panel.top() + end.y)
    };
    harness.hover_at(at(0.25));
    harness.step();
    press(&mut harness, at(0.25), true);
    for share in [0.4, 0.6, 0.75] {
        harness.hover_at(at(share));
        harness.step();
    }
    press(&mut harness, at(0.75), false);
    let [from, to] = harness.state().state.options.heads_filter.ok_or("no filter")?;
    let share = |value: f32| (value - low) / (high - low);
    assert!((share(from) - 0.25).abs() < 0.05 && (share(to) - 0.75).abs() < 0.05, "{from} to {to}");
    let (after, _) = heads_scene(&harness)?;
    assert_eq!(after.bar.map(|bar| bar.rect), Some(bar.rect), "the bar stays where it is dragged");
    harness.get_by_label("Filter").click();
    harness.run_steps(3);
    harness.get_by_label("Show all heads").click();
    harness.run_steps(2);
    assert_eq!(harness.state().state.options.heads_filter, None);
    let options = Options { heads_filter: Some([from, to]), ..harness.state().state.options.clone() };
    harness.state_mut().state.apply(Command::SetOptions(Box::new(options)));
    let state = &mut harness.state_mut().state;
    let options = Options { z_score: Some(Over::Layers), ..state.options.clone() };
    state.apply(Command::SetOptions(Box::new(options)));
    assert_eq!(harness.state().state.options.heads_filter, None, "other values, another filter");
    Ok(())
}

#[test]
fn each_block_has_a_tab_and_means_are_selected() -> Result {
    let mut harness = window_on("encoder-decoder.safetensors")?;
    harness.get_by_label("cross").click();
    harness.run_steps(2);
    settle(&mut harness)?;
    assert_eq!(harness.state().state.selection.block, 2);
    let state = &mut harness.state_mut().state;
    state.apply(Command::Select { target: Target::HeadMean { head: 1 }, extend: false });
    assert_eq!((state.selection.layer, state.selection.head), (Pick::Mean, Pick::One(1)));
    state.apply(Command::Select { target: Target::AllHeads, extend: false });
    assert_eq!((state.selection.layer, state.selection.head), (Pick::Mean, Pick::Mean));
    settle(&mut harness)
}
