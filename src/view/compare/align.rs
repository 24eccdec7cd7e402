//! Which tokens of one sequence stand for which of another. Words are aligned by the longest common subsequence of their
//! texts, whatever pieces a tokenizer made of them; patches by their image and box. Where both have the same pieces, each
//! piece has its partner; where not, a word has the word.
//!
//! What both begin and end with is cut off first, so that two questions of one prompt cost next to nothing. Rejected:
//! patches in the same subsequence, since a model that sets the image before the text and one that sets it after would
//! share either the words or the patches.

use std::collections::HashMap;
use std::ops::Range;

use crate::trace::Token;
use crate::view::common::words::{joined, words};

/// Of more words than these that differ, in either text, none is looked for in the other: the table would take 128 MB.
const MOST_WORDS: usize = 8192;

/// Text that stands for text; one of both is empty where a text alone has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlignedRow {
    /// Tokens of the first sequence.
    pub a: Range<usize>,
    /// Tokens of the second.
    pub b: Range<usize>,
}

/// Two sequences beside each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alignment {
    /// The texts in their order; what only the first has comes before what only the second has.
    pub rows: Vec<AlignedRow>,
    /// By token of the first sequence: what stands for it in the second.
    in_b: Vec<Range<usize>>,
    /// The other way round.
    in_a: Vec<Range<usize>>,
}

/// An image, and a box on it in steps of 1/4096.
type PatchBox = (usize, [i32; 4]);

impl Alignment {
    /// Aligns two sequences; `whole_words` keeps words in one row that could be compared piece by piece.
    pub fn of(a: &[Token], b: &[Token], whole_words: bool) -> Self {
        let mut aligned = Self { rows: Vec::new(), in_b: vec![0..0; a.len()], in_a: vec![0..0; b.len()] };
        let (words_a, words_b) = (texts(a), texts(b));
        let pairs = common(&ids(&words_a, &words_b));
        let (mut next_a, mut next_b) = (0, 0);
        for (at_a, at_b) in pairs.into_iter().chain([(words_a.len(), words_b.len())]) {
            aligned.rows.extend(words_a[next_a..at_a].iter().map(|(word, _)| AlignedRow { a: word.clone(), b: 0..0 }));
            aligned.rows.extend(words_b[next_b..at_b].iter().map(|(word, _)| AlignedRow { a: 0..0, b: word.clone() }));
            if let (Some((word_a, _)), Some((word_b, _))) = (words_a.get(at_a), words_b.get(at_b)) {
                aligned.pair(a, b, word_a, word_b, whole_words);
            }
            (next_a, next_b) = (at_a + 1, at_b + 1);
        }
        aligned.pair_patches(a, b);
        aligned
    }

    /// What stands for a token of the first sequence in the second; empty if nothing does.
    pub fn in_b(&self, token: usize) -> Range<usize> {
        self.in_b.get(token).cloned().unwrap_or_default()
    }

    /// What stands for a token of the second sequence in the first; empty if nothing does.
    pub fn in_a(&self, token: usize) -> Range<usize> {
        self.in_a.get(token).cloned().unwrap_or_default()
    }

    fn pair(&mut self, a: &[Token], b: &[Token], word_a: &Range<usize>, word_b: &Range<usize>, whole_words: bool) {
        let same_pieces = a[word_a.clone()]
            .iter()
            .map(|token| &token.content)
            .eq(b[word_b.clone()].iter().map(|token| &token.content));
        if same_pieces {
            for (piece_a, piece_b) in word_a.clone().zip(word_b.clone()) {
                self.in_b[piece_a] = piece_b..piece_b + 1;
                self.in_a[piece_b] = piece_a..piece_a + 1;
                if !whole_words {
                    self.rows.push(AlignedRow { a: piece_a..piece_a + 1, b: piece_b..piece_b + 1 });
                }
            }
        } else {
            self.in_b[word_a.clone()].fill(word_b.clone());
            self.in_a[word_b.clone()].fill(word_a.clone());
        }
        if whole_words || !same_pieces {
            self.rows.push(AlignedRow { a: word_a.clone(), b: word_b.clone() });
        }
    }

    fn pair_patches(&mut self, a: &[Token], b: &[Token]) {
        // Of several tokens for one box the first stands for the first, and so on.
        let mut places: HashMap<PatchBox, Vec<usize>> = HashMap::new();
        for (token, place) in b.iter().enumerate().rev().filter_map(|(token, of)| Some((token, place(of)?))) {
            places.entry(place).or_default().push(token);
        }
        for (token, place) in a.iter().enumerate().filter_map(|(token, of)| Some((token, place(of)?))) {
            if let Some(partner) = places.get_mut(&place).and_then(Vec::pop) {
                self.in_b[token] = partner..partner + 1;
                self.in_a[partner] = token..token + 1;
            }
        }
    }
}

fn place(token: &Token) -> Option<PatchBox> {
    let (image, area) = token.image_area()?;
    Some((image, [area.x0, area.y0, area.x1, area.y1].map(|side| (side * 4096.0).round() as i32)))
}

/// The words of a sequence and what they say, without image tokens.
fn texts(tokens: &[Token]) -> Vec<(Range<usize>, String)> {
    let text = |token: &Token| token.text().map(str::to_owned);
    words(tokens)
        .into_iter()
        .filter_map(|word| {
            let pieces: Vec<String> = tokens[word.clone()].iter().map(text).collect::<Option<_>>()?;
            let says = joined(pieces.iter().map(String::as_str));
            Some((word, says))
        })
        .collect()
}

/// Words as numbers that are equal where the words are.
fn ids(a: &[(Range<usize>, String)], b: &[(Range<usize>, String)]) -> [Vec<usize>; 2] {
    let mut known: HashMap<String, usize> = HashMap::new();
    [a, b].map(|words| {
        let mut id = |(_, word): &(Range<usize>, String)| {
            let next = known.len();
            *known.entry(word.clone()).or_insert(next)
        };
        words.iter().map(&mut id).collect()
    })
}

/// The places of a longest common subsequence in both.
fn common([a, b]: &[Vec<usize>; 2]) -> Vec<(usize, usize)> {
    let begin = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let rest = a.len().min(b.len()) - begin;
    let end = a.iter().rev().zip(b.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let (middle_a, middle_b) = (&a[begin..a.len() - end], &b[begin..b.len() - end]);
    let mut pairs: Vec<(usize, usize)> = (0..begin).map(|at| (at, at)).collect();
    if middle_a.len().max(middle_b.len()) <= MOST_WORDS {
        pairs.extend(subsequence(middle_a, middle_b).into_iter().map(|(i, j)| (begin + i, begin + j)));
    }
    pairs.extend((0..end).map(|at| (a.len() - end + at, b.len() - end + at)));
    pairs
}

/// The textbook's table: `lengths[i][j]` is that of the subsequence of what begins at `i` and `j`.
fn subsequence(a: &[usize], b: &[usize]) -> Vec<(usize, usize)> {
    let width = b.len() + 1;
    let mut lengths = vec![0_u16; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            lengths[i * width + j] = if a[i] == b[j] {
                lengths[(i + 1) * width + j + 1] + 1
            } else {
                lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if lengths[(i + 1) * width + j] >= lengths[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Area;

    fn texts(words: &str) -> Vec<Token> {
        let token = |word: &str| Token::of_text(word);
        words.split(' ').map(token).collect()
    }

    fn rows(a: &str, b: &str) -> Vec<AlignedRow> {
        Alignment::of(&texts(a), &texts(b), false).rows
    }

    #[test]
    fn what_both_say_stands_together_and_the_rest_alone() {
        let row = |a: Range<usize>, b: Range<usize>| AlignedRow { a, b };
        assert_eq!(rows("a b", "a b"), [row(0..1, 0..1), row(1..2, 1..2)]);
        let expected =
            [row(0..1, 0..1), row(1..2, 0..0), row(0..0, 1..2), row(0..0, 2..3), row(2..3, 3..4), row(3..4, 4..5)];
        assert_eq!(rows("what color is it", "what big shape is it"), expected);
        assert_eq!(rows("x", "y"), [row(0..1, 0..0), row(0..0, 0..1)]);
    }

    #[test]
    fn words_of_other_pieces_stand_for_each_other() {
        let aligned = Alignment::of(&texts("a play ##ing dog"), &texts("a playing dog"), false);
        assert_eq!(aligned.rows[1], AlignedRow { a: 1..3, b: 1..2 });
        assert_eq!((aligned.in_b(2), aligned.in_a(1), aligned.in_b(3)), (1..2, 1..3, 2..3));
        let same = |whole| Alignment::of(&texts("play ##ing"), &texts("play ##ing"), whole).rows.len();
        assert_eq!((same(false), same(true)), (2, 1));
    }

    #[test]
    fn patches_are_found_by_their_boxes() {
        let patch = |x0: f32| Token::of_image(0, Area { x0, y0: 0.0, x1: x0 + 0.5, y1: 1.0 });
        let mut a = texts("look here");
        a.extend([patch(0.0), patch(0.5)]);
        let b: Vec<Token> = [patch(0.5), patch(0.0), patch(0.25)].into_iter().chain(texts("look here")).collect();
        let aligned = Alignment::of(&a, &b, false);
        assert_eq!([0, 1, 2, 3].map(|token| aligned.in_b(token)), [3..4, 4..5, 1..2, 0..1]);
        assert_eq!(aligned.in_a(2), 0..0);
        assert_eq!(aligned.in_b(99), 0..0);
    }
}
