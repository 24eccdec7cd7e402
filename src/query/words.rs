//! What hidden states decode to through the model's own head: the logit lens (nostalgebraist 2020; of patches Neo et al. 2024,
//! [arXiv 2410.07149](https://arxiv.org/abs/2410.07149)). The trace holds the best words of each token and their probabilities.

use std::sync::Arc;

use super::error::QueryError;
use super::request::{Context, Request};
use super::value::HeapBytes;
use crate::analysis::words::word;
use crate::analysis::{Pick, Selection};
use crate::trace::{Document, Vocabulary, WordState};

/// What one state of a sequence decodes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DecodedState {
    words: usize,
    state: usize,
}

/// The strings of all words.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Strings;

/// The best words of each token in one state, the best first.
#[derive(Clone, Debug, Default)]
pub struct Decoded {
    /// Words of each token.
    pub count: usize,
    /// `[tokens, count]`
    numbers: Vec<i32>,
    /// `[tokens, count]`
    log_probabilities: Vec<f32>,
    strings: Arc<Vocabulary>,
}

impl DecodedState {
    /// The state at a place of the list of an entry of [`Document::words`].
    pub fn at(words: usize, state: usize) -> Self {
        Self { words, state }
    }

    /// Of a sequence the state that a selection means, unless `chosen` says another: what the selected layer put out, the last where
    /// that is not one; the nearest that there is. `None` where the sequence has no words.
    pub fn of(document: &Document, sequence: usize, selection: &Selection, chosen: Option<usize>) -> Option<Self> {
        let words = document.words.iter().position(|words| words.sequence == sequence)?;
        let states = &document.words[words].states;
        let block = document.attention.get(selection.block);
        let wanted = chosen.or_else(|| match selection.layer {
            Pick::One(layer) => block.map(|block| block.layer_number(layer) + 1),
            Pick::Mean | Pick::Max => None,
        });
        let distance = |place: &usize| match (states[*place], wanted) {
            (WordState::Hidden(state), Some(wanted)) => state.abs_diff(wanted),
            // The output comes behind every state.
            (WordState::Logits, Some(_)) => usize::MAX,
            (_, None) => states.len() - place,
        };
        (0..states.len()).min_by_key(distance).map(|state| Self { words, state })
    }

    /// The output of a sequence, with the alternatives of each step.
    pub fn output(document: &Document, sequence: usize) -> Option<Self> {
        let words = document.words.iter().position(|words| words.sequence == sequence)?;
        let state = document.words[words].states.iter().position(|state| *state == WordState::Logits)?;
        Some(Self { words, state })
    }

    /// Which state it is; `None` where the document has none such.
    pub fn state(&self, document: &Document) -> Option<WordState> {
        document.words.get(self.words)?.states.get(self.state).copied()
    }

    /// Its place in the list of states.
    pub fn place(&self) -> usize {
        self.state
    }

    /// Index in [`Document::sequences`].
    pub fn sequence(&self, document: &Document) -> Option<usize> {
        document.words.get(self.words).map(|words| words.sequence)
    }
}

impl Decoded {
    /// From `[tokens, count]` of numbers of words and their log-probabilities.
    pub fn new(count: usize, numbers: Vec<i32>, log_probabilities: Vec<f32>, strings: Arc<Vocabulary>) -> Self {
        Self { count, numbers, log_probabilities, strings }
    }

    /// The words of a token with their probabilities, the best first; none if there is no such token.
    pub fn words(&self, token: usize) -> impl Iterator<Item = (&str, f32)> {
        let run = token * self.count..(token + 1) * self.count;
        let numbers = self.numbers.get(run.clone()).unwrap_or_default();
        let scores = self.log_probabilities.get(run).unwrap_or_default();
        numbers.iter().zip(scores).map(|(&number, score)| (self.strings.word(number).unwrap_or("?"), score.exp()))
    }

    /// The best word of a token.
    pub fn first(&self, token: usize) -> Option<(&str, f32)> {
        self.words(token).next()
    }

    /// The probability that a token decodes to a word, however its tokenizer marks it and whatever its case: the sum over all that
    /// are the same then. `None` where it is not among the best.
    pub fn probability(&self, wanted: &str, token: usize) -> Option<f32> {
        let plain = |text: &str| word(text).trim().to_lowercase();
        let wanted = plain(wanted);
        let found = self.words(token).filter(|(text, _)| plain(text) == wanted).map(|(_, probability)| probability);
        found.reduce(|sum, probability| sum + probability)
    }
}

impl Request for Strings {
    type Result = Arc<Vocabulary>;

    fn compute(&self, context: &Context<'_>) -> Result<Arc<Vocabulary>, QueryError> {
        context.trace().vocabulary().map(Arc::new).map_err(QueryError::failed)
    }
}

impl Request for DecodedState {
    type Result = Decoded;

    fn compute(&self, context: &Context<'_>) -> Result<Decoded, QueryError> {
        let strings = Arc::clone(&*context.get(&Strings)?);
        let view = context.trace().words(self.words, self.state);
        let view = view.ok_or_else(|| QueryError::failed("this trace holds no such words"))?;
        let tokens = view.scores.shape[0];
        let numbers = (0..tokens).flat_map(|token| view.numbers(token)).collect();
        let decoded = Decoded::new(view.count, numbers, view.scores.to_f32(), strings);
        context.trace().check_unchanged().map_err(QueryError::failed)?;
        Ok(decoded)
    }
}

impl HeapBytes for Decoded {
    fn heap_bytes(&self) -> usize {
        self.numbers.heap_bytes() + self.log_probabilities.heap_bytes()
    }
}

impl HeapBytes for Arc<Vocabulary> {
    fn heap_bytes(&self) -> usize {
        // A key, a string of some letters, and the table's slot.
        self.len() * 64
    }
}
