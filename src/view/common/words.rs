//! What tokens are called.

use std::collections::HashMap;

use super::patches::Patches;
use super::tiles::layers;
use crate::analysis::{self, Direction};
use crate::trace::{NAME_LETTERS, Token, beginning, shortened};

pub use crate::analysis::words::words;

/// What the pieces of a word have together: as keys the sum of what they receive, as queries the mean of what they give, so that it stays
/// a share of a word's attention (Clark et al. 2019, [arXiv 1906.04341](https://arxiv.org/abs/1906.04341), section 2).
pub(in crate::view) fn of_word(direction: Direction, weights: &[f32]) -> f32 {
    let sum: f32 = weights.iter().sum();
    match direction {
        Direction::AttendsTo => sum,
        Direction::AttendedBy => sum / weights.len().max(1) as f32,
    }
}

/// A token's text without the marks of its tokenizer, or the beginning of it where it is long.
pub fn word(text: &str) -> String {
    // No more of it can be in the beginning.
    shortened(&analysis::words::word(beginning(text, 4 * NAME_LETTERS)), NAME_LETTERS).into_owned()
}

/// The pieces of a word as one, or the beginning of it where it is long.
pub fn joined<'a>(pieces: impl Iterator<Item = &'a str>) -> String {
    shortened(&analysis::words::joined(pieces), NAME_LETTERS).into_owned()
}

/// The names of all tokens of a sequence: words as they are, image tokens by their row and column in the grid of
/// patches, 0-based, or by their number where there is no grid.
pub fn token_names(tokens: &[Token]) -> Vec<String> {
    let images = tokens.iter().filter_map(Token::image_area).map(|(image, _)| image + 1).max().unwrap_or(0);
    let mut names: Vec<String> = tokens
        .iter()
        .map(|token| token.label().map_or_else(|| format!("[{}]", token.modality().name()), word))
        .collect();
    for image in 0..images {
        let patches = Patches::find(tokens, image);
        let of_image = if images > 1 { format!("image {image} ") } else { String::new() };
        for (index, &token) in patches.tokens.iter().enumerate() {
            names[token] = match &patches.grid {
                Some(grid) => {
                    let (row, column) = grid.place(index);
                    format!("{of_image}patch (row {row}, column {column})")
                }
                None => format!("{of_image}box {index}"),
            };
        }
        for layer in layers(&patches).iter().filter(|_| patches.grid.is_none()) {
            let Some(grid) = &layer.patches.grid else { continue };
            for (index, &token) in layer.patches.tokens.iter().enumerate() {
                let (row, column) = grid.place(index);
                names[token] = format!("{of_image}{}×{} patch (row {row}, column {column})", grid.rows, grid.columns);
            }
        }
    }
    names
}

/// The same, with the position where several tokens have one name.
pub(in crate::view) fn distinct_names(tokens: &[Token]) -> Vec<String> {
    let names = token_names(tokens);
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for name in &names {
        *counts.entry(name).or_default() += 1;
    }
    let distinct = |(position, name): (usize, &String)| match counts.get(name.as_str()) {
        Some(1) => name.clone(),
        _ => format!("{name} (position {position})"),
    };
    names.iter().enumerate().map(distinct).collect()
}
