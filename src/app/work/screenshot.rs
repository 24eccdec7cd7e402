//! Saves a picture of the window as a PNG whose name is the time.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use image::RgbaImage;

use crate::export::write_png;

/// The user's pictures folder, or the current folder where there is none.
pub fn default_folder() -> PathBuf {
    directories::UserDirs::new()
        .and_then(|folders| folders.picture_dir().map(Path::to_owned))
        .unwrap_or_else(|| PathBuf::from("."))
}

/// A name that is the time, without an ending.
pub fn new_name() -> String {
    format!("vlscope_{}", jiff::ZonedDateTime::now().strftime("%Y-%m-%d_%H-%M-%S-%3f"))
}

/// Writes `pixels` (RGBA, row by row) to a new file in `folder` and returns its path.
///
/// # Errors
/// If the folder cannot be made or the file not be written.
pub fn save(folder: &Path, width: u32, height: u32, pixels: &[u8]) -> Result<PathBuf> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let path = folder.join(format!("{}.png", new_name()));
    let picture = RgbaImage::from_raw(width, height, pixels.to_vec());
    write_png(&picture.context("the window's picture has fewer pixels than the window")?, &path)?;
    Ok(path)
}
