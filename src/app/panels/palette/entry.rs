//! One row of the palette.

use crate::analysis::Selection;
use crate::app::model::command::Command;
use crate::app::model::state::State;
use crate::trace::{LINE_LETTERS, shortened};
use crate::typed::Choice;
use crate::view::Options;

/// Something that can be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it does, as it is searched for.
    pub words: String,
    /// The key that does it too; empty if there is none.
    pub key: String,
    /// What is carried out.
    pub command: Command,
}

/// Without a key.
pub fn entry(words: impl Into<String>, command: Command) -> Entry {
    Entry { words: shortened(&words.into(), LINE_LETTERS).into_owned(), key: String::new(), command }
}

/// An entry that changes how weights become what is shown.
pub fn selection(state: &State, words: impl Into<String>, change: impl FnOnce(&mut Selection)) -> Entry {
    let mut selection = state.selection.clone();
    change(&mut selection);
    entry(words, Command::SetSelection(selection))
}

/// An entry that changes how the views look.
pub fn option(state: &State, words: impl Into<String>, change: impl FnOnce(&mut Options)) -> Entry {
    let mut options = state.options.clone();
    change(&mut options);
    entry(words, Command::SetOptions(Box::new(options)))
}

/// An entry for each value of an option that is a choice.
pub fn choices<T: Choice>(
    state: &State,
    words: impl Fn(&str) -> String,
    change: impl Fn(&mut Options, T),
) -> Vec<Entry> {
    T::rows().map(|(value, name)| option(state, words(name), |options| change(options, value))).collect()
}
