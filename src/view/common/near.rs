//! What the tokens are called whose weights are shown.

use super::words::distinct_names;
use crate::analysis::Combine;
use crate::view::Inputs;

/// So many are called by name.
const NAMED: usize = 3;

/// As a tip says it: `color`, or `mean of color, shape`. `known` are the names of all tokens, by sequence.
pub(in crate::view) fn near(inputs: &Inputs<'_>, known: &[Vec<String>]) -> String {
    let known = inputs.shown.sequence(inputs.document).and_then(|sequence| known.get(sequence));
    let names = named(inputs, known.map_or(&[], Vec::as_slice));
    match (inputs.shown.combine, inputs.shown.tokens.len()) {
        (_, 1) => names,
        (Combine::Mean, _) => format!("mean of {names}"),
        (Combine::Sum, _) => format!("sum of {names}"),
        (Combine::Max, _) => format!("largest of {names}"),
    }
}

/// `color, shape`.
pub(in crate::view) fn selected_names(inputs: &Inputs<'_>) -> String {
    let sequence = inputs.shown.sequence(inputs.document).and_then(|sequence| inputs.document.sequences.get(sequence));
    named(inputs, &sequence.map(|sequence| distinct_names(&sequence.tokens)).unwrap_or_default())
}

fn named(inputs: &Inputs<'_>, known: &[String]) -> String {
    let tokens = &inputs.shown.tokens;
    let name = |&token: &usize| known.get(token).cloned().unwrap_or_else(|| "?".to_owned());
    let mut names: Vec<String> = tokens.iter().take(NAMED).map(name).collect();
    match tokens.len() {
        0 => names.push("all tokens".to_owned()),
        count if count > NAMED => names.push(format!("{} more", count - NAMED)),
        _ => {}
    }
    names.join(", ")
}
