//! A display of its own, and the window on it.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(60);

/// One session at a time: X servers that begin at the same moment may take each other's display.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A display of its own, and the window on it; both end with the test.
pub struct Session {
    display: String,
    server: Child,
    window: Child,
    pub folder: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Session {
    /// `scale` is pixels per logical pixel, as the system would say it.
    pub fn start(path: &Path, scale: &str) -> Result<Self> {
        Self::launched(Some(path), scale)
    }

    /// Without a path: as somebody starts the program for the first time.
    pub fn launched(path: Option<&Path>, scale: &str) -> Result<Self> {
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

    pub fn xdotool(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new("xdotool").args(arguments).env("DISPLAY", &self.display).output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    pub fn wait_for<T>(&mut self, what: &str, mut found: impl FnMut(&Self) -> Result<Option<T>>) -> Result<T> {
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

    /// The window, once it shows a trace.
    pub fn window_id(&mut self) -> Result<String> {
        self.wait_for("the window's title", |session| {
            let found = session.xdotool(&["search", "--name", ". vlscope"])?;
            Ok(found.lines().next().map(str::to_owned))
        })
    }

    /// As large as the display, with the keyboard's focus.
    pub fn fill_the_display(&mut self) -> Result<()> {
        let id = self.window_id()?;
        self.xdotool(&["windowsize", "--sync", &id, "1280", "720"])?;
        self.xdotool(&["windowmove", &id, "0", "0"])?;
        self.xdotool(&["windowfocus", &id])?;
        sleep(Duration::from_secs(3));
        Ok(())
    }

    /// Presses F12 until there is a screenshot more than before; the newest one.
    pub fn screenshot(&mut self) -> Result<PathBuf> {
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
    pub fn selection(&mut self) -> Result<serde_json::Value> {
        Ok(self.state()?["selection"].clone())
    }

    /// Saves a view state.
    pub fn state(&mut self) -> Result<serde_json::Value> {
        let before = self.saved("json")?;
        self.xdotool(&["key", "ctrl+s"])?;
        self.wait_for("a view state", |session| {
            let new = session.saved("json")?.into_iter().find(|path| !before.contains(path));
            let state = new.and_then(|path| std::fs::read(path).ok());
            let state = state.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
            Ok(state)
        })
    }

    pub fn saved(&self, extension: &str) -> Result<Vec<PathBuf>> {
        let Ok(entries) = self.folder.path().join("pictures").read_dir() else { return Ok(Vec::new()) };
        let paths: Vec<_> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<_>>()?;
        Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|found| found == extension)).collect())
    }

    pub fn close(mut self) -> Result<()> {
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
