//! What tokens are called.

use super::patches::Patches;
use crate::trace::{Content, Token};

/// A token's text without the marks of its tokenizer: `##ing` → `ing`, `Ġred` → `red`, `▁red` → `red`.
/// What would leave nothing to see is named instead.
pub fn word(text: &str) -> String {
    let text = text.strip_prefix("##").filter(|rest| !rest.is_empty()).unwrap_or(text);
    let text = text.strip_suffix("</w>").filter(|rest| !rest.is_empty()).unwrap_or(text);
    let readable: String = text
        .replace(['Ġ', '▁'], " ")
        .replace(['Ċ', '\n'], "\\n")
        .replace('\t', "\\t")
        .chars()
        .filter(|character| !character.is_control())
        .collect();
    match readable.trim() {
        "" if text.is_empty() => "(empty)".to_owned(),
        "" => "(space)".to_owned(),
        trimmed => trimmed.to_owned(),
    }
}

/// The names of all tokens of a sequence: words as they are, image tokens by their row and column in the grid of
/// patches, 0-based, or by their number where there is no grid.
pub fn token_names(tokens: &[Token]) -> Vec<String> {
    let images = tokens.iter().filter_map(Token::image_area).map(|(image, _)| image + 1).max().unwrap_or(0);
    let mut names: Vec<String> = tokens
        .iter()
        .map(|token| match &token.content {
            Content::Text(text) => word(text),
            Content::Image { .. } => "[image]".to_owned(),
        })
        .collect();
    for image in 0..images {
        let patches = Patches::find(tokens, image);
        let of_image = if images > 1 { format!("image {image} ") } else { String::new() };
        for (index, &token) in patches.tokens.iter().enumerate() {
            names[token] = match &patches.grid {
                Some(grid) => {
                    let (row, column) = grid.place(index);
                    format!("{of_image}patch ({row}, {column})")
                }
                None => format!("{of_image}box {index}"),
            };
        }
    }
    names
}
