//! What the tokens are called whose weights are shown.

use super::words::distinct_names;
use crate::analysis::{Combine, Direction};
use crate::view::Inputs;

/// So many are called by name.
const NAMED: usize = 3;

/// As a tip says it: `color`, or `mean of color, shape`. `known` are the names of all tokens, by sequence.
pub(in crate::view) fn near(inputs: &Inputs<'_>, known: &[Vec<String>]) -> String {
    let known = inputs.shown.sequence(inputs.document).and_then(|sequence| known.get(sequence));
    let names = named(inputs, known.map_or(&[], Vec::as_slice));
    match (inputs.shown.combine, tokens(inputs).len()) {
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

/// The selected ones; of a relevance, where none is selected, all outputs that it is for.
pub(in crate::view) fn tokens<'a>(inputs: &Inputs<'a>) -> &'a [usize] {
    let relevance = inputs.shown.weights.relevance(inputs.document).map(|(_, relevance)| relevance);
    match relevance.filter(|_| inputs.shown.tokens.is_empty() && inputs.shown.direction == Direction::AttendsTo) {
        Some(relevance) => &relevance.targets,
        None => &inputs.shown.tokens,
    }
}

fn named(inputs: &Inputs<'_>, known: &[String]) -> String {
    let tokens = tokens(inputs);
    let name = |&token: &usize| known.get(token).cloned().unwrap_or_else(|| "?".to_owned());
    let mut names: Vec<String> = tokens.iter().take(NAMED).map(name).collect();
    match tokens.len() {
        0 => names.push("all tokens".to_owned()),
        count if count > NAMED => names.push(format!("{} more", count - NAMED)),
        _ => {}
    }
    names.join(", ")
}
