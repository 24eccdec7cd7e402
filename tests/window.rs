//! The real window under Xvfb, driven as a person would: open, click a head, move by keys, save a screenshot, close.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(60);

/// One session at a time: X servers that begin at the same moment may take each other's display.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A display of its own, and the window on it; both end with the test.
struct Session {
    display: String,
    server: Child,
    window: Child,
    folder: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Session {
    /// `scale` is pixels per logical pixel, as the system would say it.
    fn start(path: &Path, scale: &str) -> Result<Self> {
        Self::launched(Some(path), scale)
    }

    /// Without a path: as somebody starts the program for the first time.
    fn launched(path: Option<&Path>, scale: &str) -> Result<Self> {
        // A session that failed left nothing behind.
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1280x720x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start Xvfb ({error}): `make test` installs it"))?;
        let mut number = String::new();
        BufReader::new(server.stdout.take().ok_or("no output")?).read_line(&mut number)?;
        let display = format!(":{}", number.trim());
        let folder = tempfile::tempdir()?;
        let window = Command::new(env!("CARGO_BIN_EXE_vlscope"))
            .args(path)
            .arg("--screenshot-dir")
            .arg(folder.path().join("pictures"))
            .env("DISPLAY", &display)
            .env("VLSCOPE_CONFIG_DIR", folder.path())
            .env("WINIT_X11_SCALE_FACTOR", scale)
            .env_remove("WAYLAND_DISPLAY")
            .spawn()?;
        Ok(Self { display, server, window, folder, _turn: turn })
    }

    fn xdotool(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new("xdotool").args(arguments).env("DISPLAY", &self.display).output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    fn wait_for<T>(&mut self, what: &str, mut found: impl FnMut(&Self) -> Result<Option<T>>) -> Result<T> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(found) = found(self)? {
                return Ok(found);
            }
            if let Some(status) = self.window.try_wait()? {
                return Err(format!("the window closed ({status}) before {what}").into());
            }
            sleep(Duration::from_millis(100));
        }
        Err(format!("waited in vain for {what}").into())
    }

    /// The window, once it shows a trace of the demo.
    fn window_id(&mut self) -> Result<String> {
        self.wait_for("the window's title", |session| {
            let found = session.xdotool(&["search", "--name", "easy-vqa.*vlscope"])?;
            Ok(found.lines().next().map(str::to_owned))
        })
    }

    /// Presses F12 until there is a screenshot more than before; the newest one.
    fn screenshot(&mut self) -> Result<PathBuf> {
        let before = self.screenshots()?.len();
        self.xdotool(&["key", "F12"])?;
        self.wait_for("a screenshot", |session| {
            let mut found = session.screenshots()?;
            found.sort();
            Ok(found.pop().filter(|path| found.len() >= before && image::open(path).is_ok()))
        })
    }

    fn screenshots(&self) -> Result<Vec<PathBuf>> {
        self.saved("png")
    }

    /// Saves a view state; the selection in it.
    fn selection(&mut self) -> Result<serde_json::Value> {
        Ok(self.state()?["selection"].clone())
    }

    /// Saves a view state.
    fn state(&mut self) -> Result<serde_json::Value> {
        let before = self.saved("json")?;
        self.xdotool(&["key", "ctrl+s"])?;
        self.wait_for("a view state", |session| {
            let new = session.saved("json")?.into_iter().find(|path| !before.contains(path));
            let state = new.and_then(|path| std::fs::read(path).ok());
            let state = state.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
            Ok(state)
        })
    }

    fn saved(&self, extension: &str) -> Result<Vec<PathBuf>> {
        let Ok(entries) = self.folder.path().join("pictures").read_dir() else { return Ok(Vec::new()) };
        let paths: Vec<_> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<_>>()?;
        Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|found| found == extension)).collect())
    }

    fn close(mut self) -> Result<()> {
        self.xdotool(&["key", "ctrl+q"])?;
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.window.try_wait()? {
                assert!(status.success(), "the window closed with {status}");
                assert!(self.folder.path().join("window.json").is_file(), "the layout was not remembered");
                return Ok(());
            }
            sleep(Duration::from_millis(100));
        }
        Err("the window did not close".into())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.window.kill();
        let _ = self.window.wait();
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

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

/// Who starts the program for the first time is told what it shows, once. The wheel zooms the picture; a double click on its tab shows
/// it alone.
#[test]
fn first_steps_zoom_and_a_panel_alone() -> Result<()> {
    let mut session = Session::launched(None, "1")?;
    let id = session.wait_for("the demo", |session| {
        let found = session.xdotool(&["search", "--name", "scenes.*vlscope"])?;
        Ok(found.lines().next().map(str::to_owned))
    })?;
    session.xdotool(&["windowsize", "--sync", &id, "1280", "720"])?;
    session.xdotool(&["windowmove", &id, "0", "0"])?;
    session.xdotool(&["windowfocus", &id])?;
    sleep(Duration::from_secs(3));
    let welcomed = session.screenshot()?;
    session.xdotool(&["key", "Escape"])?;
    let settings = session.folder.path().join("window.json");
    session.wait_for("the card to be closed for good", |_| {
        let written = std::fs::read(&settings).ok();
        let written = written.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
        Ok(written.filter(|settings| settings["is_welcomed"] == true))
    })?;
    sleep(Duration::from_secs(1));
    let shown = session.screenshot()?;
    assert_ne!(image::open(&welcomed)?.to_rgb8(), image::open(&shown)?.to_rgb8(), "nothing was closed");

    assert!(session.state()?["options"]["image_window"].is_null());
    session.xdotool(&["mousemove", "600", "260"])?;
    sleep(Duration::from_secs(1));
    for _ in 0..4 {
        session.xdotool(&["click", "4"])?;
    }
    sleep(Duration::from_secs(2));
    let window = session.state()?["options"]["image_window"].clone();
    let width = window["max"][0].as_f64().zip(window["min"][0].as_f64()).map(|(max, min)| max - min);
    assert!(width.is_some_and(|width| width < 0.8), "the wheel does not zoom the picture: {window}");

    session.xdotool(&["key", "m"])?;
    sleep(Duration::from_secs(2));
    assert_eq!(session.state()?["front"], serde_json::json!(["image"]), "the panel under the pointer is not alone");
    session.close()
}
