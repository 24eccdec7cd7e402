//! The words that hidden states decode to: numbers in tensors, strings in one JSON object.

use std::collections::HashMap;

use super::TensorView;

/// The strings that words are numbers of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vocabulary(HashMap<i32, String>);

/// What one state of a sequence decodes to, `[tokens, k]`, the best word of each token first.
#[derive(Clone, Debug)]
pub struct WordsView<'a> {
    /// Words of each token.
    pub count: usize,
    /// Log-probabilities.
    pub scores: TensorView<'a>,
    /// Numbers into the vocabulary, 32 bits each.
    bytes: &'a [u8],
}

impl Vocabulary {
    /// From a JSON object of strings by number.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let strings: HashMap<String, String> = serde_json::from_slice(bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            format!("tensor `vocabulary` is no JSON object of strings: line {line}, column {column}")
        })?;
        let numbered = strings.into_iter().map(|(number, word)| match number.parse() {
            Ok(number) => Ok((number, word)),
            Err(_) => Err(format!("tensor `vocabulary` has the key \"{number}\", expected a whole number")),
        });
        numbered.collect::<Result<_, _>>().map(Self)
    }

    /// The word of a number.
    pub fn word(&self, number: i32) -> Option<&str> {
        self.0.get(&number).map(String::as_str)
    }

    /// The number of a word, the least if several are the same.
    pub fn number(&self, word: &str) -> Option<i32> {
        self.0.iter().filter(|(_, known)| *known == word).map(|(number, _)| *number).min()
    }

    /// How many words it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(i32, String)> for Vocabulary {
    fn from_iter<T: IntoIterator<Item = (i32, String)>>(words: T) -> Self {
        Self(words.into_iter().collect())
    }
}

impl<'a> WordsView<'a> {
    pub(super) fn new(count: usize, bytes: &'a [u8], scores: TensorView<'a>) -> Self {
        Self { count, scores, bytes }
    }

    /// The numbers of a token's words; none if there is no such token.
    pub fn numbers(&self, token: usize) -> impl Iterator<Item = i32> + use<'a> {
        let all = self.bytes.as_chunks().0;
        let of_token = all.get(token * self.count..(token + 1) * self.count).unwrap_or(&[]);
        of_token.iter().map(|bytes| i32::from_le_bytes(*bytes))
    }

    /// Their log-probabilities.
    pub fn scores_of(&self, token: usize) -> Vec<f32> {
        let mut scores = vec![0.0; self.numbers(token).count()];
        self.scores.read(token * self.count, &mut scores);
        scores
    }
}
