//! What can be taken out of the window, and brought back, by the names of menus and by keys.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use crate::analysis::{Direction, Pick};
use crate::app::launch::Launch;
use crate::app::model::choices::Export;
use crate::app::model::command::Command;
use crate::app::model::effect::Effect;
use crate::app::model::figure::FigureCommand;
use crate::app::model::panel::Panel;
use crate::app::shell::interface::Interface;
use crate::app::tests::{Result, launch_on, settle, window};
use crate::export::{Format, Play, ViewState};
use crate::view::{Theme, View};

type Window = Harness<'static, Interface>;

fn window_saving_to(folder: &Path) -> Result<Window> {
    window(&Launch { screenshot_dir: Some(folder.to_owned()), ..launch_on("multi-image.safetensors") })
}

/// Opens the export menu of the first panel that has one, and chooses.
fn export(window: &mut Window, entry: &str) -> Result<()> {
    window.get_all_by_label("Export").next().ok_or("no menu")?.click();
    window.run_steps(3);
    window.get_by_label(entry).click();
    window.run_steps(2);
    Ok(())
}

/// The first file of this kind in the folder, once it is there.
fn awaited(window: &mut Window, folder: &Path, extension: &str) -> Result<PathBuf> {
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        let mut files = folder.read_dir()?.filter_map(|entry| Some(entry.ok()?.path()));
        let found = files.find(|file| file.extension().is_some_and(|found| found == extension));
        if let Some(file) = found.filter(|file| file.metadata().is_ok_and(|data| data.len() > 0)) {
            // It may still be growing: it is complete once the window knows.
            std::thread::sleep(Duration::from_millis(300));
            window.step();
            return Ok(file);
        }
        std::thread::sleep(Duration::from_millis(10));
        window.step();
    }
    Err(format!("no .{extension} came").into())
}

/// The line with these words that the window says it copied.
fn copied(window: &mut Window, words: &str) -> Result<String> {
    for _ in 0..5 {
        window.step();
        let said = window.query_all_by_label_contains(words).next().map(|node| node.accesskit_node());
        if let Some(line) = said.and_then(|node| node.value().or_else(|| node.label())) {
            return Ok(line.trim_start_matches("Copied: ").to_owned());
        }
    }
    Err(format!("nothing was copied with {words}").into())
}

#[test]
fn a_picture_is_copied_to_the_clipboard() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut window = window_saving_to(folder.path())?;
    export(&mut window, "Copy picture")?;
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        let copied = window.output().platform_output.commands.iter().find_map(|command| match command {
            egui::OutputCommand::CopyImage(picture) => Some(picture.size),
            _ => None,
        });
        if let Some([width, height]) = copied {
            assert!(width > 200 && height > 200, "{width}×{height}");
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
        window.step();
    }
    Err("nothing was copied".into())
}

#[test]
fn pictures_and_numbers_are_saved_from_the_menu() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut window = window_saving_to(folder.path())?;
    for (entry, extension) in [
        ("Save picture as PNG", "png"),
        ("Save picture as SVG", "svg"),
        ("Save numbers as CSV", "csv"),
        ("Save numbers as NPY", "npy"),
        ("Save all tokens as a GIF", "gif"),
    ] {
        export(&mut window, entry)?;
        awaited(&mut window, folder.path(), extension)?;
    }
    let svg = awaited(&mut window, folder.path(), "svg")?;
    let svg = std::fs::read_to_string(svg)?;
    assert!(svg.contains("Text on image"), "the heads view has its title in a figure");
    Ok(())
}

#[test]
fn the_command_of_a_view_and_of_the_window_is_copied() -> Result<()> {
    let mut window = window(&launch_on("multi-image.safetensors"))?;
    window.get_all_by_label("Export").next().ok_or("no menu")?.click();
    window.run_steps(3);
    window.get_by_label("Copy command").click();
    let line = copied(&mut window, "--view heads")?;
    assert!(line.starts_with("vlscope render ") && line.contains("--view heads --block self --layer 2"), "{line}");
    assert!(!line.contains("--no-title"), "{line}");
    window.key_press(Key::C);
    let line = copied(&mut window, "--view window")?;
    assert!(line.contains("--size 1280x720"), "{line}");
    Ok(())
}

#[test]
fn a_saved_state_is_shown_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut first = window_saving_to(folder.path())?;
    first.get_by_label("attended by").click();
    first.step();
    for key in [Key::ArrowUp, Key::ArrowRight, Key::T] {
        first.key_press(key);
        first.step();
    }
    settle(&mut first)?;
    first.key_press_modifiers(Modifiers::COMMAND, Key::S);
    first.step();
    let file = awaited(&mut first, folder.path(), "json")?;
    let saved = ViewState::load(&file)?;
    assert_eq!(saved.selection.layer, Pick::One(1));

    let again = window(&Launch { path: None, state: Some(file.clone()), ..launch_on("") })?;
    let state = &again.state().state;
    assert_eq!((state.selection.direction, state.options.theme), (Direction::AttendedBy, Theme::Light));
    let (shown, options) = (state.view_state(None), saved.options.clone());
    assert_eq!((shown.selection, shown.options), (saved.selection.clone(), options));

    // A state of another trace brings that trace along.
    let mut other = window(&launch_on("encoder-decoder.safetensors"))?;
    let effect = other.state_mut().state.apply(Command::LoadState(file));
    other.state_mut().carry_out(effect.ok_or("nothing to do")?);
    let until = Instant::now() + Duration::from_secs(60);
    while other.state().state.selection != saved.selection && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
        other.step();
    }
    assert_eq!(other.state().state.selection, saved.selection);
    Ok(())
}

#[test]
fn what_plays_and_sizes_are_chosen_by_name_or_key() -> Result<()> {
    let mut window = window(&launch_on("multi-image.safetensors"))?;
    window.get_by_label("Play options").click();
    window.run_steps(3);
    // The button beside the menu still says 'Play tokens'.
    window.get_by_label("Play layers").click();
    window.step();
    assert_eq!(window.state().state.playing.play, Play::Layers);
    window.get_by_label("Begin again at the end").click();
    window.step();
    assert!(!window.state().state.playing.loops);
    window.key_press(Key::Escape);
    window.run_steps(2);

    window.get_by_label("Settings").click();
    window.run_steps(3);
    window.get_by_label("150 % letters").click();
    window.step();
    assert_eq!(window.state().state.options.font_scale, 1.5);
    window.key_press_modifiers(Modifiers::COMMAND, Key::Plus);
    window.run_steps(3);
    assert_eq!((window.state().state.ui_scale.0, window.ctx.zoom_factor()), (1.25, 1.25));
    window.key_press_modifiers(Modifiers::COMMAND, Key::Num0);
    window.run_steps(2);
    assert_eq!(window.ctx.zoom_factor(), 1.0);
    Ok(())
}

#[test]
fn a_figure_has_a_caption_if_one_is_wanted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut window = window_saving_to(folder.path())?;
    window.get_all_by_label("Export").next().ok_or("no menu")?.click();
    window.run_steps(3);
    window.get_by_label("Caption beneath").click();
    window.run_steps(2);
    assert!(window.state().state.exports.caption);
    window.get_by_label("Save picture as SVG").click();
    window.run_steps(2);
    let svg = std::fs::read_to_string(awaited(&mut window, folder.path(), "svg")?)?;
    assert!(svg.contains("synthetic/multi-image · block self · Text on image (share)"), "{}", View::Heads);
    Ok(())
}

#[test]
fn a_comparison_is_saved_and_an_empty_panel_says_so() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut window = window_saving_to(folder.path())?;
    window.state_mut().apply(Command::ExportPanel(Panel::Atlas, Export::File(Format::Svg)));
    window.run_steps(2);
    window.get_by_label("Head atlas shows nothing yet");
    window.state_mut().apply(Command::CompareWith(None));
    window.run_steps(3);
    settle(&mut window)?;
    window.state_mut().apply(Command::ExportPanel(Panel::Compare, Export::File(Format::Svg)));
    let svg = std::fs::read_to_string(awaited(&mut window, folder.path(), "svg")?)?;
    assert!(svg.contains("A − B"), "{svg}");
    Ok(())
}

#[test]
fn a_figure_is_put_together_and_saved() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut window = window_saving_to(folder.path())?;
    export(&mut window, "Add to figure")?;
    window.state_mut().apply(Command::Figure(FigureCommand::Add(View::Image)));
    window.run_steps(3);
    let views = |window: &Window| {
        window.state().state.figure.panels.iter().filter_map(|draft| draft.panel.state.view).collect::<Vec<_>>()
    };
    assert_eq!(views(&window), [View::Heads, View::Image]);
    window.get_by_label("Down panel a").click();
    window.run_steps(3);
    assert_eq!(views(&window), [View::Image, View::Heads]);
    window.get_by_label("Common scale").click();
    window.run_steps(3);
    window.get_by_label("Copy figure command").click();
    let line = copied(&mut window, "Copied: vlscope figure")?;
    assert!(line.contains("--panel 'image --block self") && line.contains("--common-scale -o figure.pdf"), "{line}");
    window.get_by_label("Save figure as PDF").click();
    let pdf = awaited(&mut window, folder.path(), "pdf")?;
    assert_eq!(pdf.file_name().and_then(|name| name.to_str()), Some("multi-image_figure.pdf"));
    assert!(std::fs::read(pdf)?.starts_with(b"%PDF"));
    window.get_by_label("Remove panel b").click();
    window.run_steps(3);
    assert_eq!(views(&window), [View::Image]);
    window.key_press(Key::Escape);
    window.run_steps(2);
    assert!(!window.state().state.figure.is_shown);
    Ok(())
}

#[test]
fn a_saved_file_says_what_it_shows_and_its_folder_is_opened() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut window = window_saving_to(folder.path())?;
    export(&mut window, "Save picture as PDF")?;
    let pdf = awaited(&mut window, folder.path(), "pdf")?;
    assert_eq!(pdf.file_name().and_then(|name| name.to_str()), Some("synthetic-multi-image_heads.pdf"));
    // Of a window that is dark.
    assert_eq!(window.state().state.options.theme, Theme::Dark);
    window.run_steps(2);
    window.get_by_label("Open folder");
    let effect = window.state_mut().state.apply(Command::OpenFolder(folder.path().to_owned()));
    assert_eq!(effect, Some(Effect::OpenFolder(folder.path().to_owned())));
    Ok(())
}
