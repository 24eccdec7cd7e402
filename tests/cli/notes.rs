//! `vlscope notes`: what was written down beside a dataset, as a list and as Markdown with pictures.

use std::path::Path;

use vlscope::dataset::notes::{Bookmark, ExampleLabel, HeadLabel, Note, Notes, Place};
use vlscope::export::ViewState;

use crate::common::{Result, fail, succeed};

/// A folder with a trace and three notes.
fn noted() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    std::fs::copy("tests/traces/multi-image.safetensors", folder.path().join("a.safetensors"))?;
    let place = Place::of(folder.path(), None);
    let trace = || "a.safetensors".to_owned();
    let mut state = ViewState { view: Some(vlscope::view::View::Image), ..ViewState::default() };
    state.selection.tokens = vec![1];
    let notes = [
        Note::Bookmark(Bookmark { text: "both *pictures*".to_owned(), trace: trace(), state: state.keys() }),
        Note::Bookmark(Bookmark { text: "gone".to_owned(), trace: "b.safetensors".to_owned(), state: state.keys() }),
        Note::Head(HeadLabel {
            model: "vit".to_owned(),
            block: "main".to_owned(),
            layer: 2,
            head: 1,
            label: "first|token".to_owned(),
        }),
        Note::Example(ExampleLabel { trace: trace(), label: "odd".to_owned() }),
    ];
    for note in notes {
        Notes::change(&place, |notes| notes.add(note))?;
    }
    Ok(folder)
}

#[test]
fn notes_are_listed() -> Result {
    let folder = noted()?;
    let listed = succeed(&["notes", &folder.path().to_string_lossy()])?;
    for line in ["a.safetensors: both *pictures*", "vit · main · L2H1: first|token", "a.safetensors: odd"] {
        assert!(listed.lines().any(|found| found == line), "{line} is not in {listed}");
    }
    Ok(())
}

#[test]
fn notes_are_markdown_with_pictures() -> Result {
    let folder = noted()?;
    let path = folder.path().join("out.md");
    succeed(&["notes", &folder.path().to_string_lossy(), "-q", "-o", &path.to_string_lossy()])?;
    let text = std::fs::read_to_string(&path)?;
    assert!(text.contains("## both \\*pictures\\*\n\n![both \\*pictures\\*](<out_files/01-image.png>)"), "{text}");
    assert!(text.contains("## gone\n\n*It cannot be shown: "), "{text}");
    assert!(text.contains("| vit | main | L2H1 | first\\|token |"), "{text}");
    let (width, height) = image::image_dimensions(folder.path().join("out_files/01-image.png"))?;
    assert!((900..=1800).contains(&width) && (560..=1120).contains(&height), "{width} x {height}, cropped");
    Ok(())
}

#[test]
fn a_folder_without_notes_says_so() -> Result {
    let folder = tempfile::tempdir()?;
    let dir = folder.path().to_string_lossy().into_owned();
    assert_eq!(succeed(&["notes", &dir])?, "");
    let said = fail(1, &["notes", &dir, "-o", "notes.md"])?;
    assert!(said.contains("there are no notes: ") && !Path::new("notes.md").exists(), "{said}");
    assert!(fail(1, &["notes", "absent"])?.contains("cannot open absent"));
    Ok(())
}
