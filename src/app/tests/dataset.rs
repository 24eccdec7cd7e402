//! The browser and the head atlas in the window, by their names.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use egui::{Key, Modifiers, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

use crate::app::launch::Launch;
use crate::app::model::browsing::{AtlasChoice, Changes, DatasetCommand};
use crate::app::model::command::Command;
use crate::app::shell::interface::Interface;
use crate::app::tests::{Result, launch_on, settle, window, window_on};
use crate::dataset::index::{Build, BuildOptions};
use crate::query::AtlasValue;

/// The demo in a folder of its own, with an index or without.
fn demo(is_indexed: bool) -> Result<(tempfile::TempDir, Launch)> {
    let folder = tempfile::tempdir()?;
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo"))? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "safetensors") {
            fs::copy(entry.path(), folder.path().join(entry.file_name()))?;
        }
    }
    if is_indexed {
        Build::plan(folder.path(), BuildOptions::default())?.run(&|_| true)?;
    }
    let launch = Launch { path: Some(folder.path().to_owned()), ..launch_on("") };
    Ok((folder, launch))
}

fn typed(harness: &mut Harness<'static, Interface>, text: &str) -> Result<()> {
    harness.event(egui::Event::Text(text.to_owned()));
    harness.run_steps(2);
    settle(harness)
}

fn rows(harness: &Harness<'static, Interface>) -> Vec<u32> {
    harness.state().state.browsing.listing.rows.to_vec()
}

#[test]
fn the_first_example_that_is_sound_is_shown() -> Result<()> {
    let (folder, launch) = demo(false)?;
    fs::write(folder.path().join("0-broken.safetensors"), b"")?;
    Build::plan(folder.path(), BuildOptions::default())?.run(&|_| true)?;
    let harness = window(&launch)?;
    let state = &harness.state().state;
    assert_eq!((state.example, state.failure.as_deref()), (1, None));
    assert!(state.trace.is_some());
    Ok(())
}

#[test]
fn a_filter_is_typed_counted_and_corrected() -> Result<()> {
    let (_folder, launch) = demo(true)?;
    let mut harness = window(&launch)?;
    harness.get_by_label("32 of 32");
    harness.key_press_modifiers(Modifiers::COMMAND, Key::F);
    harness.run_steps(3);
    typed(&mut harness, "is:wrong")?;
    let count = rows(&harness).len();
    assert!(count > 0 && count < 32, "{count}");
    harness.get_by_label(&format!("{count} of 32"));
    typed(&mut harness, " colour=red")?;
    assert_eq!(rows(&harness).len(), count, "what is not understood changes nothing");
    let error = harness.state().state.browsing.error.clone().ok_or("it was understood")?;
    harness.get_by_label(&error.to_string());
    Ok(())
}

#[test]
fn a_click_on_a_title_sorts_and_one_on_a_row_opens() -> Result<()> {
    let (_folder, launch) = demo(true)?;
    let mut harness = window(&launch)?;
    harness.get_by_label("Sort by text").click();
    harness.run_steps(2);
    settle(&mut harness)?;
    let text = |harness: &Harness<'static, Interface>, row: u32| {
        let dataset = harness.state().state.browsing.dataset.clone();
        dataset.map(|dataset| dataset.table.value("text", row as usize).text().into_owned()).unwrap_or_default()
    };
    let texts: Vec<String> = rows(&harness).into_iter().map(|row| text(&harness, row)).collect();
    assert!(texts.is_sorted(), "{texts:?}");
    harness.get_by_label("Sort by text").click();
    harness.run_steps(2);
    settle(&mut harness)?;
    let sorted = rows(&harness);
    assert!(sorted.iter().map(|&row| text(&harness, row)).is_sorted_by(|a, b| a >= b));

    let wanted = sorted[1];
    let name = text(&harness, wanted);
    let listed: Vec<_> = harness.get_all_by_role(Role::Row).collect();
    assert!(listed.len() < 40 && listed.len() > 3, "rows on screen alone: {}", listed.len());
    listed.get(1).ok_or("no row")?.click_accesskit();
    drop(listed);
    harness.run_steps(2);
    settle(&mut harness)?;
    assert_eq!(text(&harness, harness.state().state.example as u32), name);
    let before = harness.state().state.browsing.place(harness.state().state.example).ok_or("not listed")?;
    harness.key_press(Key::CloseCurlyBracket);
    harness.run_steps(2);
    settle(&mut harness)?;
    assert_eq!(harness.state().state.browsing.place(harness.state().state.example), Some(before + 1));
    let shown = harness.state().state.trace.as_ref().map(|trace| trace.trace.path().to_owned());
    assert_eq!(shown.as_ref(), harness.state().state.examples.get(harness.state().state.example));
    Ok(())
}

#[test]
fn the_example_chosen_last_is_shown() -> Result<()> {
    let (_folder, launch) = demo(true)?;
    let mut harness = window(&launch)?;
    // The first is in memory, and is shown before the other one's answer comes.
    harness.state_mut().apply(Command::ShowExample(20));
    harness.state_mut().apply(Command::ShowExample(0));
    for _ in 0..60 {
        settle(&mut harness)?;
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let state = &harness.state().state;
    let shown = state.trace.as_ref().ok_or("nothing is shown")?.trace.path();
    assert_eq!(Some(shown), state.examples.first().map(std::path::PathBuf::as_path));
    Ok(())
}

#[test]
fn a_statistic_of_a_head_becomes_a_column() -> Result<()> {
    let (_folder, launch) = demo(true)?;
    let mut harness = window(&launch)?;
    harness.state_mut().apply(Command::Dataset(DatasetCommand::ToggleColumn("entropy[3.2]".to_owned())));
    harness.state_mut().apply(Command::Dataset(DatasetCommand::SortBy("entropy[3.2]".to_owned())));
    settle(&mut harness)?;
    let listing = &harness.state().state.browsing.listing;
    let (name, values) = listing.heads.first().ok_or("no column")?;
    assert_eq!(name, "entropy[3.2]");
    assert!(listing.rows.iter().map(|&row| values[row as usize]).is_sorted());
    harness.get_by_label("Sort by entropy[3.2]");
    Ok(())
}

#[test]
fn a_folder_is_indexed_from_the_window() -> Result<()> {
    let (folder, launch) = demo(false)?;
    let mut harness = window(&launch)?;
    harness.get_by_label("32 of 32");
    assert!(harness.state().state.browsing.dataset.as_ref().is_some_and(|dataset| dataset.heads().is_none()));
    harness.get_by_label("Index this folder").click();
    harness.run_steps(2);
    settle(&mut harness)?;
    assert!(folder.path().join(".vlscope").is_dir());
    assert!(harness.state().state.browsing.dataset.as_ref().is_some_and(|dataset| dataset.heads().is_some()));
    assert!(harness.query_by_label("Index this folder").is_none());
    Ok(())
}

#[test]
fn indexing_is_stopped_and_goes_on_later() -> Result<()> {
    let (folder, launch) = demo(false)?;
    let mut harness = window(&launch)?;
    // The flag is there before the first trace is read.
    for command in [DatasetCommand::Index, DatasetCommand::CancelIndexing] {
        harness.state_mut().apply(Command::Dataset(command));
    }
    settle(&mut harness)?;
    harness.get_by_label_contains("Indexing was stopped");
    assert!(harness.state().state.browsing.dataset.as_ref().is_some_and(|dataset| dataset.index().is_none()));
    let parts = fs::read_dir(folder.path().join(".vlscope")).map_or(0, |entries| {
        entries
            .filter_map(std::result::Result::ok)
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("part-"))
            .count()
    });
    assert_eq!(parts, 0, "nothing half made stays");
    harness.state_mut().apply(Command::Dataset(DatasetCommand::Index));
    settle(&mut harness)?;
    assert!(harness.state().state.browsing.dataset.as_ref().is_some_and(|dataset| dataset.index().is_some()));
    Ok(())
}

#[test]
fn the_examples_beside_the_one_on_screen_are_opened_beforehand() -> Result<()> {
    let (_folder, launch) = demo(true)?;
    let mut harness = window(&launch)?;
    harness.state_mut().apply(Command::ShowExample(9));
    settle(&mut harness)?;
    let beside: Vec<_> = [8, 10].map(|example| harness.state().state.examples[example].clone()).into();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !beside.iter().all(|path| harness.state().desk.preloaded(path).is_some()) {
        assert!(std::time::Instant::now() < until, "they were not opened");
        std::thread::sleep(std::time::Duration::from_millis(5));
        harness.step();
    }
    // The next one is on screen at once, without a worker.
    harness.state_mut().apply(Command::ShowExample(10));
    let state = &harness.state().state;
    assert_eq!(state.trace.as_ref().map(|trace| trace.trace.path()), Some(state.examples[10].as_path()));
    Ok(())
}

#[test]
fn files_that_changed_are_marked_and_new_ones_counted() -> Result<()> {
    let (folder, launch) = demo(true)?;
    let mut paths: Vec<_> = fs::read_dir(folder.path())?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.retain(|path| path.is_file());
    paths.sort();
    let mut bytes = fs::read(&paths[4])?;
    bytes.push(0);
    fs::write(&paths[4], bytes)?;
    fs::copy(&paths[7], folder.path().join("zz-new.safetensors"))?;
    let mut harness = window(&launch)?;
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while *harness.state().state.browsing.changes == Changes::default() && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(5));
        harness.step();
    }
    let expected = Changes { rows: [4].into(), new: 1 };
    assert_eq!(*harness.state().state.browsing.changes, expected);
    harness.get_by_label("1 new, 1 changed");
    harness.get_by_label("Index again").click();
    harness.run_steps(2);
    settle(&mut harness)?;
    harness.get_by_label("33 of 33");
    Ok(())
}

#[test]
fn the_atlas_compares_groups_and_lists_extremes() -> Result<()> {
    let (_folder, launch) = demo(true)?;
    let mut harness = window(&launch)?;
    harness.get_by_label("Head atlas").click();
    harness.run_steps(3);
    settle(&mut harness)?;
    let atlas = harness.state().state.browsing.atlas.shown.clone().ok_or("no atlas")?;
    assert_eq!((atlas.a.len(), atlas.difference.is_none()), (32, true));
    harness.get_by_label("Groups").click();
    harness.run_steps(3);
    harness.get_by_label("right − wrong").click();
    harness.run_steps(3);
    settle(&mut harness)?;
    let panel = &harness.state().state.browsing.atlas;
    assert_eq!(panel.choice.value, AtlasValue::Difference);
    let atlas = panel.shown.clone().ok_or("no atlas")?;
    assert_eq!(atlas.a.len() + atlas.b.len(), 32);
    assert!(atlas.difference.as_ref().is_some_and(|found| found.permutations > 0 && found.p[0] > 0.0));

    // The filter of the browser bounds both groups.
    harness.state_mut().apply(Command::Dataset(DatasetCommand::SetFilter("circle".to_owned())));
    settle(&mut harness)?;
    let bounded = harness.state().state.browsing.atlas.shown.clone().ok_or("no atlas")?;
    assert_eq!(bounded.a.len() + bounded.b.len(), rows(&harness).len());

    // And so does a lasso.
    harness.state_mut().apply(Command::Dataset(DatasetCommand::SetFilter(String::new())));
    harness.state_mut().apply(Command::Dataset(DatasetCommand::Pick(Some(Arc::new(vec![2, 3, 5, 7])))));
    settle(&mut harness)?;
    let lassoed = harness.state().state.browsing.atlas.shown.clone().ok_or("no atlas")?;
    assert_eq!([lassoed.a.as_slice(), &lassoed.b].concat().len(), 4);
    assert!(lassoed.groups().contains("is:right in the lasso"), "{}", lassoed.groups());

    let picture = harness.get_by_role_and_label(Role::Image, "head atlas").rect();
    harness.hover_at(picture.center());
    harness.step();
    for pressed in [true, false] {
        let button = egui::PointerButton::Primary;
        let modifiers = Modifiers::NONE;
        harness.event(egui::Event::PointerButton { pos: picture.center(), button, pressed, modifiers });
        harness.step();
    }
    harness.run_steps(2);
    let panel = &harness.state().state.browsing.atlas;
    let (layer, head) = panel.cell.ok_or("no cell was chosen")?;
    harness.get_by_label(&format!("layer {layer} · head {head}"));
    let [highest, lowest] = panel.extremes.clone();
    assert!(highest[0].1 >= lowest[0].1 && !lowest.is_empty());
    harness.state_mut().apply(Command::ShowExample(highest[0].0 as usize));
    settle(&mut harness)?;
    assert_eq!(harness.state().state.example, highest[0].0 as usize);
    Ok(())
}

#[test]
fn an_atlas_that_cannot_be_says_why() -> Result<()> {
    let (_folder, launch) = demo(true)?;
    let mut harness = window(&launch)?;
    harness.get_by_label("Head atlas").click();
    harness.run_steps(3);
    let choice = AtlasChoice { b: Some("nothing=1".to_owned()), ..AtlasChoice::default() };
    harness.state_mut().apply(Command::Dataset(DatasetCommand::SetAtlas(Box::new(choice))));
    settle(&mut harness)?;
    let error = harness.state().state.browsing.atlas.error.clone().ok_or("no error")?;
    assert!(error.starts_with("group B: no column is called `nothing`"), "{error}");
    Ok(())
}

#[test]
fn chips_filter_and_say_how_many_there_are() -> Result<()> {
    let (_folder, launch) = demo(true)?;
    let mut harness = window(&launch)?;
    let facets = harness.state().state.browsing.facets.clone();
    let right = &facets.first().ok_or("no chips")?.chips[0];
    let label = format!("right {}", right.count);
    harness.get_by_label(&label).click();
    harness.run_steps(2);
    settle(&mut harness)?;
    assert_eq!(harness.state().state.browsing.query, "is:right");
    assert_eq!(harness.state().state.browsing.listing.rows.len(), right.count);
    let facet = facets.get(1).ok_or("no attribute with few values")?;
    harness.get_by_label(&facet.name).click();
    harness.run_steps(3);
    let chip = &facet.chips[1];
    harness.get_by_label(&format!("{} {}", chip.label, chip.count)).click();
    harness.run_steps(3);
    settle(&mut harness)?;
    assert_eq!(harness.state().state.browsing.query, format!("is:right {}", chip.term));
    // The head atlas says within which filter it counts, and ends it.
    harness.state_mut().apply(Command::Dataset(DatasetCommand::FocusAtlas));
    harness.run_steps(3);
    settle(&mut harness)?;
    harness.get_by_label(&format!("within is:right {} ×", chip.term)).click();
    harness.run_steps(3);
    settle(&mut harness)?;
    assert_eq!(harness.state().state.browsing.query, "");
    Ok(())
}

/// A file that cannot be read is told of; the list of examples and the trace stay as they were.
#[test]
fn a_broken_file_leaves_all_as_it_was() -> Result<()> {
    let mut harness = window_on("../../assets/demo")?;
    let shown = |harness: &Harness<'static, Interface>| {
        let state = &harness.state().state;
        (state.examples.len(), state.trace.as_ref().map(|trace| trace.trace.path().to_owned()), state.failure.clone())
    };
    let before = shown(&harness);
    let broken = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces/broken-box.safetensors");
    harness.state_mut().apply(Command::Open(broken));
    for _ in 0..40 {
        settle(&mut harness)?;
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(shown(&harness), before);
    assert!(harness.query_by_label_contains("broken-box.safetensors").is_some(), "nobody says why");
    Ok(())
}
