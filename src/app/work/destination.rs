//! Where files go that leave the window: into a folder, or wherever the system's dialog says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};

use crate::app::work::dialog::save_as;

/// Where files go.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Where they go by themselves, and where the dialog begins.
    pub folder: PathBuf,
    /// Whether the user is asked for each.
    pub asks: bool,
}

impl Destination {
    /// The path of a new file or folder that is called `name` and ends with `ending`, such as `.png`; with a number behind the name
    /// where there is one already. Its folder is made if need be. `None` if the user was asked and gave no path. Blocks while the user is asked.
    ///
    /// # Errors
    /// If the folder cannot be made, or the system shows no dialog.
    pub fn new_path(&self, name: &str, ending: &str) -> Result<Option<PathBuf>> {
        if !self.asks {
            std::fs::create_dir_all(&self.folder)
                .with_context(|| format!("cannot make the folder {}", self.folder.display()))?;
            return Ok(Some(unused(&self.folder, name, ending)));
        }
        let chosen = save_as(&self.folder, &format!("{name}{ending}"))
            .with_context(|| format!("without 'Ask where' the file would go to {}", self.folder.display()))?;
        Ok(chosen.map(|path| with_ending(&path, ending)))
    }
}

/// Paths that were given to an export, which may not have written its file yet.
static GIVEN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// `image.png`, or else `image_2.png` and on.
fn unused(folder: &Path, name: &str, ending: &str) -> PathBuf {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut path = folder.join(format!("{name}{ending}"));
    let mut number = 2;
    while given.contains(&path) || path.symlink_metadata().is_ok() {
        path = folder.join(format!("{name}_{number}{ending}"));
        number += 1;
    }
    given.insert(path.clone());
    path
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

    use super::{unused, with_ending};

    #[test]
    fn a_file_that_is_there_or_on_its_way_is_kept() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("image.png"), "")?;
        let names = [(); 3].map(|()| unused(folder.path(), "image", ".png"));
        assert_eq!(names, ["image_2.png", "image_3.png", "image_4.png"].map(|name| folder.path().join(name)));
        assert_eq!(unused(folder.path(), "image", ".svg"), folder.path().join("image.svg"));
        Ok(())
    }

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
