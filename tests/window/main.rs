//! The real window under Xvfb, driven as a person would: open, click a head, move by keys, save a screenshot, close.

mod first_steps;
mod gestures;
mod session;

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use session::{Result, Session};

/// How many different colours a picture has.
fn colours(path: &Path) -> Result<usize> {
    let pixels = image::open(path)?.to_rgb8();
    Ok(pixels.pixels().collect::<std::collections::HashSet<_>>().len())
}

#[test]
fn open_click_screenshot_close() -> Result<()> {
    let trace = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo");
    let mut session = Session::start(&trace, "1")?;
    let id = session.window_id()?;
    session.xdotool(&["windowsize", "--sync", &id, "1280", "720"])?;
    session.xdotool(&["windowmove", &id, "0", "0"])?;
    session.xdotool(&["windowfocus", &id])?;
    sleep(Duration::from_secs(3));

    let first = session.screenshot()?;
    assert!(colours(&first)? > 200, "{} is blank", first.display());
    assert_eq!(image::image_dimensions(&first)?, (1280, 720));

    // What the pointer changes by being there is not what the click does: a state is saved before and after.
    session.xdotool(&["mousemove", "120", "520"])?;
    sleep(Duration::from_secs(1));
    let hovered = session.selection()?;
    session.xdotool(&["click", "1"])?;
    sleep(Duration::from_secs(1));
    let clicked = session.selection()?;
    assert_ne!(hovered, clicked, "the click selected nothing");
    session.xdotool(&["key", "Up"])?;
    sleep(Duration::from_secs(1));
    assert_ne!(clicked, session.selection()?, "the key moved nothing");
    let second = session.screenshot()?;
    assert_ne!(image::open(&first)?.to_rgb8(), image::open(&second)?.to_rgb8(), "the picture is the one of before");

    session.xdotool(&["windowsize", "--sync", &id, "900", "600"])?;
    sleep(Duration::from_secs(2));
    let smaller = session.screenshot()?;
    assert_eq!(image::image_dimensions(&smaller)?, (900, 600), "the surface follows the window");

    // What a window manager does when it minimises a window, and when it shows it again.
    session.xdotool(&["windowunmap", "--sync", &id])?;
    session.xdotool(&["windowmap", "--sync", &id])?;
    session.xdotool(&["windowfocus", &id])?;
    sleep(Duration::from_secs(1));
    let restored = session.screenshot()?;
    assert_eq!(image::image_dimensions(&restored)?, (900, 600));
    assert!(colours(&restored)? > 200, "{} is blank: it did not come back", restored.display());

    // While it plays, each frame differs; a screenshot must come all the same.
    session.xdotool(&["key", "space"])?;
    sleep(Duration::from_secs(1));
    let third = session.screenshot()?;
    assert!(colours(&third)? > 200);
    session.close()
}

#[test]
fn a_screen_with_twice_the_pixels() -> Result<()> {
    let trace = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo");
    let mut session = Session::start(&trace, "2")?;
    let id = session.window_id()?;
    session.xdotool(&["windowsize", "--sync", &id, "1280", "720"])?;
    session.xdotool(&["windowfocus", &id])?;
    sleep(Duration::from_secs(3));
    let picture = session.screenshot()?;
    assert!(colours(&picture)? > 200, "{} is blank", picture.display());
    assert_eq!(image::image_dimensions(&picture)?, (1280, 720));
    session.close()
}
