//! What the window remembers from one run to the next: the layout, the theme, the last trace. A JSON file in the
//! user's configuration folder; one that is missing or unreadable means the defaults.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::panels::Layout;
use crate::trace::NewFile;

/// Remembered between runs.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Settings {
    /// What was open last: a trace or a folder.
    pub last: Option<PathBuf>,
    /// Whether the light theme was chosen.
    pub light: bool,
    /// Which panel stands where.
    pub layout: Option<Layout>,
    /// Size of the window's controls and views, if not 1.
    pub ui_scale: Option<f32>,
    /// Of the letters in the views, if not 1.
    pub font_scale: Option<f32>,
}

/// Where the settings lie; `VLSCOPE_CONFIG_DIR` overrides the system's choice.
pub fn path() -> Option<PathBuf> {
    let folder = std::env::var_os("VLSCOPE_CONFIG_DIR")
        .map(PathBuf::from)
        .or_else(|| directories::ProjectDirs::from("", "", "vlscope").map(|folders| folders.config_dir().to_owned()))?;
    Some(folder.join("window.json"))
}

impl Settings {
    /// Reads the file.
    pub fn load(path: &Path) -> Self {
        std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Writes the file, and the folder where it lies.
    ///
    /// # Errors
    /// If the folder cannot be made or the file not be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = NewFile::beside(path)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.finish()
    }
}
