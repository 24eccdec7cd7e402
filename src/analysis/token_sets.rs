//! Tokens that belong together: a word in several pieces, a segment, all of a modality.

use std::collections::HashSet;
use std::ops::Range;

use super::words::words;
use crate::trace::{Modality, Token};

/// The pieces of the word that a token is part of; the token alone if it is an image token or special.
pub fn whole_word(tokens: &[Token], token: usize) -> Range<usize> {
    words(tokens).into_iter().find(|word| word.contains(&token)).unwrap_or(token..token + 1)
}

/// The names of a sequence's segments, in the order of their first tokens.
pub fn segments(tokens: &[Token]) -> Vec<&str> {
    let mut known = HashSet::new();
    tokens.iter().filter_map(|token| token.segment.as_deref()).filter(|name| known.insert(*name)).collect()
}

/// All tokens of a segment.
pub fn of_segment(tokens: &[Token], name: &str) -> Vec<usize> {
    (0..tokens.len()).filter(|&token| tokens[token].segment.as_deref() == Some(name)).collect()
}

/// All tokens of a modality that are not special.
pub fn of_modality(tokens: &[Token], modality: Modality) -> Vec<usize> {
    (0..tokens.len()).filter(|&token| tokens[token].modality() == modality && !tokens[token].special).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Area;

    fn text(text: &str) -> Token {
        Token { special: text.starts_with('['), ..Token::of_text(text) }
    }

    fn words(pieces: &[&str]) -> Vec<Range<usize>> {
        let tokens: Vec<Token> = pieces.iter().map(|piece| text(piece)).collect();
        let mut words: Vec<_> = (0..tokens.len()).map(|token| whole_word(&tokens, token)).collect();
        words.dedup();
        words
    }

    #[test]
    fn words_are_found_by_each_convention() {
        assert_eq!(words(&["[CLS]", "un", "##break", "##able", "red", "?"]), [0..1, 1..4, 4..5, 5..6]);
        assert_eq!(words(&["▁un", "break", "able", "▁red", "?", "▁it"]), [0..3, 3..4, 4..5, 5..6]);
        assert_eq!(words(&["What", "Ġun", "break", "able", "?", "Ċ", "Ġred"]), [0..1, 1..4, 4..5, 5..6, 6..7]);
        assert_eq!(words(&["un", "break", "able</w>", "red</w>", "?</w>"]), [0..3, 3..4, 4..5]);
        assert_eq!(words(&["plain", "words"]), [0..1, 1..2]);
    }

    #[test]
    fn segments_and_modalities() {
        let of = |segment: Option<&str>, token: Token| Token { segment: segment.map(str::to_owned), ..token };
        let area = Area { x0: 0.0, y0: 0.0, x1: 1.0, y1: 1.0 };
        let patch = Token::of_image(0, area);
        let tokens = [
            of(Some("question"), text("[CLS]")),
            of(Some("question"), text("▁un")),
            of(Some("answer"), text("like")),
            of(None, patch),
            of(Some("question"), text("▁red")),
        ];
        assert_eq!(segments(&tokens), ["question", "answer"]);
        assert_eq!(of_segment(&tokens, "question"), [0, 1, 4]);
        assert_eq!(of_modality(&tokens, Modality::Text), [1, 2, 4]);
        assert_eq!(of_modality(&tokens, Modality::Image), [3]);
        assert_eq!(whole_word(&tokens, 1), 1..2, "a word does not go on in the next segment");
        assert_eq!(whole_word(&tokens, 3), 3..4);
        assert_eq!(whole_word(&[], 9), 9..10);
    }
}
