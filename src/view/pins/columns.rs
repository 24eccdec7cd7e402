//! What stands beside each other: the pins, and what is selected where that is none of them.

use crate::analysis::{Direction, Pick, Pin, Selection};
use crate::view::common::sides::{decapitalized, head_label, tokens_line};
use crate::view::{Inputs, Options};

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    /// What of the trace it shows.
    pub selection: Selection,
    /// Its place among the pins; `None` for what is selected.
    pub pin: Option<usize>,
    /// What tells it from the others: `L5H4`, or `of color`.
    pub name: String,
}

/// The first is what all others are compared with.
pub(super) fn columns(inputs: &Inputs<'_>) -> Vec<Column> {
    let selection =
        |(place, pin): (usize, &Pin)| Some((Some(place), pin.selection(inputs.document, inputs.selection).ok()?));
    let pinned = inputs.options.pins.iter().enumerate().filter_map(selection);
    let mut columns: Vec<Column> = Vec::new();
    let shown = (!inputs.options.pins.is_empty()).then(|| inputs.shown.clone());
    let all = pinned.chain(shown.map(|shown| (None, shown)));
    let pin_of = |selection: &Selection| Pin::of(inputs.document, selection);
    for (pin, selection) in all {
        if !columns.iter().any(|known| pin_of(&known.selection) == pin_of(&selection)) {
            columns.push(Column { selection, pin, name: String::new() });
        }
    }
    let names = names(inputs, columns.iter().map(|column| &column.selection));
    columns.iter_mut().zip(names).for_each(|(column, name)| column.name = name);
    columns
}

/// Of all pins, two of which may show the same for the moment.
pub(super) fn names_of_pins(inputs: &Inputs<'_>) -> Vec<String> {
    // One that the trace lacks keeps its place until another trace is opened.
    let selection =
        |pin: &Pin| pin.selection(inputs.document, inputs.selection).unwrap_or_else(|_| inputs.selection.clone());
    let pinned: Vec<Selection> = inputs.options.pins.iter().map(selection).collect();
    names(inputs, pinned.iter())
}

/// What tells them apart; what they are of where nothing does.
fn names<'b>(inputs: &Inputs<'b>, selections: impl Iterator<Item = &'b Selection>) -> Vec<String> {
    let said: Vec<[String; 4]> = selections.map(|selection| parts(inputs, selection)).collect();
    let differs = |part: usize| said.iter().any(|parts| parts[part] != said[0][part]);
    let differing = [0, 1, 2, 3].map(differs);
    let is_told = |part: usize| differing[part] || (part == 0 && !differing.contains(&true));
    let name = |parts: &[String; 4]| {
        let told = parts.iter().enumerate().filter(|(part, words)| is_told(*part) && !words.is_empty());
        told.map(|(_, words)| words.as_str()).collect::<Vec<_>>().join(" · ")
    };
    said.iter().map(name).collect()
}

/// `L5H4`, `of color`, `attended by`, `norm-weighted`.
fn parts<'b>(inputs: &Inputs<'b>, selection: &'b Selection) -> [String; 4] {
    let inputs = Inputs { shown: selection, ..*inputs };
    let block = inputs.document.attention.get(selection.block);
    let block = block.filter(|_| inputs.document.attention.len() > 1).map(|block| format!("{} ", block.name));
    let letter = |letter: char, pick: Pick| match pick {
        Pick::One(number) => format!("{letter}{number}"),
        Pick::Mean => format!("{letter} mean"),
        Pick::Max => format!("{letter} maximum"),
    };
    let layer = match selection.layer {
        Pick::One(layer) => Pick::One(inputs.layer_number(layer)),
        all => all,
    };
    let (layer, head) = (letter('L', layer), letter('H', selection.head));
    let space = if selection.layer.one().is_some() && selection.head.one().is_some() { "" } else { " " };
    let place = match selection.weights.is_undivided(inputs.document) {
        true => "whole model".to_owned(),
        false => {
            let label = selection.layer.one().zip(selection.head.one());
            let label = label.and_then(|(layer, head)| head_label(&inputs, layer, head));
            let label = label.map_or_else(String::new, |label| format!(" ‘{label}’"));
            format!("{}{layer}{space}{head}{label}", block.unwrap_or_default())
        }
    };
    let direction = match selection.direction {
        Direction::AttendsTo => String::new(),
        direction => direction.label().to_owned(),
    };
    [place, tokens(&inputs), direction, selection.weights.label().into_owned()]
}

/// `of color, shape`.
fn tokens(inputs: &Inputs<'_>) -> String {
    let line = decapitalized(&tokens_line(inputs));
    [" of ", " to ", " for "]
        .iter()
        .find_map(|word| line.find(word))
        .map_or(line.clone(), |at| line[at + 1..].to_owned())
}

/// What the title says: what is the same in all.
pub(super) fn title(inputs: &Inputs<'_>, columns: &[Column]) -> String {
    let Some(first) = columns.first() else { return "Pins".to_owned() };
    let line = |column: &Column| tokens_line(&Inputs { shown: &column.selection, ..*inputs });
    let common = line(first);
    match columns.iter().all(|column| line(column) == common) {
        true => common,
        false => "Pins".to_owned(),
    }
}

impl Column {
    /// What its view is drawn of.
    pub fn inputs<'b>(&'b self, inputs: &Inputs<'b>, options: &'b Options) -> Inputs<'b> {
        let selection = if self.pin.is_some() { &self.selection } else { inputs.selection };
        Inputs { shown: &self.selection, selection, options, ..*inputs }
    }
}
