//! Notes as Markdown: bookmarks with their pictures, labels of heads and of examples.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result};
use glam::Vec2;

use super::file::{write_png, write_text};
use super::view_state::{ViewState, selection_in};
use crate::dataset::notes::{Bookmark, Notes, Place};
use crate::headless::Headless;
use crate::query::{OpenTrace, Solver};
use crate::view::{Caption, Inputs, Options, Theme, View, needs};

/// Of each picture.
const SIZE: Vec2 = Vec2::new(900.0, 560.0);
const SCALE: f32 = 2.0;

/// Writes `path`, and the pictures of bookmarks into a folder beside it that has its name and `_files`. `told` hears of each bookmark.
///
/// # Errors
/// If a file cannot be written. A bookmark whose trace cannot be shown any more says so in the text.
pub fn write_notes(
    notes: &Notes,
    place: &Place,
    path: &Path,
    solver: &Solver,
    headless: &mut Headless,
    mut told: impl FnMut(),
) -> Result<()> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let folder = path.with_file_name(format!("{stem}_files"));
    let mut text = "# Notes\n".to_owned();
    for (number, bookmark) in (1..).zip(notes.bookmarks()) {
        write!(text, "\n## {}\n\n", line(&bookmark.text))?;
        let shown = picture(bookmark, notes, place, solver, headless);
        match shown {
            Ok((picture, view)) => {
                std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
                let name = format!("{number:02}-{view}.png");
                write_png(&picture, &folder.join(&name))?;
                writeln!(text, "![{}](<{stem}_files/{name}>)\n", line(&bookmark.text))?;
            }
            Err(error) => writeln!(text, "*It cannot be shown: {}*\n", line(&format!("{error:#}")))?,
        }
        writeln!(text, "`{}`", bookmark.trace)?;
        told();
    }
    if notes.heads().next().is_some() {
        text.push_str("\n## Heads\n\n| model | block | head | note |\n| --- | --- | --- | --- |\n");
        for label in notes.heads() {
            let [model, block, said] = [&label.model, &label.block, &label.label].map(|words| cell(words));
            writeln!(text, "| {model} | {block} | L{}H{} | {said} |", label.layer, label.head)?;
        }
    }
    if notes.examples().next().is_some() {
        text.push_str("\n## Examples\n\n| example | note |\n| --- | --- |\n");
        for label in notes.examples() {
            writeln!(text, "| {} | {} |", cell(&label.trace), cell(&label.label))?;
        }
    }
    write_text(&text, path)
}

/// What a bookmark shows, and in which view.
fn picture(
    bookmark: &Bookmark,
    notes: &Notes,
    place: &Place,
    solver: &Solver,
    headless: &mut Headless,
) -> Result<(image::RgbaImage, View)> {
    let open = OpenTrace::open(&place.root.join(&bookmark.trace))?;
    let state = ViewState::from_keys(bookmark.state.clone(), open.trace.path().to_owned())?;
    let selection = selection_in(&open.trace, &state.selection)?;
    let view = state.view.or(state.front.first().copied()).unwrap_or(View::Image);
    let head_labels = notes.heads_of(open.document());
    let (theme, caption) = (Theme::Paper, Some(Caption::Auto));
    let options = Options { title: true, is_cropped: true, theme, caption, head_labels, ..state.options };
    let nothing = Default::default();
    let inputs = Inputs::new(&open, &selection, &options, &nothing, SIZE);
    let results = solver.results(&open, &needs(view, &inputs), &AtomicBool::new(false))?;
    Ok((headless.draw_view(view, &Inputs { results: &results, ..inputs }, SCALE)?, view))
}

/// As one line of Markdown that is nothing but text.
fn line(words: &str) -> String {
    let mut line = String::new();
    for letter in words.chars() {
        match letter {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '!' | '&' | '~' => line.extend(['\\', letter]),
            letter if letter.is_control() => line.push(' '),
            letter => line.push(letter),
        }
    }
    line
}

/// The same in a table.
fn cell(words: &str) -> String {
    line(words).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_words_in_markdown() {
        assert_eq!(line("a *b* [c](d)\n# e"), r"a \*b\* \[c\](d) \# e");
        assert_eq!(cell("a|b"), r"a\|b");
    }
}
