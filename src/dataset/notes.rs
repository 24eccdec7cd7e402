//! What people write down beside a dataset: bookmarks of views, labels of heads and of examples. They lie in a text file in the
//! dataset's folder, `vlscope-notes.jsonl`: one JSON object a line, the lines in order and without times, so that git merges what
//! several people wrote. Where the folder takes no file they lie in the user's configuration folder.
//!
//! Rejected: TOML, in which one note is several lines that a merge may tear apart; the index, which is binary and may be deleted.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::path_in;
use crate::trace::{Document, NewFile};

/// In the folder of the dataset.
pub const FILE_NAME: &str = "vlscope-notes.jsonl";

/// All that was written down about a dataset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notes {
    /// In the order of their lines.
    lines: Vec<Note>,
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Note {
    /// A view to which a person wants to come back.
    Bookmark(Bookmark),
    /// What an example is.
    Example(ExampleLabel),
    /// What a head does.
    Head(HeadLabel),
}

/// What is shown, with a line of text.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Bookmark {
    /// What was written.
    pub text: String,
    /// The trace's file: its path in the dataset's folder, with `/`.
    pub trace: String,
    /// The view state, without the trace.
    pub state: Map<String, Value>,
}

/// What an example is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ExampleLabel {
    /// The trace's file: its path in the dataset's folder, with `/`.
    pub trace: String,
    /// What was written.
    pub label: String,
}

/// What a head of a model does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct HeadLabel {
    /// The model's name; empty if it has none.
    pub model: String,
    /// The attention block's name.
    pub block: String,
    /// By the model's own number.
    pub layer: usize,
    /// 0-based.
    pub head: usize,
    /// What was written.
    pub label: String,
}

/// Where the notes of a dataset lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The dataset's folder.
    pub root: PathBuf,
    /// The file in it.
    file: PathBuf,
    /// The file that takes its place where the folder takes none.
    elsewhere: Option<PathBuf>,
}

/// Why notes cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum NotesError {
    /// The system says no.
    #[error("cannot {doing} {path}: {error}")]
    File {
        /// `read` or `write`.
        doing: &'static str,
        /// The file.
        path: String,
        /// What the system says.
        error: io::Error,
    },
    /// A line is no note, such as what a merge left.
    #[error("{path}: line {line} is no note: {error}")]
    Line {
        /// The file.
        path: String,
        /// The first is 1.
        line: usize,
        /// Why.
        error: serde_json::Error,
    },
}

impl Place {
    /// Those of a folder of traces, or of the folder in which a trace lies. `config` is the user's configuration folder.
    pub fn of(path: &Path, config: Option<&Path>) -> Self {
        let folder = if path.is_dir() { Some(path) } else { path.parent() };
        let root = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        let elsewhere = config.map(|config| config.join("notes").join(name_elsewhere(&root)));
        Self { file: root.join(FILE_NAME), elsewhere, root }
    }

    /// What a file of the dataset is called in notes.
    pub fn name_of(&self, trace: &Path) -> String {
        path_in(&self.root, trace)
    }

    /// The file that holds the notes: that in the folder, unless one lies elsewhere.
    pub fn file(&self) -> &Path {
        let elsewhere = self.elsewhere.as_deref().filter(|path| path.is_file());
        elsewhere.filter(|_| !self.file.is_file()).unwrap_or(&self.file)
    }
}

/// The user's configuration folder; `VLSCOPE_CONFIG_DIR` overrides the system's choice.
pub fn config_folder() -> Option<PathBuf> {
    let chosen = std::env::var_os("VLSCOPE_CONFIG_DIR").map(PathBuf::from);
    chosen.or_else(|| directories::ProjectDirs::from("", "", "vlscope").map(|folders| folders.config_dir().to_owned()))
}

/// The folder's path as one name, and its beginning cut where it is long: what is at the end tells folders apart.
fn name_elsewhere(root: &Path) -> String {
    let whole = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let mut name = String::new();
    for letter in whole.to_string_lossy().chars() {
        match letter {
            letter if letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.') => name.push(letter),
            // Two folders have two names.
            letter => drop(write!(name, "%{:x}", u32::from(letter))),
        }
    }
    let skipped = name.chars().count().saturating_sub(180);
    format!("{}.jsonl", name.chars().skip(skipped).collect::<String>())
}

/// One file is changed by one thread at a time.
static CHANGING: Mutex<()> = Mutex::new(());

impl Notes {
    /// All notes of a dataset; none where there is no file.
    ///
    /// # Errors
    /// If the file cannot be read, or a line is no note; the message names both.
    pub fn read(place: &Place) -> Result<Self, NotesError> {
        let file = place.file();
        let named = || file.display().to_string();
        let text = match std::fs::read_to_string(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read.map_err(|error| NotesError::File { doing: "read", path: named(), error })?,
        };
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let note = |(at, line): (usize, &str)| {
            serde_json::from_str(line).map_err(|error| NotesError::Line { path: named(), line: at + 1, error })
        };
        Ok(Self { lines: lines.map(note).collect::<Result<_, _>>()? })
    }

    /// Reads the notes, changes and writes them; where the folder takes no file, elsewhere. Says what they are then, and whether
    /// they had to be written elsewhere.
    ///
    /// # Errors
    /// If they cannot be read, or written at neither place.
    pub fn change(place: &Place, change: impl FnOnce(&mut Self)) -> Result<(Self, Option<PathBuf>), NotesError> {
        let _turn = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut notes = Self::read(place)?;
        change(&mut notes);
        let file = place.file();
        match (notes.write(file), &place.elsewhere) {
            (Ok(()), _) => Ok((notes, None)),
            (Err(_), Some(elsewhere)) if file != elsewhere => {
                notes.write(elsewhere)?;
                Ok((notes, Some(elsewhere.clone())))
            }
            (Err(error), _) => Err(error),
        }
    }

    fn write(&self, path: &Path) -> Result<(), NotesError> {
        let failed = |error| NotesError::File { doing: "write", path: path.display().to_string(), error };
        let write = || {
            let mut lines = self.lines.iter().map(serde_json::to_string).collect::<Result<Vec<String>, _>>()?;
            lines.sort_unstable();
            lines.dedup();
            if path.file_name().is_some_and(|name| name != FILE_NAME)
                && let Some(folder) = path.parent()
            {
                std::fs::create_dir_all(folder)?;
            }
            let mut file = NewFile::beside(path)?;
            lines.iter().try_for_each(|line| writeln!(file, "{line}"))?;
            file.finish()
        };
        write().map_err(failed)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// All bookmarks.
    pub fn bookmarks(&self) -> impl Iterator<Item = &Bookmark> {
        self.lines.iter().filter_map(|note| if let Note::Bookmark(bookmark) = note { Some(bookmark) } else { None })
    }

    /// All labels of heads, of whatever model.
    pub fn heads(&self) -> impl Iterator<Item = &HeadLabel> {
        self.lines.iter().filter_map(|note| if let Note::Head(label) = note { Some(label) } else { None })
    }

    /// The labels of a model's heads.
    pub fn heads_of(&self, document: &Document) -> Vec<HeadLabel> {
        let model = model_name(document);
        self.heads().filter(|label| label.model == model).cloned().collect()
    }

    /// All labels of examples.
    pub fn examples(&self) -> impl Iterator<Item = &ExampleLabel> {
        self.lines.iter().filter_map(|note| if let Note::Example(label) = note { Some(label) } else { None })
    }

    /// Adds a note. A label takes the place of the one before; an empty one takes it away.
    pub fn add(&mut self, note: Note) {
        self.lines.retain(|known| match (known, &note) {
            (Note::Example(known), Note::Example(new)) => known.trace != new.trace,
            (Note::Head(known), Note::Head(new)) => {
                (&known.model, &known.block, known.layer, known.head) != (&new.model, &new.block, new.layer, new.head)
            }
            (known, new) => known != new,
        });
        let is_empty = match &note {
            Note::Bookmark(bookmark) => bookmark.text.is_empty(),
            Note::Example(label) => label.label.is_empty(),
            Note::Head(label) => label.label.is_empty(),
        };
        if !is_empty {
            self.lines.push(note);
            self.lines.sort_by_cached_key(|note| serde_json::to_string(note).unwrap_or_default());
        }
    }

    /// Takes a note away.
    pub fn remove(&mut self, note: &Note) {
        self.lines.retain(|known| known != note);
    }
}

/// By which labels of heads know the model.
pub fn model_name(document: &Document) -> &str {
    document.model.get("name").and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(head: usize, label: &str) -> Note {
        let (model, block, label) = ("vit".to_owned(), "main".to_owned(), label.to_owned());
        Note::Head(HeadLabel { model, block, layer: 3, head, label })
    }

    fn bookmark(text: &str) -> Note {
        let state = Map::from_iter([("view".to_owned(), Value::from("image"))]);
        Note::Bookmark(Bookmark { text: text.to_owned(), trace: "a.safetensors".to_owned(), state })
    }

    #[test]
    fn notes_are_lines_in_order_that_are_read_as_they_were_written() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let place = Place::of(folder.path(), None);
        assert_eq!(Notes::read(&place)?, Notes::default());
        for note in [head(7, "copies the word"), bookmark("the cat"), head(2, "first token"), bookmark("a dog")] {
            Notes::change(&place, |notes| notes.add(note))?;
        }
        let text = std::fs::read_to_string(folder.path().join(FILE_NAME))?;
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.is_sorted() && lines.len() == 4, "{text}");
        assert!(lines[0].starts_with(r#"{"kind":"bookmark","text":"a dog","trace":"a.safetensors""#), "{text}");
        // A label has one place; an empty one is none.
        let (notes, _) = Notes::change(&place, |notes| {
            notes.add(head(7, "copies the noun"));
            notes.add(head(2, ""));
            notes.remove(&bookmark("a dog"));
        })?;
        assert_eq!(notes.heads().map(|label| label.label.as_str()).collect::<Vec<_>>(), ["copies the noun"]);
        assert_eq!(Notes::read(&place)?, notes);
        Ok(())
    }

    #[test]
    fn what_a_merge_left_is_told_and_stays() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let place = Place::of(&folder.path().join("a.safetensors"), None);
        let text = "<<<<<<< HEAD\n";
        std::fs::write(place.file(), text)?;
        let said = Notes::change(&place, |notes| notes.add(bookmark("x"))).map_err(|error| error.to_string());
        assert!(said.as_ref().is_err_and(|said| said.contains("line 1 is no note")), "{said:?}");
        assert_eq!(std::fs::read_to_string(place.file())?, text);
        Ok(())
    }

    /// A folder that is not there takes no file, for root as for everybody.
    #[test]
    fn a_folder_that_takes_no_file_has_its_notes_elsewhere() -> Result<(), Box<dyn std::error::Error>> {
        let (folder, config) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let place = Place::of(&folder.path().join("absent/a.safetensors"), Some(config.path()));
        let (_, elsewhere) = Notes::change(&place, |notes| notes.add(bookmark("x")))?;
        let elsewhere = elsewhere.ok_or("it was written into a folder that is not there")?;
        assert!(elsewhere.starts_with(config.path()));
        assert_eq!(Notes::read(&place)?.bookmarks().count(), 1);
        let nowhere = Place::of(&folder.path().join("absent/a.safetensors"), None);
        let said = Notes::change(&nowhere, |notes| notes.add(bookmark("x"))).map_err(|error| error.to_string());
        assert!(said.is_err_and(|said| said.starts_with("cannot write") && said.contains(FILE_NAME)));
        Ok(())
    }
}
