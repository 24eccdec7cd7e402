//! What two traces say of the same heads, patches and words.

use std::ops::Range;

use super::align::Alignment;
use crate::analysis::Direction;
use crate::query::StatisticGrid;
use crate::trace::Token;
use crate::view::Inputs;
use crate::view::common::asked::statistic_grid;
use crate::view::common::patches::Patches;
use crate::view::common::sides::Sides;
use crate::view::common::words::{joined, of_word, token_names};

/// A statistic of both, as `[layers, heads]` of the larger of both in each direction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ComparedHeads {
    /// Number of rows.
    pub layers: usize,
    /// Number of columns.
    pub heads: usize,
    /// A's; not a number where it has no value.
    pub a: Vec<f32>,
    /// B's.
    pub b: Vec<f32>,
    /// What has no partner, in words.
    pub notes: Vec<String>,
}

/// Two patches, or two words: tokens of the side that has the weights.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparedTokens {
    /// As A calls it, or B if A lacks it.
    pub name: String,
    /// Tokens of A; empty if it has no such.
    pub a: Range<usize>,
    /// Tokens of B; empty if it has no such.
    pub b: Range<usize>,
    /// The weight in A and in B, of a word with all of its pieces; not a number where there is none.
    pub values: [f32; 2],
}

/// The patches of one image that both have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ComparedImage {
    /// In the order of A's tokens; empty if the grids do not agree.
    pub patches: Vec<ComparedTokens>,
    /// Why there are none, or not all.
    pub note: Option<String>,
}

impl ComparedHeads {
    /// The statistic of two traces that a comparison shows.
    pub fn of_inputs(a: &Inputs<'_>, b: &Inputs<'_>) -> Self {
        Self::of(&statistic_grid(a).0, &statistic_grid(b).0)
    }

    /// Puts two grids over each other.
    pub fn of(a: &StatisticGrid, b: &StatisticGrid) -> Self {
        let (layers, heads) = (a.layers.max(b.layers), a.heads.max(b.heads));
        let padded = |grid: &StatisticGrid| {
            let value = |place: usize| {
                let (layer, head) = (place / heads, place % heads);
                let is_there = layer < grid.layers && head < grid.heads;
                grid.values.get(layer * grid.heads + head).copied().filter(|_| is_there).unwrap_or(f32::NAN)
            };
            (0..layers * heads).map(value).collect::<Vec<f32>>()
        };
        let mut notes = Vec::new();
        for (what, a, b) in [("layer", a.layers, b.layers), ("head", a.heads, b.heads)] {
            let (fewer, more, name) = if a > b { (b, a, "A") } else { (a, b, "B") };
            match more - fewer {
                0 => {}
                1 => notes.push(format!("{what} {fewer} is in {name} alone")),
                _ => notes.push(format!("{what}s {fewer} to {} are in {name} alone", more - 1)),
            }
        }
        Self { layers, heads, a: padded(a), b: padded(b), notes }
    }

    /// `[layers, heads]`: A − B, not a number where either is none.
    pub fn differences(&self) -> Vec<f32> {
        self.a.iter().zip(&self.b).map(|(a, b)| a - b).collect()
    }
}

impl ComparedTokens {
    /// A − B; not a number where either is none.
    pub fn difference(&self) -> f32 {
        self.values[0] - self.values[1]
    }
}

/// The texts that have weights, word by word or piece by piece; what only one has is among them.
pub fn compared_text(a: &Inputs<'_>, b: &Inputs<'_>) -> Vec<ComparedTokens> {
    let Some((a_side, b_side, aligned)) = far(a, b) else { return Vec::new() };
    let name = |tokens: &[Token]| joined(tokens.iter().filter_map(Token::text));
    aligned
        .rows
        .iter()
        .map(|row| ComparedTokens {
            name: name(if row.a.is_empty() { &b_side.tokens[row.b.clone()] } else { &a_side.tokens[row.a.clone()] }),
            a: row.a.clone(),
            b: row.b.clone(),
            values: [a_side.weight(&row.a), b_side.weight(&row.b)],
        })
        .collect()
}

/// The patches of an image that have weights.
pub fn compared_image(a: &Inputs<'_>, b: &Inputs<'_>, image: usize) -> ComparedImage {
    image_of(a, b, image, ["A", "B"])
}

/// The same of two that have other names.
pub(super) fn image_of(a: &Inputs<'_>, b: &Inputs<'_>, image: usize, [name_a, name_b]: [&str; 2]) -> ComparedImage {
    let Some((a_side, b_side, aligned)) = far(a, b) else { return ComparedImage::default() };
    let [of_a, of_b] = [&a_side, &b_side].map(|side| Patches::find(side.tokens, image));
    let refusal = |note: String| ComparedImage { patches: Vec::new(), note: Some(note) };
    if of_b.tokens.is_empty() || of_a.tokens.is_empty() {
        return match (of_a.tokens.len(), of_b.tokens.len()) {
            (0, 0) => refusal("Neither has weights on patches of this image.".to_owned()),
            (0, _) => refusal(format!("{name_a} has no weights on patches of this image.")),
            (_, _) => refusal(format!("{name_b} has no weights on patches of this image.")),
        };
    }
    let all_agree =
        of_a.tokens.len() == of_b.tokens.len() && of_a.tokens.iter().all(|&token| aligned.in_b(token).len() == 1);
    if !all_agree {
        let grid = |patches: &Patches| match &patches.grid {
            Some(grid) => format!("{}×{} patches", grid.rows, grid.columns),
            None => format!("{} patches", patches.tokens.len()),
        };
        let (of_a, of_b) = (grid(&of_a), grid(&of_b));
        return refusal(format!("The patches have other places: {name_a} has {of_a}, {name_b} {of_b}."));
    }
    let names = token_names(a_side.tokens);
    let patches = of_a.tokens.iter().map(|&token| {
        let partner = aligned.in_b(token);
        let values = [a_side.weight(&(token..token + 1)), b_side.weight(&partner)];
        ComparedTokens { name: names[token].clone(), a: token..token + 1, b: partner, values }
    });
    ComparedImage { patches: patches.collect(), note: None }
}

/// The tokens of the side that has the weights, and these as they are coloured.
struct Far<'a> {
    tokens: &'a [Token],
    weights: &'a [f32],
    direction: Direction,
}

impl Far<'_> {
    fn weight(&self, tokens: &Range<usize>) -> f32 {
        match self.weights.get(tokens.clone()) {
            Some(weights) if !weights.is_empty() => of_word(self.direction, weights),
            _ => f32::NAN,
        }
    }
}

fn far<'a>(a: &Inputs<'a>, b: &Inputs<'a>) -> Option<(Far<'a>, Far<'a>, Alignment)> {
    let of = |inputs: &Inputs<'a>| {
        let sides = Sides::of(inputs)?;
        Some(Far {
            tokens: &inputs.document.sequences[sides.far].tokens,
            weights: sides.shown,
            direction: sides.direction,
        })
    };
    let (of_a, of_b) = (of(a)?, of(b)?);
    let aligned = Alignment::of(of_a.tokens, of_b.tokens, a.options.join_pieces);
    Some((of_a, of_b, aligned))
}
