//! `--state FILE`: the options that draw what the file holds are put before those that were typed, as if they had been
//! typed too. So a state needs no reader beside the command line's own, and an option that is typed overrides.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::render::Arguments;
use crate::export::{Flags, ViewState, render_flags, selection_in, words_of};
use crate::trace::Trace;

/// Options of which those that were typed take the place of all others: only one may be given, or they would add up.
const GROUPS: [&[&str]; 5] = [
    &["--strongest", "--min-weight"],
    &["--normalization", "--percentile"],
    &["--token", "--word", "--segment", "--modality"],
    &["--weights", "--rollout"],
    &["--weights", "--residual"],
];

/// The typed words with those of the state file after `render`.
///
/// # Errors
/// If the file is no view state, or nothing names a trace that can be opened.
pub fn with_state(arguments: &Arguments, mut typed: Vec<OsString>) -> Result<Vec<OsString>> {
    let path = arguments.state_file.as_deref().context("no state file is given")?;
    let mut state = ViewState::load(path)?;
    // What says which views of a window lie in front says nothing of one view.
    state.view = arguments.view().or(state.view);
    let no_trace = || format!("no trace is given, and {} names none", path.display());
    let trace: &Path = arguments.trace.as_deref().or(state.trace.as_deref()).with_context(no_trace)?;
    let open = Trace::open(trace)?;
    if !open.document().attention.is_empty() {
        let of_trace = selection_in(&open, &state.selection);
        state.selection = of_trace.with_context(|| format!("{} is not of this trace", path.display()))?;
    }
    let flags = render_flags(open.document(), &state);
    let mut words = words_of(&overridden(flags, &typed));
    if arguments.trace.is_none() {
        words.push(trace.to_string_lossy().into_owned());
    }
    let command = typed.iter().position(|word| word == "render").map_or(typed.len(), |place| place + 1);
    typed.splice(command..command, words.into_iter().map(OsString::from));
    Ok(typed)
}

/// The options that were not typed anew.
fn overridden(flags: Flags, typed: &[OsString]) -> Flags {
    let is_typed = |name: &str| {
        typed
            .iter()
            .filter_map(|word| word.to_str())
            .any(|word| word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
    };
    let is_replaced =
        |name: &str| GROUPS.iter().any(|group| group.contains(&name) && group.iter().any(|other| is_typed(other)));
    flags.into_iter().filter(|(name, _)| !is_typed(name) && !is_replaced(name)).collect()
}
