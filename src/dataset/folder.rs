//! Which traces a path means: the file itself, or all `.safetensors` files of the folder and the folders in it.
//!
//! What begins with `.` is hidden. Links to folders are not followed: what they lead to is in the folder anyway, or
//! outside of it; so no loop is entered. A link to a file of the folder is a trace, unless the file is one itself.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

/// The traces that `path` means, in the order of their names.
///
/// # Errors
/// If the path does not exist or a folder cannot be read.
pub fn traces_in(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.metadata()?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let (mut traces, mut links) = (Vec::new(), Vec::new());
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match folder.read_dir() {
            // Whoever removed it meanwhile meant it.
            Err(error) if error.kind() == io::ErrorKind::NotFound && folder != path => continue,
            entries => entries.map_err(|error| named(&folder, &error))?,
        };
        for entry in entries {
            let entry = entry.map_err(|error| named(&folder, &error))?;
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            let (kind, entry) = (entry.file_type()?, entry.path());
            let is_trace = entry.extension().is_some_and(|extension| extension == "safetensors");
            match (kind.is_dir(), is_trace) {
                (true, _) => folders.push(entry),
                (false, true) if kind.is_symlink() => links.push(entry),
                (false, true) if kind.is_file() => traces.push(entry),
                _ => {}
            }
        }
    }
    if !links.is_empty() {
        links.sort();
        traces.extend(links_inside(path, &traces, links)?);
    }
    traces.sort();
    Ok(traces)
}

/// The links that lead to a file of the folder which is not among the traces, the first of each.
fn links_inside(root: &Path, traces: &[PathBuf], links: Vec<PathBuf>) -> io::Result<Vec<PathBuf>> {
    let real_root = root.canonicalize()?;
    let real = |trace: &PathBuf| Some(real_root.join(trace.strip_prefix(root).ok()?));
    let mut known: HashSet<PathBuf> = traces.iter().filter_map(real).collect();
    let is_new = |link: &PathBuf| {
        // A link that leads nowhere is no trace.
        let target = link.canonicalize().ok().filter(|target| target.starts_with(&real_root) && target.is_file());
        target.is_some_and(|target| known.insert(target))
    };
    Ok(links.into_iter().filter(is_new).collect())
}

fn named(folder: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{error}: {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &Path) -> io::Result<Vec<String>> {
        let name = |found: &PathBuf| found.strip_prefix(path).unwrap_or(found).to_string_lossy().into_owned();
        Ok(traces_in(path)?.iter().map(name).collect())
    }

    #[test]
    fn a_folder_is_its_traces_in_order_and_a_file_is_itself() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        std::fs::create_dir_all(folder.path().join("nested/.hidden"))?;
        for name in ["b", "a", "nested/c", "nested/.hidden/d", ".e"] {
            std::fs::write(folder.path().join(format!("{name}.safetensors")), "")?;
        }
        std::fs::write(folder.path().join("notes.txt"), "")?;
        assert_eq!(names(folder.path())?, ["a.safetensors", "b.safetensors", "nested/c.safetensors"]);
        assert_eq!(traces_in(&folder.path().join("notes.txt"))?.len(), 1);
        assert!(traces_in(&folder.path().join("absent")).is_err());
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_to_files_of_the_folder_alone() -> io::Result<()> {
        use std::os::unix::fs::symlink;
        let (folder, elsewhere) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let inside = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(inside("nested/.blobs"))?;
        for path in [inside("a.safetensors"), inside("nested/.blobs/0"), elsewhere.path().join("out.safetensors")] {
            std::fs::write(path, "")?;
        }
        symlink("a.safetensors", inside("again.safetensors"))?;
        symlink("nested/.blobs/0", inside("blob.safetensors"))?;
        symlink(inside("nested/.blobs/0"), inside("blob-again.safetensors"))?;
        symlink(elsewhere.path().join("out.safetensors"), inside("out.safetensors"))?;
        symlink(elsewhere.path(), inside("elsewhere"))?;
        symlink("..", inside("nested/loop"))?;
        symlink("absent", inside("broken.safetensors"))?;
        symlink("self.safetensors", inside("self.safetensors"))?;
        assert_eq!(names(folder.path())?, ["a.safetensors", "blob-again.safetensors"]);
        Ok(())
    }
}
