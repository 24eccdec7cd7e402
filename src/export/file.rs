//! The one way in which files leave the program: a file that is there already stays whole until the new one is.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use image::RgbaImage;
use image::codecs::png::PngEncoder;

use crate::trace::NewFile;

/// Writes a picture as .png.
///
/// # Errors
/// If the file cannot be written.
pub fn write_png(picture: &RgbaImage, path: &Path) -> Result<()> {
    write_file(path, |file| Ok(picture.write_with_encoder(PngEncoder::new(file))?))
}

/// Writes a text.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn write_text(text: &str, path: &Path) -> Result<()> {
    write_bytes(text.as_bytes(), path)
}

/// Writes bytes as they are.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn write_bytes(bytes: &[u8], path: &Path) -> Result<()> {
    write_file(path, |file| Ok(file.write_all(bytes)?))
}

/// Writes a file as a whole: one that was there stays as it was until `write` is done.
///
/// # Errors
/// If `write` fails or the file cannot be written; the message names it.
pub(super) fn write_file(path: &Path, write: impl FnOnce(&mut NewFile) -> Result<()>) -> Result<()> {
    let written = || -> Result<()> {
        let mut file = NewFile::beside(path)?;
        write(&mut file)?;
        Ok(file.finish()?)
    };
    written().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_stays_as_it_was_until_the_new_one_is_whole() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("state.json");
        write_text("before", &path)?;
        let failed = write_file(&path, |file| {
            file.write_all(&[0; 1 << 20])?;
            assert_eq!(std::fs::read_to_string(&path)?, "before");
            anyhow::bail!("the disk is full")
        });
        let said = failed.map_err(|error| format!("{error:#}"));
        assert_eq!(said, Err(format!("cannot write {}: the disk is full", path.display())));
        assert_eq!(std::fs::read_to_string(&path)?, "before");
        write_text("after", &path)?;
        assert_eq!(std::fs::read_to_string(&path)?, "after");
        assert_eq!(folder.path().read_dir()?.count(), 1, "nothing is left beside it");
        Ok(())
    }

    /// What a killed process left behind is in nobody's way.
    #[test]
    fn a_file_that_was_never_finished_does_not_block_the_next() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("state.json");
        for _ in 0..3 {
            std::mem::forget(NewFile::beside(&path)?);
        }
        write_text("after", &path)?;
        assert_eq!((std::fs::read_to_string(&path)?.as_str(), folder.path().read_dir()?.count()), ("after", 4));
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_a_device_a_device() -> Result<()> {
        use std::os::unix::fs::{PermissionsExt as _, symlink};

        let folder = tempfile::tempdir()?;
        let (path, link) = (folder.path().join("target.json"), folder.path().join("link.json"));
        write_text("before", &path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640))?;
        symlink("target.json", &link)?;
        write_text("after", &link)?;
        assert!(link.symlink_metadata()?.is_symlink());
        assert_eq!(std::fs::read_to_string(&path)?, "after");
        assert_eq!(path.metadata()?.permissions().mode() & 0o777, 0o640);

        let null = folder.path().join("null.json");
        symlink("/dev/null", &null)?;
        let said = write_text("text", &null).map_err(|error| format!("{error:#}"));
        assert_eq!(said, Err(format!("cannot write {}: it is no regular file", null.display())));
        Ok(())
    }
}
