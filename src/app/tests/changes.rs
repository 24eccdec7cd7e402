//! Traces that are slow to read, or that change while they are shown.

use std::fs;

use glam::Vec2;

use super::*;
use crate::app::model::command::Command;
use crate::query::KnownStatistics;
use crate::view::statistics;

#[test]
fn the_status_line_tells_how_many_layers_are_known() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    assert!(harness.query_by_label("statistics 1 of 3 layers").is_none());
    let state = &mut harness.state_mut().state;
    let request = statistics(&state.inputs(Vec2::ZERO).ok_or("no trace")?).ok_or("no statistic")?;
    let known = state.results.get(&request).cloned().ok_or("no statistics")?;
    state.results.insert_part(request, KnownStatistics { layers: [1, 3], ..known });
    harness.step();
    harness.get_by_label("statistics 1 of 3 layers");
    Ok(())
}

#[test]
fn the_status_line_says_where_the_attention_goes() -> Result<()> {
    let mut harness = window_on("multi-image.safetensors")?;
    harness.get_by_label_contains("nats");
    let text = harness.get_by_role_and_label(Role::Image, "text").rect();
    // Nothing lies in the corner.
    harness.hover_at(text.max - egui::vec2(3.0, 3.0));
    harness.run_steps(3);
    harness.get_by_label_contains("nats");
    Ok(())
}

#[test]
fn a_trace_that_has_changed_is_named_and_can_be_read_anew() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trace.safetensors");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces/multi-image.safetensors");
    fs::copy(&source, &path)?;
    let mut harness = window(&Launch { path: Some(path.clone()), ..launch_on("") })?;
    let written = path.with_extension("new");
    fs::copy(&source, &written)?;
    fs::rename(written, &path)?;
    harness.state_mut().state.apply(Command::MoveHead { layers: 0, heads: 1 });
    settle(&mut harness)?;
    let why = format!("changed on disk since it was opened: {}", path.display());
    assert_eq!(harness.state().state.results.failures(), [why.as_str()]);
    let head = harness.state().state.selection.head;
    harness.step();
    harness.get_by_label("Read anew").click();
    harness.step();
    let until = Instant::now() + Duration::from_secs(20);
    while harness.state().state.is_outdated && Instant::now() < until {
        harness.step();
    }
    settle(&mut harness)?;
    let state = &harness.state().state;
    assert!(state.results.failures().is_empty());
    assert_eq!(state.selection.head, head, "the selection stays");
    assert!(harness.query_by_label("Read anew").is_none());
    Ok(())
}
