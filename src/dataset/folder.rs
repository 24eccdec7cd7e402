//! Which traces a path means: the file itself, or all `.safetensors` files of the folder and the folders in it.

use std::io;
use std::path::{Path, PathBuf};

/// The traces that `path` means, in the order of their names. Links to folders are not followed.
///
/// # Errors
/// If the path does not exist or the folder cannot be read.
pub fn traces_in(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.metadata()?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut traces = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir()? {
            let entry = entry?;
            let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
            if entry.file_type()?.is_dir() && !is_hidden {
                folders.push(entry.path());
            } else if entry.path().extension().is_some_and(|extension| extension == "safetensors") {
                traces.push(entry.path());
            }
        }
    }
    traces.sort();
    Ok(traces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_its_traces_in_order_and_a_file_is_itself() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let nested = folder.path().join("nested");
        std::fs::create_dir_all(&nested)?;
        for name in ["b.safetensors", "a.safetensors", "notes.txt", "nested/c.safetensors"] {
            std::fs::write(folder.path().join(name), "")?;
        }
        let names = |path: &Path| -> io::Result<Vec<String>> {
            Ok(traces_in(path)?
                .iter()
                .map(|p| p.file_name().unwrap_or_default().to_string_lossy().into_owned())
                .collect())
        };
        assert_eq!(names(folder.path())?, ["a.safetensors", "b.safetensors", "c.safetensors"]);
        assert_eq!(names(&folder.path().join("b.safetensors"))?, ["b.safetensors"]);
        assert!(traces_in(&folder.path().join("absent")).is_err());
        Ok(())
    }
}
