//! What was written down beside the dataset, and the note that is being written.

use crate::dataset::notes::{Note, Notes, Place};

/// Notes, and where they lie.
#[derive(Debug, Default)]
pub struct NotesPanel {
    /// `None` until they were read.
    pub place: Option<Place>,
    /// All of them.
    pub known: Notes,
    /// Why they cannot be read.
    pub failure: Option<String>,
    /// What is being written.
    pub draft: Option<Draft>,
}

/// A note that is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What it is about.
    pub about: About,
    /// As typed.
    pub text: String,
}

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// What is shown: a bookmark.
    View,
    /// The selected head.
    Head,
    /// The example that is shown.
    Example,
}

/// What can be done with notes.
#[derive(Clone, Debug, PartialEq)]
pub enum NotesCommand {
    /// Begin to write one.
    Begin(About),
    /// What is typed.
    Type(String),
    /// Keep what was typed.
    Save,
    /// Show what a bookmark shows: the place among the bookmarks.
    GoTo(usize),
    /// Take one away.
    Remove(Note),
    /// Write all of them as Markdown with pictures.
    Export,
    /// Bring their panel to the front.
    Focus,
}

/// What the reducer cannot do by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum NotesEffect {
    /// Write it down.
    Add(Note),
    /// Take it away.
    Remove(Note),
    /// Open the trace of a bookmark and show what it shows: the place among the bookmarks.
    Show(usize),
    /// Write all of them as Markdown.
    Export,
    /// Bring their panel to the front.
    Focus,
}
