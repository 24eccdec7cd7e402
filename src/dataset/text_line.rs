//! The text of a trace as one line, which lists of examples show: read from the header alone.

use crate::analysis::words::{joined, piece, words};
use crate::trace::{Document, Sequence, Token};

/// The text tokens that are not special: pieces of words joined, with spaces between the words of all sequences.
pub fn text_line(document: &Document) -> String {
    let mut line = String::new();
    for word in document.sequences.iter().flat_map(words_of) {
        let is_mark = word.chars().all(|letter| letter.is_ascii_punctuation());
        if !line.is_empty() && !is_mark {
            line.push(' ');
        }
        line.push_str(&word);
    }
    line
}

fn words_of(sequence: &Sequence) -> impl Iterator<Item = String> + '_ {
    let of_run = |run: std::ops::Range<usize>| -> Option<String> {
        let pieces: Option<Vec<&str>> = sequence.tokens[run].iter().map(readable).collect();
        pieces.map(|pieces| joined(pieces.into_iter()))
    };
    words(&sequence.tokens).into_iter().filter_map(of_run)
}

/// Of a token that has something to read.
fn readable(token: &Token) -> Option<&str> {
    piece(token).filter(|text| !text.trim_matches(['Ġ', '▁', ' ']).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(pieces: &[&str]) -> String {
        let token = |text: &&str| Token::of_text(*text);
        let tokens = pieces.iter().map(token).collect();
        text_line(&Document { sequences: vec![Sequence { name: "main".into(), tokens }], ..Document::default() })
    }

    #[test]
    fn pieces_read_as_words() {
        assert_eq!(line(&["what", "col", "##or", "is", "it", "?"]), "what color is it?");
        assert_eq!(line(&["▁A", "▁red", "▁", "▁do", "me"]), "A red dome");
        assert_eq!(line(&["ĠA", "Ġre", "d", "Ċ", "Ġca", "fÃ©"]), "A red \\n café");
        assert_eq!(line(&["a", "foo\nbar\r"]), "a foo\\nbar");
    }
}
