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

/// A statistic of both, as `[layers, heads]`: A's layers, then those that B has alone; the heads of the larger of both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ComparedHeads {
    /// The models' own numbers of the layers.
    pub layers: Vec<usize>,
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
        let numbers = |of: &StatisticGrid| (0..of.layers).map(|layer| of.layer_number(layer)).collect::<Vec<_>>();
        let alone = |of: &StatisticGrid, other: &StatisticGrid| {
            numbers(of).into_iter().filter(|&number| other.layer_index(number).is_none()).collect::<Vec<_>>()
        };
        let (layers, heads) = ([numbers(a), alone(b, a)].concat(), a.heads.max(b.heads));
        let padded = |grid: &StatisticGrid| {
            let value = |place: usize| {
                let head = place % heads;
                let layer = grid.layer_index(layers[place / heads]).filter(|_| head < grid.heads);
                layer.and_then(|layer| grid.values.get(layer * grid.heads + head)).copied().unwrap_or(f32::NAN)
            };
            (0..layers.len() * heads).map(value).collect::<Vec<f32>>()
        };
        let heads_alone = |of: &StatisticGrid, other: &StatisticGrid| (other.heads..of.heads).collect::<Vec<_>>();
        let notes = [
            alone_in_words("layer", &alone(a, b), "A"),
            alone_in_words("layer", &alone(b, a), "B"),
            alone_in_words("head", &heads_alone(a, b), "A"),
            alone_in_words("head", &heads_alone(b, a), "B"),
        ];
        let notes = notes.into_iter().flatten().collect();
        let [a, b] = [padded(a), padded(b)];
        Self { layers, heads, a, b, notes }
    }

    /// `[layers, heads]`: A − B, not a number where either is none.
    pub fn differences(&self) -> Vec<f32> {
        self.a.iter().zip(&self.b).map(|(a, b)| a - b).collect()
    }
}

/// `layers 4 to 7 are in A alone`; `None` of nothing.
fn alone_in_words(what: &str, numbers: &[usize], name: &str) -> Option<String> {
    let (first, last) = (numbers.first()?, numbers.last()?);
    Some(match numbers.len() {
        1 => format!("{what} {first} is in {name} alone"),
        count if last - first + 1 == count => format!("{what}s {first} to {last} are in {name} alone"),
        _ => {
            let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
            format!("{what}s {} are in {name} alone", numbers.join(", "))
        }
    })
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
