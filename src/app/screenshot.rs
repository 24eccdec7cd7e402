//! Saves a picture of the window as a PNG whose name is the time.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The user's pictures folder, or the current folder where there is none.
pub fn default_folder() -> PathBuf {
    directories::UserDirs::new()
        .and_then(|folders| folders.picture_dir().map(Path::to_owned))
        .unwrap_or_else(|| PathBuf::from("."))
}

/// Writes `pixels` (RGBA, row by row) to a new file in `folder` and returns its path.
///
/// # Errors
/// If the folder cannot be made or the file not be written.
pub fn save(folder: &Path, width: u32, height: u32, pixels: &[u8]) -> Result<PathBuf> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let stamp = jiff::ZonedDateTime::now().strftime("%Y-%m-%d_%H-%M-%S-%3f");
    let path = folder.join(format!("vlscope_{stamp}.png"));
    image::save_buffer(&path, pixels, width, height, image::ColorType::Rgba8)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
