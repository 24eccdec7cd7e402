//! The window with every panel, in both themes, is what it was when somebody last looked at it: pictures in tests/golden/window, which
//! `make bless` draws anew.

use std::path::Path;
use std::sync::Arc;

use super::{Result, launch_on};
use crate::app::model::command::Command;
use crate::app::model::pins::PinCommand;
use crate::app::{DatasetCommand, picture_of_window};
use crate::gpu::{AdapterChoice, Gpu};
use crate::view::{Theme, View};

#[path = "../../../tests/render/likeness.rs"]
mod likeness;

/// Of the status line, which names the adapter.
const STATUS_PIXELS: u32 = 28;

/// Views that stand in different places of the layout, so that they are seen at once.
const FRONTS: [&[View]; 5] = [
    &[View::Heads, View::Image, View::Text, View::Matrix, View::Embedding],
    &[View::Thumbnails, View::Overlays, View::Timeline, View::Similarity, View::Joint],
    &[View::Links, View::Lens],
    &[View::Lattice],
    &[View::Pins],
];

fn assert_golden(name: &str, mut actual: image::RgbaImage) -> Result<()> {
    let (width, height) = actual.dimensions();
    actual = image::imageops::crop_imm(&actual, 0, 0, width, height - STATUS_PIXELS).to_image();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/window/{name}.png"));
    if std::env::var_os("VLSCOPE_BLESS").is_some() {
        return Ok(actual.save(&golden)?);
    }
    let expected = image::open(&golden)?.into_rgba8();
    if let Some(difference) = likeness::difference(&actual, &expected) {
        let failures = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/golden-failures");
        std::fs::create_dir_all(&failures)?;
        actual.save(failures.join(format!("window-{name}.png")))?;
        return Err(format!("{name}: {difference}; see target/golden-failures/window-{name}.png").into());
    }
    Ok(())
}

#[test]
fn every_panel_looks_as_it_did_in_both_themes() -> Result<()> {
    let shown = FRONTS.concat();
    assert!(View::all().iter().all(|view| shown.contains(view)), "each view is in one of the pictures");
    let gpu = Arc::new(Gpu::open(&AdapterChoice::Auto)?);
    let launch = launch_on("queries-keys.safetensors");
    let trace = launch.path.clone().ok_or("a path")?;
    for theme in [Theme::Dark, Theme::Light] {
        for (number, views) in FRONTS.iter().enumerate() {
            let mut commands: Vec<Command> = views.iter().map(|view| Command::FocusView(*view)).collect();
            if views.contains(&View::Lattice) {
                commands.push(Command::Dataset(DatasetCommand::FocusAtlas));
            }
            if theme == Theme::Light {
                commands.push(Command::ToggleTheme);
            }
            if views.contains(&View::Pins) {
                commands.push(Command::Pin(PinCommand::Selection));
            }
            let picture = picture_of_window(&gpu, &launch, &trace, commands, [1280.0, 720.0], 1.0)?;
            assert_golden(&format!("{number}-{}", theme.name()), picture)?;
        }
    }
    Ok(())
}
