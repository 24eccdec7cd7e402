//! The two sides of the current block: the one that the selected tokens are on, and the one that has the weights.

use std::borrow::Cow;
use std::ops::Range;

use super::asked;
use super::near::selected_names;
use super::sketch::Sketch;
use super::words::{of_word, words};
use crate::analysis::normalize::Normalization;
use crate::analysis::peaks::Peaks;
use crate::analysis::sinks::Sinks;
use crate::analysis::{Combine, Direction, Pick, Rollout, Selection, SinkTreatment, WeightKind};
use crate::dataset::notes::HeadLabel;
use crate::query::Weights;
use crate::render::colormap::Colormap;
use crate::trace::{Block, Mask, NAME_LETTERS, Token, beginning};
use crate::view::{Inputs, Target};

/// The current block as the selection looks at it.
#[derive(Clone, Copy)]
pub(in crate::view) struct Sides<'a> {
    pub block: &'a Block,
    pub query: &'a [Token],
    pub key: &'a [Token],
    /// The sequence that the selected tokens are on.
    pub near: usize,
    /// The sequence that has the weights.
    pub far: usize,
    /// One per token of the far side, as in the model; empty if they are not there.
    pub weights: &'a [f32],
    /// One per token of the far side, as they are coloured.
    pub shown: &'a [f32],
    pub direction: Direction,
    pub selected: &'a [usize],
    /// What the weights are of.
    shown_of: &'a Selection,
    /// Where they are to be marked.
    marked_sinks: Option<&'a Sinks>,
    hover: Option<Target>,
}

impl<'a> Sides<'a> {
    /// `None` if the trace has no such block.
    pub fn of(inputs: &Inputs<'a>) -> Option<Self> {
        let sides = Self::bare(inputs)?;
        let tokens = inputs.document.sequences[sides.far].tokens.len();
        let checked = |weights: &'a Vec<f32>| if weights.len() == tokens { weights.as_slice() } else { &[] };
        let known = if inputs.refusal.is_none() { inputs.results.get(&Weights::of(inputs.shown)) } else { None };
        let weights = known.map_or(&[][..], checked);
        let shown = match asked::normalized(inputs) {
            Some(request) => inputs.results.get(&request).map_or(&[][..], checked),
            None => weights,
        };
        let is_marked = inputs.shown.sinks == SinkTreatment::Mark;
        let marked_sinks = is_marked.then(|| asked::known_sinks(inputs)).flatten();
        Some(Self { weights, shown, marked_sinks, ..sides })
    }

    /// The same without any numbers.
    pub fn bare(inputs: &Inputs<'a>) -> Option<Self> {
        let block = inputs.document.attention.get(inputs.shown.block)?;
        let (near, far) = match inputs.shown.direction {
            Direction::AttendsTo => (block.query, block.key),
            Direction::AttendedBy => (block.key, block.query),
        };
        Some(Self {
            block,
            query: inputs.document.query_tokens(block),
            key: inputs.document.key_tokens(block),
            near,
            far,
            weights: &[],
            shown: &[],
            direction: inputs.shown.direction,
            selected: &inputs.selection.tokens,
            shown_of: inputs.shown,
            marked_sinks: None,
            hover: inputs.hover.map(|target| of_token(inputs, target)),
        })
    }

    /// The same with other numbers.
    pub fn showing<'b>(self, shown: &'b [f32]) -> Sides<'b>
    where
        'a: 'b,
    {
        Sides { shown, ..self }
    }

    pub fn is_selected(&self, sequence: usize, token: usize) -> bool {
        sequence == self.near && self.selected.contains(&token)
    }

    /// Whether the token is a sink that is to be marked.
    pub fn is_marked_sink(&self, sequence: usize, token: usize) -> bool {
        let is_one = |sinks: &Sinks| sinks.sinks.iter().any(|sink| sink.token == token);
        sequence == self.block.key && self.marked_sinks.is_some_and(is_one)
    }

    /// Whether the pointer is on the token, or on a weight of its row or column.
    pub fn is_hovered(&self, sequence: usize, token: usize) -> bool {
        match self.hover {
            Some(Target::Token { sequence: s, token: t }) => (s, t) == (sequence, token),
            Some(Target::Cell { query, key }) => {
                (self.block.query, query) == (sequence, token) || (self.block.key, key) == (sequence, token)
            }
            Some(Target::Output { token: t, .. }) => (self.block.query, t) == (sequence, token),
            Some(Target::Pieces { sequence: s, first, count }) => {
                s == sequence && (first..first + count).contains(&token)
            }
            _ => false,
        }
    }

    pub fn hovered(&self) -> Option<Target> {
        self.hover
    }

    /// The masks of the layers that are shown, each once. In a rollout of layers without future keys there are none of them, in others
    /// all keys may be seen.
    pub fn masks(&self) -> Vec<&'a Mask> {
        if self.shown_of.rollout().is_some() {
            return vec![if self.block.is_causal() { &Mask::Causal } else { &Mask::Full }];
        }
        let mut masks = Vec::new();
        for mask in self.shown_of.layer.indices(self.block.layers).map(|layer| self.block.mask(layer)) {
            if !masks.contains(&mask) {
                masks.push(mask);
            }
        }
        masks
    }

    /// What the far side's tokens are in this block.
    pub fn far_name(&self, direction: Direction) -> &'static str {
        match direction {
            Direction::AttendsTo => "keys",
            Direction::AttendedBy => "queries",
        }
    }
}

/// What a token decodes to is the token, where views mark it.
fn of_token(inputs: &Inputs<'_>, target: Target) -> Target {
    match target {
        Target::Decoded { words, token, .. } => match inputs.document.words.get(words) {
            Some(words) => Target::Token { sequence: words.sequence, token },
            None => target,
        },
        other => other,
    }
}

/// Whether a token is selected, in a trace without attention too.
pub(in crate::view) fn is_selected(inputs: &Inputs<'_>, sequence: usize, token: usize) -> bool {
    inputs.selection.sequence(inputs.document) == Some(sequence) && inputs.selection.tokens.contains(&token)
}

/// Whether the pointer is on a token, in a trace without attention too.
pub(in crate::view) fn is_hovered(inputs: &Inputs<'_>, sequence: usize, token: usize) -> bool {
    match (Sides::bare(inputs), inputs.hover) {
        (Some(sides), _) => sides.is_hovered(sequence, token),
        (None, Some(Target::Pieces { sequence: of, first, count })) => {
            of == sequence && (first..first + count).contains(&token)
        }
        (None, hover) => hover.map(|hover| of_token(inputs, hover)) == Some(Target::Token { sequence, token }),
    }
}

/// `layer 2 · head 1`.
pub(in crate::view) fn place(inputs: &Inputs<'_>) -> String {
    match inputs.shown.weights.is_undivided(inputs.document) {
        true => layers_line(inputs),
        false => format!("{} · {}", layers_line(inputs), heads_line(inputs)),
    }
}

/// What the weights are called where a sentence is about them: `attention`.
pub(in crate::view) fn noun(inputs: &Inputs<'_>) -> Cow<'static, str> {
    match &inputs.shown.weights {
        WeightKind::Raw | WeightKind::Rollout(_) => "attention".into(),
        other => other.quantity(),
    }
}

/// Whether the weights have a sign.
pub(in crate::view) fn is_signed(inputs: &Inputs<'_>) -> bool {
    inputs.shown.weights.is_signed(inputs.document)
}

/// `head 1`, or `head 1 ‘copies the word’` where somebody wrote that down.
pub(in crate::view) fn heads_line(inputs: &Inputs<'_>) -> String {
    match inputs.shown.head {
        Pick::One(head) => match inputs.shown.layer.one().and_then(|layer| head_label(inputs, layer, head)) {
            Some(label) => format!("head {head} ‘{label}’"),
            None => format!("head {head}"),
        },
        Pick::Mean => "mean of heads".to_owned(),
        Pick::Max => "maximum of heads".to_owned(),
    }
}

/// What somebody wrote down about a head of the shown block.
pub(in crate::view) fn head_label<'a>(inputs: &Inputs<'a>, layer: usize, head: usize) -> Option<&'a str> {
    let labels = &inputs.options.head_labels;
    let block = inputs.document.attention.get(inputs.shown.block).filter(|_| !labels.is_empty())?;
    let layer = block.layer_number(layer);
    let is_its = |label: &&HeadLabel| (label.layer, label.head) == (layer, head) && label.block == block.name;
    labels.iter().find(is_its).map(|label| beginning(&label.label, NAME_LETTERS))
}

/// `layer 2`.
pub(in crate::view) fn layers_line(inputs: &Inputs<'_>) -> String {
    let last = inputs.document.attention.get(inputs.shown.block).map_or(0, |block| block.layers.saturating_sub(1));
    if inputs.shown.weights.is_undivided(inputs.document) {
        return "whole model".to_owned();
    }
    if let Some(Rollout { start, .. }) = inputs.shown.rollout() {
        let end = inputs.shown.layer.one().unwrap_or(last);
        let [start, end] = [start, end].map(|layer| inputs.layer_number(layer));
        return format!("rollout of layers {start} to {end}");
    }
    match inputs.shown.layer {
        Pick::One(layer) => format!("layer {}", inputs.layer_number(layer)),
        Pick::Mean => "mean of layers".to_owned(),
        Pick::Max => "maximum of layers".to_owned(),
    }
}

/// A view's title; in the window, whose tabs name the view, a quiet line that says what of the trace it shows, and whether that is
/// only under the pointer.
pub(in crate::view) fn title(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    match inputs.options.title {
        true => sketch.title(inputs, &headline(inputs), inputs.document.id.as_deref()),
        false => subtitle(inputs, sketch),
    }
}

/// The line alone.
pub(in crate::view) fn subtitle(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    if !sketch.is_part && !inputs.options.title {
        sketch.subtitle(inputs, &format!("{} · {}", place(inputs), decapitalized(&tokens_line(inputs))));
    }
}

/// With a small first letter.
pub(in crate::view) fn decapitalized(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect()
}

/// `Attention of color, shape · layer 2 · head 1`.
pub(in crate::view) fn headline(inputs: &Inputs<'_>) -> String {
    format!("{} · {}", tokens_line(inputs), place(inputs))
}

/// `Attention of color, shape`.
pub(in crate::view) fn tokens_line(inputs: &Inputs<'_>) -> String {
    let names = selected_names(inputs);
    let noun = noun(inputs);
    let combined = match inputs.shown.combine {
        _ if inputs.shown.tokens.len() == 1 => capitalized(&noun),
        Combine::Mean => capitalized(&noun),
        Combine::Sum => format!("Summed {noun}"),
        Combine::Max => format!("Largest {noun}"),
    };
    format!("{combined} {} {names}", preposition(inputs.shown))
}

/// Between what the weights are called and the selected tokens.
pub(in crate::view) fn preposition(selection: &Selection) -> &'static str {
    match (&selection.weights, selection.direction) {
        (WeightKind::Relevance(_), Direction::AttendsTo) => "for",
        (WeightKind::Relevance(_), Direction::AttendedBy) => "of",
        (_, Direction::AttendsTo) => "of",
        (_, Direction::AttendedBy) => "to",
    }
}

/// The largest of the finite values, whichever sign it has: an infinite one would leave all others in one colour. 0 if there is none.
pub(in crate::view) fn largest(values: impl IntoIterator<Item = f32>) -> f32 {
    values.into_iter().map(f32::abs).filter(|value| value.is_finite()).fold(0.0, f32::max)
}

/// The weight up to which the colours of patches and words reach alike: the largest on any that is not special. Special tokens often
/// draw so much that all others would look alike: they stretch the scale only where there is nothing else. Words count whole
/// where their pieces are joined.
pub(in crate::view) fn common_peak(inputs: &Inputs<'_>, sides: &Sides<'_>) -> f32 {
    let far = &inputs.document.sequences[sides.far].tokens;
    let runs = if inputs.options.join_pieces { words(far) } else { (0..far.len()).map(|at| at..at + 1).collect() };
    let of = |special: bool| {
        let counts = |run: &&Range<usize>| special || !far[run.start].special;
        let weight =
            |run: &Range<usize>| sides.shown.get(run.clone()).map_or(0.0, |weights| of_word(sides.direction, weights));
        largest(runs.iter().filter(counts).map(weight))
    };
    let usual = of(false);
    if usual > 0.0 { usual } else { of(true) }
}

/// The ends of the colours of the weights on patches and words.
pub(in crate::view) fn common_range(inputs: &Inputs<'_>, sides: &Sides<'_>) -> [f32; 2] {
    let locked = locked(inputs, |peaks| peaks.patches.max(peaks.words));
    weight_range(inputs, locked.unwrap_or_else(|| common_peak(inputs, sides)))
}

/// What every weight would be if the queries attended evenly to all keys that they may, and how that is written; `None` where
/// weights are coloured in other units, or that share differs: from layer to layer, since its mask is stored, or since keys see
/// different numbers of queries. In a rollout a query attends to itself besides.
pub(in crate::view) fn uniform_share(inputs: &Inputs<'_>, sides: &Sides<'_>) -> Option<(f32, String)> {
    let (selection, keys) = (inputs.shown, sides.key.len());
    let [mask] = sides.masks()[..] else { return None };
    let are_shares = !matches!(selection.weights, WeightKind::Relevance(_) | WeightKind::Rollout(_));
    let are_raw = are_shares
        && inputs.options.normalization == Normalization::None
        && selection.sinks != SinkTreatment::Renormalise;
    let is_of_rows = selection.direction == Direction::AttendsTo || *mask == Mask::Full;
    if keys == 0 || !are_raw || !is_of_rows || sides.block.sink_share {
        return None;
    }
    let near = &inputs.document.sequences[sides.near].tokens;
    let all: Vec<usize> = (0..near.len()).filter(|&token| !near[token].special).collect();
    let tokens = if selection.tokens.is_empty() { &all } else { &selection.tokens };
    let seen = |&token: &usize| mask.run(token, keys).map_or(0, |run| run.len());
    let shares = || tokens.iter().map(|token| 1.0 / seen(token) as f32);
    let share = match selection.combine {
        Combine::Sum => shares().sum(),
        Combine::Max => shares().fold(0.0, f32::max),
        Combine::Mean => shares().sum::<f32>() / tokens.len().max(1) as f32,
    };
    let count = tokens.first().map(seen).filter(|count| tokens.iter().all(|token| seen(token) == *count))?;
    let of = if selection.combine == Combine::Sum { tokens.len() } else { 1 };
    (share > 0.0 && share.is_finite()).then(|| (share, format!("{of}/{count}")))
}

/// The values at the ends of the colours of weights: those with a sign have 0 in the middle.
pub(in crate::view) fn weight_range(inputs: &Inputs<'_>, largest: f32) -> [f32; 2] {
    let [low, high] = share_range(inputs, largest);
    if is_signed(inputs) && inputs.options.range.is_none() { [-high, high] } else { [low, high] }
}

/// The same of what is never below 0.
pub(in crate::view) fn share_range(inputs: &Inputs<'_>, largest: f32) -> [f32; 2] {
    let found = [0.0, if largest > 0.0 && largest.is_finite() { largest } else { 1.0 }];
    inputs.options.range.filter(|range| range.iter().all(|end| end.is_finite())).unwrap_or(found)
}

/// The colours of weights: two sides where they have a sign, else those that were chosen, or the view's own.
pub(in crate::view) fn weight_colormap(inputs: &Inputs<'_>, own: Colormap) -> Colormap {
    if is_signed(inputs) { Colormap::RedBlue } else { inputs.options.colormap.unwrap_or(own) }
}

/// The same over a picture.
pub(in crate::view) fn veil_colormap(inputs: &Inputs<'_>) -> Colormap {
    match is_signed(inputs) && inputs.options.fade {
        true => Colormap::RedBlueVeil,
        false => weight_colormap(inputs, Colormap::Ember),
    }
}

/// The largest weight of all heads and layers, where colours are to reach up to it. Normalized weights have scales of
/// their own that do not compare.
pub(in crate::view) fn locked(inputs: &Inputs<'_>, of: impl Fn(&Peaks) -> f32) -> Option<f32> {
    let peaks = asked::peaks(inputs).filter(|_| asked::normalization(inputs) == Normalization::None);
    inputs.results.get(&peaks?).map(of).filter(|peak| *peak > 0.0 && peak.is_finite())
}

/// What the colours of weights mean.
pub(in crate::view) fn weight_label(inputs: &Inputs<'_>) -> String {
    let is_locked = inputs.options.range.is_none() && locked(inputs, |peaks| peaks.tokens).is_some();
    match asked::normalization(inputs) {
        Normalization::None => {
            let what = quantity(inputs);
            let locked = if is_locked { " (locked)" } else { "" };
            match inputs.shown.combine {
                Combine::Sum if inputs.shown.tokens.len() != 1 => format!("{what}, summed{locked}"),
                Combine::Max if inputs.shown.tokens.len() != 1 => format!("{what}, largest{locked}"),
                _ => format!("{what}{locked}"),
            }
        }
        normalization => format!("{}, {}", noun(inputs), normalization.label()),
    }
}

/// What the numbers are, as a colour bar says it.
pub(in crate::view) fn quantity(inputs: &Inputs<'_>) -> String {
    let kind = &inputs.shown.weights;
    match kind {
        WeightKind::NormWeighted => format!("{} (weight × ‖W·v‖, rows sum to 1)", kind.quantity()),
        WeightKind::Relevance(_) if is_signed(inputs) => format!("{} (below 0: against the output)", kind.quantity()),
        _ => kind.quantity().into_owned(),
    }
}

/// Why the selection has no weights and never will have.
pub(in crate::view) fn refusal<'a>(inputs: &Inputs<'a>) -> Option<&'a str> {
    inputs.refusal.or_else(|| inputs.results.failure(&Weights::of(inputs.shown)))
}

/// With a capital and a full stop.
pub(in crate::view) fn sentence(words: &str) -> String {
    let end = if words.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{}{end}", capitalized(words))
}

fn capitalized(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}
