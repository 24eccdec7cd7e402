//! Tokens that belong together: a word in several pieces, a segment, all of a modality.

use std::ops::Range;

use crate::trace::{Content, Modality, Token};

/// How the tokenizer shows where words begin or end.
#[derive(Clone, Copy)]
enum Convention {
    /// WordPiece (BERT): `##ing` goes on.
    Continued,
    /// SentencePiece (`▁red`) and byte-level BPE (`Ġred`): this begins a word.
    Begun(char),
    /// BPE of CLIP: `red</w>` ends a word.
    Ended,
}

/// The pieces of the word that a token is part of; the token alone if it is an image token or special. Marks like `?` are
/// words of their own, whether or not a space comes before them.
pub fn whole_word(tokens: &[Token], token: usize) -> Range<usize> {
    let convention = Convention::of(tokens);
    let goes_on = |at: usize| {
        let (Some(before), Some(piece)) = (at.checked_sub(1).and_then(|at| tokens.get(at)), tokens.get(at)) else {
            return false;
        };
        before.segment == piece.segment
            && letters(before).zip(letters(piece)).is_some_and(|(before, piece)| convention.joins(before, piece))
    };
    let mut word = token..token + 1;
    while goes_on(word.start) {
        word.start -= 1;
    }
    while goes_on(word.end) {
        word.end += 1;
    }
    word
}

/// The names of a sequence's segments, in the order of their first tokens.
pub fn segments(tokens: &[Token]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for name in tokens.iter().filter_map(|token| token.segment.as_deref()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// All tokens of a segment.
pub fn of_segment(tokens: &[Token], name: &str) -> Vec<usize> {
    (0..tokens.len()).filter(|&token| tokens[token].segment.as_deref() == Some(name)).collect()
}

/// All tokens of a modality that are not special.
pub fn of_modality(tokens: &[Token], modality: Modality) -> Vec<usize> {
    (0..tokens.len()).filter(|&token| tokens[token].modality() == modality && !tokens[token].special).collect()
}

impl Convention {
    fn of(tokens: &[Token]) -> Self {
        let texts = || {
            tokens.iter().filter_map(|token| match &token.content {
                Content::Text(text) => Some(text.as_str()),
                Content::Image { .. } => None,
            })
        };
        let begun = ['▁', 'Ġ'].into_iter().find(|&mark| texts().any(|text| text.starts_with(mark)));
        match begun {
            Some(mark) => Self::Begun(mark),
            None if texts().any(|text| text.ends_with("</w>")) => Self::Ended,
            None => Self::Continued,
        }
    }

    /// Whether a piece goes on with the word of the piece before it.
    fn joins(self, before: &str, piece: &str) -> bool {
        match self {
            Self::Continued => piece.starts_with("##"),
            Self::Begun(mark) => !piece.starts_with(mark),
            Self::Ended => !before.ends_with("</w>"),
        }
    }
}

/// The text of a piece that can be part of a word.
fn letters(token: &Token) -> Option<&str> {
    match &token.content {
        Content::Text(text) if !token.special && text.chars().any(char::is_alphanumeric) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Area;

    fn text(text: &str) -> Token {
        Token { content: Content::Text(text.to_owned()), special: text.starts_with('['), segment: None }
    }

    fn words(pieces: &[&str]) -> Vec<Range<usize>> {
        let tokens: Vec<Token> = pieces.iter().map(|piece| text(piece)).collect();
        let mut words: Vec<_> = (0..tokens.len()).map(|token| whole_word(&tokens, token)).collect();
        words.dedup();
        words
    }

    #[test]
    fn words_are_found_by_each_convention() {
        assert_eq!(words(&["[CLS]", "un", "##believ", "##able", "red", "?"]), [0..1, 1..4, 4..5, 5..6]);
        assert_eq!(words(&["▁un", "believ", "able", "▁red", "?", "▁it"]), [0..3, 3..4, 4..5, 5..6]);
        assert_eq!(words(&["What", "Ġun", "believ", "able", "?", "Ċ", "Ġred"]), [0..1, 1..4, 4..5, 5..6, 6..7]);
        assert_eq!(words(&["un", "believ", "able</w>", "red</w>", "?</w>"]), [0..3, 3..4, 4..5]);
        assert_eq!(words(&["plain", "words"]), [0..1, 1..2]);
    }

    #[test]
    fn segments_and_modalities() {
        let of = |segment: Option<&str>, token: Token| Token { segment: segment.map(str::to_owned), ..token };
        let area = Area { x0: 0.0, y0: 0.0, x1: 1.0, y1: 1.0 };
        let patch = Token { content: Content::Image { image: 0, area }, special: false, segment: None };
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
