//! Which traces a path means: the file itself, or all `.safetensors` files of the folder and the folders in it.
//!
//! What begins with `.` is hidden. Links to folders are not followed: what they lead to is in the folder anyway, or
//! outside of it; so no loop is entered. A link to a file of the folder is a trace, unless the file is one itself.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

/// The traces of a path.
#[derive(Debug, Default)]
pub struct Traces {
    /// In the order of their names.
    pub files: Vec<PathBuf>,
    /// Folders that the system does not let us read to their ends, and what it says. There may be traces in them.
    pub unread: Vec<(PathBuf, io::Error)>,
}

/// The traces that `path` means.
///
/// # Errors
/// If the path does not exist, or is a folder that cannot be read. Of folders in it, [`Traces::unread`] tells.
pub fn traces_in(path: &Path) -> io::Result<Traces> {
    if !path.metadata()?.is_dir() {
        return Ok(Traces { files: vec![path.to_owned()], unread: Vec::new() });
    }
    let (mut traces, mut links) = (Traces::default(), Vec::new());
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        match entries(&folder, &mut folders, &mut traces.files, &mut links) {
            Ok(()) => {}
            Err(error) if folder == path => return Err(error),
            // Whoever removed it meanwhile meant it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => traces.unread.push((folder, error)),
        }
    }
    if !links.is_empty() {
        links.sort();
        traces.files.extend(links_inside(path, &traces.files, links)?);
    }
    traces.files.sort();
    traces.unread.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(traces)
}

/// The path of a file of a dataset as its index writes it: relative to the folder, with `/`. Where a name is no text, the
/// replacement character stands for what is none.
pub fn path_in(root: &Path, file: &Path) -> String {
    let names = file.strip_prefix(root).unwrap_or(file).components();
    names.map(|name| name.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Sorts what is in a folder into folders, traces and links to traces.
fn entries(
    folder: &Path,
    folders: &mut Vec<PathBuf>,
    traces: &mut Vec<PathBuf>,
    links: &mut Vec<PathBuf>,
) -> io::Result<()> {
    for entry in folder.read_dir()? {
        let entry = entry?;
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
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &Path) -> io::Result<Vec<String>> {
        let name = |found: &PathBuf| found.strip_prefix(path).unwrap_or(found).to_string_lossy().into_owned();
        Ok(traces_in(path)?.files.iter().map(name).collect())
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
        assert_eq!(traces_in(&folder.path().join("notes.txt"))?.files.len(), 1);
        assert!(traces_in(&folder.path().join("absent")).is_err());
        Ok(())
    }

    /// So deep that its path is longer than the system takes; made from inside.
    #[cfg(unix)]
    #[test]
    fn a_folder_that_cannot_be_read_is_told_of_and_the_rest_is_found() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("a.safetensors"), "")?;
        let name = "n".repeat(200);
        let make = "for i in $(seq 25); do mkdir $1 && cd -P $1 || exit 1; done";
        let made =
            std::process::Command::new("bash").args(["-c", make, "", &name]).current_dir(folder.path()).status()?;
        assert!(made.success());
        let traces = traces_in(folder.path())?;
        assert_eq!(traces.files, [folder.path().join("a.safetensors")]);
        let [(unread, error)] = &traces.unread[..] else { panic!("{traces:?}") };
        assert!(unread.as_os_str().len() > 4000, "{error}: {}", unread.display());
        let removed = std::process::Command::new("rm").arg("-rf").arg(folder.path().join(&name)).status()?;
        assert!(removed.success(), "the folder of the test can be removed");
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
