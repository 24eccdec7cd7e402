//! What the window remembers from one run to the next: the layout, the theme, the last trace. A JSON file in the
//! user's configuration folder; what is missing in it, or cannot be used, has its default.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::app::model::choices::UI_SCALES;
use crate::app::panels::{self, Layout};
use crate::dataset::notes::config_folder;
use crate::trace::NewFile;

/// Remembered between runs.
#[derive(Debug, Default, Serialize)]
pub struct Settings {
    /// What was open last: a trace or a folder.
    pub last: Option<PathBuf>,
    /// Whether the light theme was chosen.
    pub light: bool,
    /// Whether a token under the pointer is shown as if it were selected.
    pub previews_tokens: bool,
    /// Which panel stands where.
    pub layout: Option<Layout>,
    /// Arrangements that the user has kept, by their names.
    pub layouts: BTreeMap<String, Layout>,
    /// What was open before, the newest first.
    pub recent: Vec<PathBuf>,
    /// Whether the newcomer's card was closed.
    pub is_welcomed: bool,
    /// Size of the window's controls and views, if not 1.
    pub ui_scale: Option<f32>,
    /// Of the letters in the views, if not 1.
    pub font_scale: Option<f32>,
}

/// Where the settings lie; `VLSCOPE_CONFIG_DIR` overrides the system's choice.
pub fn path() -> Option<PathBuf> {
    config_folder().map(|folder| folder.join("window.json"))
}

impl Settings {
    /// Reads the file. One that holds what cannot be used is kept beside itself, as `window.json.old`, before the window
    /// writes another in its place.
    pub fn load(path: &Path) -> Self {
        let Ok(bytes) = fs::read(path) else { return Self::default() };
        let mut keys = Keys { values: serde_json::from_slice(&bytes).unwrap_or_default(), are_sound: true };
        keys.are_sound = !keys.values.is_empty();
        let [smallest, .., largest] = UI_SCALES;
        let settings = Self {
            last: keys.take("last", Some),
            light: keys.take("light", Some).unwrap_or_default(),
            previews_tokens: keys.take("previews_tokens", Some).unwrap_or_default(),
            layout: keys.take("layout", panels::sound),
            layouts: keys.take_each("layouts", panels::sound),
            recent: keys.take("recent", Some).unwrap_or_default(),
            is_welcomed: keys.take("is_welcomed", Some).unwrap_or_default(),
            ui_scale: keys.take("ui_scale", |scale| (smallest..=largest).contains(&scale).then_some(scale)),
            font_scale: keys.take("font_scale", |scale| (0.5..=4.0).contains(&scale).then_some(scale)),
        };
        if !keys.are_sound
            && let Err(error) = fs::write(path.with_extension("json.old"), bytes)
        {
            eprintln!("vlscope: cannot keep what is remembered of the window: {error}: {}", path.display());
        }
        settings
    }

    /// Writes the file, and the folder where it lies.
    ///
    /// # Errors
    /// If the folder cannot be made or the file not be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = NewFile::beside(path)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.finish()
    }
}

/// The keys of the file, and whether all that were taken could be used.
struct Keys {
    values: Map<String, Value>,
    are_sound: bool,
}

impl Keys {
    fn take<T: DeserializeOwned>(&mut self, key: &str, usable: impl FnOnce(T) -> Option<T>) -> Option<T> {
        let value = self.values.remove(key).filter(|value| !value.is_null())?;
        let found = serde_json::from_value(value).ok().and_then(usable);
        self.are_sound &= found.is_some();
        found
    }

    /// The same of each value of an object; the others stay.
    fn take_each<T: DeserializeOwned>(&mut self, key: &str, usable: impl Fn(T) -> Option<T>) -> BTreeMap<String, T> {
        let all: BTreeMap<String, Value> = self.take(key, Some).unwrap_or_default();
        let count = all.len();
        let found = |(name, value)| Some((name, serde_json::from_value(value).ok().and_then(&usable)?));
        let found: BTreeMap<String, T> = all.into_iter().filter_map(found).collect();
        self.are_sound &= found.len() == count;
        found
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::app::model::arrangement::Preset;

    #[test]
    fn what_cannot_be_used_has_its_default_and_the_file_is_kept() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let (path, old) = (folder.path().join("window.json"), folder.path().join("window.json.old"));
        let usual = || panels::layout_for(Preset::Usual);
        let layouts = BTreeMap::from([("mine".to_owned(), panels::layout_for(Preset::Heads))]);
        let recent = vec![PathBuf::from("/a/trace.safetensors")];
        let sound = Settings { light: true, layout: Some(usual()), layouts, recent, ..Settings::default() };
        sound.save(&path)?;
        let read = Settings::load(&path);
        assert!(read.light && read.layout == sound.layout && !old.exists(), "{read:?}");
        assert_eq!((read.layouts, read.recent), (sound.layouts, sound.recent));
        let mixed = json!({"light": true, "layouts": {"mine": usual(), "broken": {"root": 7}}});
        fs::write(&path, mixed.to_string())?;
        assert_eq!(Settings::load(&path).layouts.into_keys().collect::<Vec<_>>(), ["mine"], "each for itself");
        assert!(old.exists());
        let empty = json!({"root": null, "tiles": {"next_tile_id": 1, "tiles": {}, "invisible": []}});
        let no_root = {
            let mut layout = serde_json::to_value(usual())?;
            layout["root"] = Value::Null;
            layout
        };
        let wrong = [
            ("ui_scale", json!(1e9)),
            ("ui_scale", json!(0)),
            ("ui_scale", json!("large")),
            ("font_scale", json!(-1)),
            ("layout", empty),
            ("layout", no_root),
            ("last", json!(7)),
            ("layouts", json!([1])),
            ("recent", json!("x")),
        ];
        for (key, value) in wrong {
            let text = json!({"light": true, key: value}).to_string();
            fs::write(&path, &text)?;
            let Settings { last, light, layout, ui_scale, font_scale, .. } = Settings::load(&path);
            let is_usual = last.is_none() && layout.is_none() && ui_scale.is_none() && font_scale.is_none();
            assert!(light && is_usual, "{text}");
            assert_eq!(fs::read_to_string(&old)?, text);
        }
        fs::write(&path, "no JSON")?;
        assert!(!Settings::load(&path).light);
        assert_eq!(fs::read_to_string(&old)?, "no JSON");
        Ok(())
    }
}
