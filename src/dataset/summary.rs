//! What a list of examples shows of each: read from the header alone.

use serde_json::Value;

use crate::trace::{Content, Document};

/// One row of a list of examples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The text tokens that are not special, as one line.
    pub text: String,
    /// What the model put out.
    pub prediction: Option<String>,
    /// What it should have put out.
    pub answer: Option<String>,
    /// Whether it is right.
    pub is_correct: Option<bool>,
}

impl Summary {
    /// Reads it off a trace's document.
    pub fn of(document: &Document) -> Self {
        let words = document.sequences.iter().flat_map(|sequence| &sequence.tokens).filter(|token| !token.special);
        let pieces = words.filter_map(|token| match &token.content {
            Content::Text(text) => Some(text.as_str()),
            Content::Image { .. } => None,
        });
        let output = |key: &str| {
            document.outputs.get(key).map(|value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
        };
        Self {
            text: join_pieces(pieces),
            prediction: output("prediction"),
            answer: output("answer"),
            is_correct: document.outputs.get("correct").and_then(Value::as_bool),
        }
    }
}

/// Word pieces as running text: `##` continues a word, `Ġ` and `▁` begin one.
fn join_pieces<'a>(pieces: impl Iterator<Item = &'a str>) -> String {
    let mut line = String::new();
    for piece in pieces {
        let is_mark = piece.chars().all(|letter| letter.is_ascii_punctuation());
        if let Some(rest) = piece.strip_prefix("##") {
            line.push_str(rest);
        } else {
            if !line.is_empty() && !is_mark {
                line.push(' ');
            }
            line.push_str(piece.trim_start_matches(['Ġ', '▁']));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::join_pieces;

    #[test]
    fn pieces_read_as_words() {
        assert_eq!(join_pieces(["what", "col", "##or", "is", "it", "?"].into_iter()), "what color is it?");
        assert_eq!(join_pieces(["▁A", "▁red", "▁dome"].into_iter()), "A red dome");
    }
}
