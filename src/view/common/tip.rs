//! What is said about a target: its name, its value and the unit.

use std::collections::HashMap;
use std::sync::Arc;

use super::asked;
use super::near::near;
use super::words::{distinct_names, joined, of_word, words};
use crate::analysis::similarity::Similarity;
use crate::analysis::statistics::{mean, why_left_out};
use crate::analysis::timeline::{Timeline, TokenGroup, is_decoder};
use crate::analysis::{Direction, Pick};
use crate::query::{OutputMasses, StatisticGrid, Weights};
use crate::trace::{Document, LINE_LETTERS, Token, shortened};
use crate::view::{Inputs, Target};

/// What tips are made of, kept beside a scene so that they are made only when asked for.
#[derive(Clone, Debug, Default)]
pub(in crate::view) struct Facts {
    /// Of every sequence.
    names: Vec<Vec<String>>,
    /// The tokens whose weights are shown.
    near: String,
    query: usize,
    key: usize,
    direction: Direction,
    statistic: StatisticGrid,
    /// The model's own, of what heads are shown; empty where they are 0 and so on.
    layer_numbers: Vec<usize>,
    weights: Option<Arc<Vec<f32>>>,
    cells: Option<KnownCells>,
    similarity: Option<Arc<Similarity>>,
    said: Option<Said>,
    timeline: Option<Arc<Timeline>>,
    /// Whether the queries' sequence is written from left to right.
    is_decoder: bool,
    layer: Pick,
    is_rollout: bool,
    /// Of each word of several pieces: its sequence, its first token, and its name.
    words: Vec<(usize, usize, String)>,
    /// Where two traces are compared.
    compared: Option<Compared>,
}

/// What two traces say of the same.
#[derive(Clone, Debug)]
pub(in crate::view) struct Compared {
    pub unit: String,
    /// A's value and B's; not a number where it has none.
    pub values: HashMap<Target, [f32; 2]>,
}

/// The weights that are known one by one: those of a matrix that is shown cell by cell, or the one under the pointer.
#[derive(Clone, Debug)]
pub(in crate::view) enum KnownCells {
    /// `[queries, keys]` of these tokens, ascending.
    All { queries: Arc<Vec<usize>>, keys: Arc<Vec<usize>>, weights: Arc<Vec<f32>> },
    /// Of this query and key.
    One([usize; 2], f32),
}

impl KnownCells {
    /// The weight of a query on a key, if it is known.
    pub fn weight(&self, query: usize, key: usize) -> Option<f32> {
        match self {
            Self::All { queries, keys, weights } => {
                let [row, column] = [(queries, query), (keys, key)].map(|(all, token)| all.binary_search(&token).ok());
                weights.get(row? * keys.len() + column?).copied()
            }
            Self::One(cell, weight) => (*cell == [query, key]).then_some(*weight),
        }
    }
}

/// Values that a view shows of heads in place of the statistic.
#[derive(Clone, Debug)]
pub(in crate::view) struct Said {
    pub unit: &'static str,
    pub values: Vec<(Target, f32)>,
}

impl Compared {
    pub fn new(unit: String, values: impl Iterator<Item = (Target, [f32; 2])>) -> Self {
        Self { unit, values: values.collect() }
    }
}

impl Facts {
    /// Of what is drawn, with what the view says of heads and cells.
    pub fn new(
        inputs: &Inputs<'_>,
        said: Option<Said>,
        grid: Option<StatisticGrid>,
        cells: Option<KnownCells>,
    ) -> Self {
        let document = inputs.document;
        let block = document.attention.get(inputs.shown.block);
        let statistic = grid.unwrap_or_else(|| asked::statistic_grid(inputs).0);
        let layer_numbers = match statistic.layer_numbers.is_empty() {
            true => block.and_then(|block| block.numbers.clone()).unwrap_or_default(),
            false => statistic.layer_numbers.clone(),
        };
        let results = inputs.results;
        let has_attention = asked::has_attention(inputs);
        let names: Vec<Vec<String>> =
            document.sequences.iter().map(|sequence| distinct_names(&sequence.tokens)).collect();
        let timeline = has_attention.then(|| results.shared(&OutputMasses::of(inputs.shown))).flatten();
        Self {
            near: near(inputs, &names),
            names,
            query: block.map_or(0, |block| block.query),
            key: block.map_or(0, |block| block.key),
            direction: inputs.shown.direction,
            statistic,
            layer_numbers,
            weights: results.shared(&Weights::of(inputs.shown)),
            cells,
            said,
            timeline,
            is_decoder: block.is_some_and(|block| is_decoder(document, block)),
            layer: inputs.shown.layer,
            is_rollout: inputs.shown.rollout.is_some(),
            words: if inputs.options.join_pieces { whole_words(document) } else { Vec::new() },
            similarity: asked::similarity(inputs).and_then(|request| results.shared(&request)),
            compared: None,
        }
    }

    /// Tips tell the values of both traces.
    pub fn comparing(self, compared: Compared) -> Self {
        Self { compared: Some(compared), ..self }
    }

    pub fn tip(&self, target: Target) -> String {
        shortened(&self.whole_tip(target), LINE_LETTERS).into_owned()
    }

    fn whole_tip(&self, target: Target) -> String {
        if let Some((compared, values)) = self.compared.as_ref().and_then(|all| Some((all, all.values.get(&target)?))) {
            let [a, b] = values.map(|value| if value.is_nan() { "no value".to_owned() } else { number(value) });
            let name = match target {
                Target::Head { layer, head } => format!("layer {} · head {head}", self.layer_number(layer)),
                Target::LayerMean { layer } => format!("layer {} · mean of heads", self.layer_number(layer)),
                Target::HeadMean { head } => format!("head {head} · mean of layers"),
                Target::AllHeads => "mean of layers · mean of heads".to_owned(),
                Target::Token { sequence, token } => self.name(sequence, token).to_owned(),
                Target::Pieces { sequence, first, count } => {
                    let pieces: Vec<&str> = (first..first + count).map(|token| self.name(sequence, token)).collect();
                    pieces.join(" + ")
                }
                Target::Cell { .. } | Target::Output { .. } | Target::State { .. } => String::new(),
            };
            let difference = values[0] - values[1];
            let difference =
                if difference.is_nan() { String::new() } else { format!(" · A − B {}", number(difference)) };
            return format!("{name}: A {a} · B {b}{difference} ({})", compared.unit);
        }
        let said = self.said.as_ref();
        if let Some((said, &(_, value))) =
            said.and_then(|said| Some((said, said.values.iter().find(|(of, _)| *of == target)?)))
        {
            let place = match target {
                Target::Head { layer, head } => format!("layer {} · head {head}", self.layer_number(layer)),
                Target::HeadMean { head } => format!("head {head} · mean of layers"),
                _ => String::new(),
            };
            return format!("{place}: {} ({})", number(value), said.unit);
        }
        match target {
            Target::Head { layer, head } => {
                let at = layer * self.statistic.heads + head;
                let left_out = self.statistic.rows_left_out.get(at).and_then(|&rows| why_left_out(rows));
                let left_out = left_out.map_or_else(String::new, |why| format!(" · {why}"));
                format!(
                    "layer {} · head {head}: {}{left_out}",
                    self.layer_number(layer),
                    self.statistic_value(self.statistic.values.get(at))
                )
            }
            Target::LayerMean { layer } => {
                let value = self.statistic_value(self.statistic.layer_mean.get(layer));
                format!("layer {} · mean of heads: {value}", self.layer_number(layer))
            }
            Target::HeadMean { head } => {
                format!("head {head} · mean of layers: {}", self.statistic_value(self.statistic.head_mean.get(head)))
            }
            Target::AllHeads => {
                let value = mean(&self.statistic.values);
                format!("mean of layers · mean of heads: {}", self.statistic_value(Some(&value)))
            }
            Target::Token { sequence, token } => {
                let other = if self.direction == Direction::AttendsTo { self.key } else { self.query };
                let name = self.name(sequence, token);
                match self.weights().get(token).filter(|_| sequence == other) {
                    Some(weight) => format!("{}: {} ({})", self.pair(name), number(*weight), self.unit()),
                    None => name.to_owned(),
                }
            }
            Target::Cell { query, key } => {
                let (from, to) = (self.name(self.query, query), self.name(self.key, key));
                match self.cells.as_ref().and_then(|cells| cells.weight(query, key)) {
                    Some(weight) => {
                        format!("query {query} {from} → key {key} {to}: {} ({})", number(weight), self.unit())
                    }
                    None => format!("query {query} {from} → key {key} {to}"),
                }
            }
            Target::Output { layer, token } => self.output(layer, token),
            Target::Pieces { sequence, first, count } => self.pieces(sequence, first, count),
            Target::State { state, with } => {
                let value = self.similarity.as_ref().and_then(|all| all.values.get(state * all.states + with));
                format!(
                    "state {state} · state {with}: {} (linear CKA)",
                    value.map_or("no value".into(), |&v| number(v))
                )
            }
        }
    }

    fn layer_number(&self, layer: usize) -> usize {
        self.layer_numbers.get(layer).copied().unwrap_or(layer)
    }

    /// The masses of an output token. They are of the row of that token; a decoder predicts the next one there.
    fn output(&self, layer: Option<usize>, token: usize) -> String {
        let name = self.name(self.query, token);
        let Some(timeline) = &self.timeline else { return name.to_owned() };
        let layers = match layer {
            Some(layer) => layer..layer + 1,
            None => self.layer.indices(timeline.layers),
        };
        let of =
            if layers.len() == 1 { format!(" · layer {}", self.layer_number(layers.start)) } else { String::new() };
        let place = timeline.tokens.iter().position(|&other| other == token);
        let Some(masses) = place.and_then(|place| timeline.over(layers, place)) else {
            return if place.is_some() { format!("{name}{of}: no value") } else { name.to_owned() };
        };
        let masses = TokenGroup::ALL.map(|group| format!("{} {}", group.label(), number(masses[group as usize])));
        let row = match self.is_decoder {
            true => format!("row {token}, which predicts token {}", token + 1),
            false => format!("row {token}"),
        };
        format!("{name}{of}: {} ({row})", masses.join(" · "))
    }

    fn pieces(&self, sequence: usize, first: usize, count: usize) -> String {
        let pieces: Vec<&str> = (first..first + count).map(|token| self.name(sequence, token)).collect();
        let word = self.words.iter().find(|(of, at, _)| (*of, *at) == (sequence, first));
        let word = word.map_or("?", |(_, _, word)| word.as_str());
        let name = format!("{word} = {}", pieces.join(" + "));
        let other = if self.direction == Direction::AttendsTo { self.key } else { self.query };
        match self.weights().get(first..first + count).filter(|_| sequence == other) {
            Some(weights) => {
                let how = if self.direction == Direction::AttendsTo { "sum" } else { "mean" };
                let weight = number(of_word(self.direction, weights));
                format!("{}: {weight} ({}, {how} of {count})", self.pair(&name), self.unit())
            }
            None => name,
        }
    }

    /// Who attends to whom, where the weights are those of the token of that name.
    fn pair(&self, name: &str) -> String {
        match self.direction {
            Direction::AttendsTo => format!("{} → {name}", self.near),
            Direction::AttendedBy => format!("{name} → {}", self.near),
        }
    }

    fn unit(&self) -> &'static str {
        if self.is_rollout { "attention rollout" } else { "attention weight" }
    }

    fn weights(&self) -> &[f32] {
        self.weights.as_ref().map_or(&[], |weights| weights.as_slice())
    }

    fn name(&self, sequence: usize, token: usize) -> &str {
        self.names.get(sequence).and_then(|names| names.get(token)).map_or("?", String::as_str)
    }

    fn statistic_value(&self, value: Option<&f32>) -> String {
        let unit = if self.statistic.unit.is_empty() { &self.statistic.label } else { &self.statistic.unit };
        match value {
            Some(value) if !value.is_nan() && unit.is_empty() => number(*value),
            Some(value) if !value.is_nan() => format!("{} ({unit})", number(*value)),
            _ => "no value".to_owned(),
        }
    }
}

fn whole_words(document: &Document) -> Vec<(usize, usize, String)> {
    let mut whole = Vec::new();
    for (index, sequence) in document.sequences.iter().enumerate() {
        for word in words(&sequence.tokens).into_iter().filter(|word| word.len() > 1) {
            let texts = sequence.tokens[word.clone()].iter().filter_map(Token::text);
            whole.push((index, word.start, joined(texts)));
        }
    }
    whole
}

/// Three significant digits or so, with a true minus sign.
pub(in crate::view) fn number(value: f32) -> String {
    let size = value.abs();
    let digits = match size {
        _ if value.is_nan() => return "no value".to_owned(),
        0.0 => "0".to_owned(),
        _ if size < 0.000_95 => format!("{size:.1e}").replace("e-", "e−"),
        _ if size < 0.01 => format!("{size:.4}"),
        _ if size < 1.0 => format!("{size:.3}"),
        _ if size < 10.0 => format!("{size:.2}"),
        _ if size < 100.0 => format!("{size:.1}"),
        _ => format!("{size:.0}"),
    };
    if value < 0.0 { format!("−{digits}") } else { digits }
}
