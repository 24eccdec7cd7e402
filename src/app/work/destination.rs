//! Where files go that leave the window: into a folder, under a name that is the time, or wherever the system's dialog says.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::app::work::dialog::save_as;
use crate::app::work::screenshot::new_name;

/// Where files go.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Where they go by themselves, and where the dialog begins.
    pub folder: PathBuf,
    /// Whether the user is asked for each.
    pub asks: bool,
}

impl Destination {
    /// The path of a new file or folder whose name has `what` in it and ends with `ending`, such as `.png`; its folder is made if
    /// need be. `None` if the user was asked and gave no path. Blocks while the user is asked.
    ///
    /// # Errors
    /// If the folder cannot be made, or the system shows no dialog.
    pub fn new_path(&self, what: &str, ending: &str) -> Result<Option<PathBuf>> {
        let name = format!("{}_{what}{ending}", new_name());
        if !self.asks {
            std::fs::create_dir_all(&self.folder)
                .with_context(|| format!("cannot make the folder {}", self.folder.display()))?;
            return Ok(Some(self.folder.join(name)));
        }
        let chosen = save_as(&self.folder, &name)
            .with_context(|| format!("without 'Ask where' the file would go to {}", self.folder.display()))?;
        Ok(chosen.map(|path| with_ending(&path, ending)))
    }
}

/// What is written was chosen in the menu: a name that says otherwise, or nothing, gets the ending.
fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.to_ascii_lowercase().ends_with(ending) {
        path.to_owned()
    } else {
        path.with_file_name(format!("{name}{ending}"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::with_ending;

    #[test]
    fn a_name_says_what_is_in_the_file() {
        for (typed, ending, written) in [
            ("/a/heads.png", ".png", "/a/heads.png"),
            ("/a/HEADS.PNG", ".png", "/a/HEADS.PNG"),
            ("/a/heads", ".svg", "/a/heads.svg"),
            ("/a/v1.2", ".svg", "/a/v1.2.svg"),
            ("/a/heads.png", ".csv", "/a/heads.png.csv"),
            ("/a/frames", "", "/a/frames"),
        ] {
            assert_eq!(with_ending(Path::new(typed), ending), Path::new(written), "{typed} {ending}");
        }
    }
}
