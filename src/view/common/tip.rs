//! What is said about a target: its name, its value and the unit.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::asked;
use super::near::near;
use super::words::{distinct_names, joined, of_word, word, words};
use crate::analysis::similarity::Similarity;
use crate::analysis::statistics::{mean, why_left_out};
use crate::analysis::timeline::{Timeline, TokenGroup, is_decoder};
use crate::analysis::{Direction, Pick};
use crate::dataset::notes::HeadLabel;
use crate::query::{Decoded, DecodedState, OutputMasses, StatisticGrid, Weights};
use crate::trace::{Document, LINE_LETTERS, Token, WordState, shortened};
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
    /// What the selected state decodes to, by sequence.
    decoded: Vec<(usize, WordState, Arc<Decoded>)>,
    /// What states that are shown decode to, as targets name them.
    lens: HashMap<(usize, usize), Arc<Decoded>>,
    /// The sequence of each entry of the words, and its states.
    word_states: Vec<(usize, Vec<WordState>)>,
    /// The output of the queries, with the alternatives of each step.
    alternatives: Option<Arc<Decoded>>,
    /// Of the frames of a video, in seconds.
    image_times: Vec<Option<f32>>,
    /// Whether the queries' sequence is written from left to right.
    is_decoder: bool,
    layer: Pick,
    /// What the weights are.
    unit: Cow<'static, str>,
    /// Of each word of several pieces: its sequence, its first token, and its name.
    words: Vec<(usize, usize, String)>,
    /// What somebody wrote down about heads.
    labels: Vec<HeadLabel>,
    /// Where two traces are compared.
    compared: Option<Compared>,
    /// Where pins are.
    pinned: Option<Pinned>,
}

/// What pins say of the same.
#[derive(Clone, Debug)]
pub(in crate::view) struct Pinned {
    pub unit: String,
    pub pins: Vec<PinnedWeights>,
}

/// What one of them says.
#[derive(Clone, Debug)]
pub(in crate::view) struct PinnedWeights {
    /// As its heading says it.
    pub name: String,
    pub direction: Direction,
    /// The sequence that has the weights, and these as they are coloured.
    pub far: usize,
    pub weights: Vec<f32>,
    /// Where its matrix is shown.
    pub cells: Option<KnownCells>,
}

impl PinnedWeights {
    /// What it says of a target, if it is about that.
    fn of(&self, target: Target) -> Option<f32> {
        match target {
            Target::Token { sequence, token } if sequence == self.far => self.weights.get(token).copied(),
            Target::Pieces { sequence, first, count } if sequence == self.far => {
                Some(of_word(self.direction, self.weights.get(first..first + count)?))
            }
            Target::Cell { query, key } => self.cells.as_ref()?.weight(query, key),
            _ => None,
        }
    }
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
            decoded: decoded(inputs),
            lens: lens(inputs),
            word_states: document.words.iter().map(|words| (words.sequence, words.states.clone())).collect(),
            image_times: document.image_times.clone(),
            alternatives: asked::alternatives(inputs).and_then(|request| results.shared(&request)),
            is_decoder: block.is_some_and(|block| is_decoder(document, block)),
            layer: inputs.shown.layer,
            unit: inputs.shown.weights.quantity(),
            words: if inputs.options.join_pieces { whole_words(document) } else { Vec::new() },
            similarity: asked::similarity(inputs).and_then(|request| results.shared(&request)),
            labels: inputs
                .options
                .head_labels
                .iter()
                .filter(|label| block.is_some_and(|block| block.name == label.block))
                .cloned()
                .collect(),
            compared: None,
            pinned: None,
        }
    }

    /// Tips tell the values of all pins.
    pub fn of_pins(self, pinned: Pinned) -> Self {
        Self { pinned: Some(pinned), ..self }
    }

    /// Tips tell the values of both traces.
    pub fn comparing(self, compared: Compared) -> Self {
        Self { compared: Some(compared), ..self }
    }

    pub fn tip(&self, target: Target) -> String {
        shortened(&self.whole_tip(target), LINE_LETTERS).into_owned()
    }

    fn whole_tip(&self, target: Target) -> String {
        if let Some(said) = self.pinned.as_ref().and_then(|pinned| self.tip_of_pins(pinned, target)) {
            return said;
        }
        if let Some((compared, values)) = self.compared.as_ref().and_then(|all| Some((all, all.values.get(&target)?))) {
            let [a, b] = values.map(|value| if value.is_nan() { "no value".to_owned() } else { number(value) });
            let name = match target {
                Target::Head { layer, head } => self.head(layer, head),
                Target::LayerMean { layer } => format!("layer {} · mean of heads", self.layer_number(layer)),
                Target::HeadMean { head } => format!("head {head} · mean of layers"),
                Target::AllHeads => "mean of layers · mean of heads".to_owned(),
                Target::Token { sequence, token } => self.name(sequence, token).to_owned(),
                Target::Pieces { sequence, first, count } => {
                    let pieces: Vec<&str> = (first..first + count).map(|token| self.name(sequence, token)).collect();
                    pieces.join(" + ")
                }
                Target::Cell { .. }
                | Target::Output { .. }
                | Target::State { .. }
                | Target::Decoded { .. }
                | Target::Pin { .. }
                | Target::Frame { .. } => String::new(),
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
                Target::Head { layer, head } => self.head(layer, head),
                Target::HeadMean { head } => format!("head {head} · mean of layers"),
                Target::Frame { image } => self.frame(image),
                _ => String::new(),
            };
            return format!("{place}: {} ({})", number(value), said.unit);
        }
        match target {
            Target::Head { layer, head } => {
                let at = layer * self.statistic.heads + head;
                let left_out = self.statistic.rows_left_out.get(at).and_then(|&rows| why_left_out(rows));
                let left_out = left_out.map_or_else(String::new, |why| format!(" · {why}"));
                format!("{}: {}{left_out}", self.head(layer, head), self.statistic_value(self.statistic.values.get(at)))
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
                let said = match self.weights().get(token).filter(|_| sequence == other) {
                    Some(weight) => format!("{}: {} ({})", self.pair(name), number(*weight), self.unit),
                    None => name.to_owned(),
                };
                format!("{said}{}", self.decodes_to(sequence, token))
            }
            Target::Decoded { words, state, token } => self.lens(words, state, token),
            Target::Frame { image } => self.frame(image),
            Target::Cell { query, key } => {
                let (from, to) = (self.name(self.query, query), self.name(self.key, key));
                match self.cells.as_ref().and_then(|cells| cells.weight(query, key)) {
                    Some(weight) => {
                        format!("query {query} {from} → key {key} {to}: {} ({})", number(weight), self.unit)
                    }
                    None => format!("query {query} {from} → key {key} {to}"),
                }
            }
            Target::Output { layer, token } => self.output(layer, token),
            Target::Pin { pin } => format!("pin {}: a click selects it", pin + 1),
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

    /// `dog: L5H4 0.12 · L3H1 0.30 (attention weight)`, and the difference where there are two.
    fn tip_of_pins(&self, pinned: &Pinned, target: Target) -> Option<String> {
        let said: Vec<(&str, f32)> =
            pinned.pins.iter().filter_map(|pin| Some((pin.name.as_str(), pin.of(target)?))).collect();
        let name = match target {
            Target::Token { sequence, token } => self.name(sequence, token).to_owned(),
            Target::Pieces { sequence, first, count } => {
                (first..first + count).map(|token| self.name(sequence, token)).collect::<Vec<_>>().join(" + ")
            }
            Target::Cell { query, key } => {
                format!("query {} → key {}", self.name(self.query, query), self.name(self.key, key))
            }
            _ => return None,
        };
        if said.is_empty() {
            return None;
        }
        let mut words: Vec<String> = said.iter().map(|(name, value)| format!("{name} {}", number(*value))).collect();
        if let [(first, a), (second, b)] = said[..] {
            words.push(format!("{second} − {first} {}", number(b - a)));
        }
        Some(format!("{name}: {} ({})", words.join(" · "), pinned.unit))
    }

    /// `layer 3 · head 1`, and what somebody wrote down about it.
    fn head(&self, layer: usize, head: usize) -> String {
        let layer = self.layer_number(layer);
        let label = self.labels.iter().find(|label| (label.layer, label.head) == (layer, head));
        let label = label.map_or_else(String::new, |label| format!(" ‘{}’", label.label));
        format!("layer {layer} · head {head}{label}")
    }

    /// `image 3 · 1.5 s`.
    fn frame(&self, image: usize) -> String {
        let time = self.image_times.get(image).copied().flatten();
        format!("image {image}{}", time.map_or_else(String::new, |time| format!(" · {time} s")))
    }

    /// ` · state 4: red 0.62, grey 0.10`; empty where that is not known.
    fn decodes_to(&self, sequence: usize, token: usize) -> String {
        let found = self.decoded.iter().find(|(of, ..)| *of == sequence);
        let said =
            found.and_then(|(_, state, decoded)| Some(format!(" · {}: {}", state_of(*state), best(decoded, token)?)));
        said.unwrap_or_default()
    }

    /// What a state of a token decodes to.
    fn lens(&self, words: usize, state: usize, token: usize) -> String {
        let Some((sequence, states)) = self.word_states.get(words) else { return String::new() };
        let name = self.name(*sequence, token);
        let state_name = states.get(state).map_or_else(String::new, |state| state_of(*state));
        match self.lens.get(&(words, state)).and_then(|decoded| best(decoded, token)) {
            Some(best) => format!("{name} · {state_name}: {best}"),
            None => format!("{name} · {state_name}"),
        }
    }

    /// ` · instead: blue 0.2, green 0.1`: what the step that wrote an output token held for likely.
    fn alternatives(&self, token: usize) -> String {
        let step = if self.is_decoder { token.checked_sub(1) } else { Some(token) };
        let found = step.and_then(|step| best(self.alternatives.as_deref()?, step));
        found.map_or_else(String::new, |best| format!(" · the step that wrote it: {best}"))
    }

    fn layer_number(&self, layer: usize) -> usize {
        self.layer_numbers.get(layer).copied().unwrap_or(layer)
    }

    /// The masses of an output token. They are of the row of that token; a decoder predicts the next one there.
    fn output(&self, layer: Option<usize>, token: usize) -> String {
        let name = self.name(self.query, token);
        let alternatives = self.alternatives(token);
        let Some(timeline) = &self.timeline else { return format!("{name}{alternatives}") };
        let layers = match layer {
            Some(layer) => layer..layer + 1,
            None if timeline.layers == 1 => 0..1,
            None => self.layer.indices(timeline.layers),
        };
        let of =
            if layers.len() == 1 { format!(" · layer {}", self.layer_number(layers.start)) } else { String::new() };
        let place = timeline.tokens.iter().position(|&other| other == token);
        let Some(masses) = place.and_then(|place| timeline.over(layers, place)) else {
            let said = if place.is_some() { format!("{name}{of}: no value") } else { name.to_owned() };
            return format!("{said}{alternatives}");
        };
        let masses = TokenGroup::ALL.map(|group| format!("{} {}", group.label(), number(masses[group as usize])));
        let row = match self.is_decoder {
            true => format!("row {token}, which predicts token {}", token + 1),
            false => format!("row {token}"),
        };
        format!("{name}{of}: {} ({row}){alternatives}", masses.join(" · "))
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
                format!("{}: {weight} ({}, {how} of {count})", self.pair(&name), self.unit)
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

/// Words of a token that a tip names.
const NAMED_WORDS: usize = 3;

/// `red 0.62, grey 0.10`; `None` where there is no word.
fn best(decoded: &Decoded, token: usize) -> Option<String> {
    let words = decoded.words(token).take(NAMED_WORDS);
    let said: Vec<String> = words.map(|(text, probability)| format!("{} {probability:.2}", word(text))).collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// `state 4`, or `output`.
pub(in crate::view) fn state_of(state: WordState) -> String {
    match state {
        WordState::Hidden(state) => format!("state {state}"),
        WordState::Logits => "output".to_owned(),
    }
}

fn decoded(inputs: &Inputs<'_>) -> Vec<(usize, WordState, Arc<Decoded>)> {
    let of = |request: DecodedState| {
        let (sequence, state) = (request.sequence(inputs.document)?, request.state(inputs.document)?);
        Some((sequence, state, inputs.results.shared(&request)?))
    };
    asked::decoded(inputs).into_iter().filter_map(of).collect()
}

/// All states that are known.
fn lens(inputs: &Inputs<'_>) -> HashMap<(usize, usize), Arc<Decoded>> {
    let words = inputs.document.words.iter().enumerate();
    let states = words.flat_map(|(words, described)| (0..described.states.len()).map(move |state| (words, state)));
    let known = |(words, state)| Some(((words, state), inputs.results.shared(&DecodedState::at(words, state))?));
    states.filter_map(known).collect()
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
