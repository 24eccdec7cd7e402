//! What colours and sizes of points mean, and the words that say so.

use super::{ColorBy, SizeBy};
use crate::query::{Query, Received, RowEntropy};
use crate::render::Color;
use crate::render::colormap::Colormap;
use crate::trace::{Modality, Token};
use crate::view::common::asked;
use crate::view::common::scale::Scale;
use crate::view::common::sides::{Sides, weight_label};
use crate::view::common::tip::number;
use crate::view::{Inputs, Palette};

/// Segments, told apart by every kind of colour-blind eye (Okabe & Ito 2008), without the amber of the selection.
const SEGMENTS: [Color; 5] =
    [Color::hex(0x56b4e9), Color::hex(0x009e73), Color::hex(0xd55e00), Color::hex(0xcc79a7), Color::hex(0x0072b2)];

/// The colour of every token.
pub(in crate::view) struct Colours {
    colors: Vec<Color>,
    /// Where colours are values.
    pub scale: Option<Scale>,
    /// Where colours are names: each with its colour, a shape, and how many tokens have it.
    pub names: Vec<(String, Color, Modality, usize)>,
    /// Why there is nothing to colour by.
    pub lack: Option<&'static str>,
}

/// The radius of every token, in logical pixels.
pub(super) struct Sizes {
    radii: Vec<f32>,
    /// What sizes mean, if they differ.
    pub label: Option<String>,
}

/// What colours take to be known.
pub(in crate::view) fn needs(inputs: &Inputs<'_>) -> Vec<Query> {
    if !asked::has_attention(inputs) {
        return Vec::new();
    }
    match inputs.options.embedding.color_by {
        ColorBy::Received => vec![Received::of(inputs.shown).into()],
        ColorBy::Entropy => vec![RowEntropy::of(inputs.shown).into()],
        ColorBy::Selection => asked::of_selection(inputs),
        ColorBy::Modality | ColorBy::Segment | ColorBy::Position | ColorBy::Norm => Vec::new(),
    }
}

impl Colours {
    /// Of a sequence; `norms` are those of what its points are, and what they are called.
    pub fn of(inputs: &Inputs<'_>, sequence: usize, norms: (&[f32], &str), palette: &Palette) -> Self {
        let tokens = inputs.document.sequences[sequence].tokens.as_slice();
        let colours = Self::by(inputs, sequence, norms, palette);
        let count = inputs.selection.tokens.iter().filter(|token| **token < tokens.len()).count();
        let is_here = inputs.selection.sequence(inputs.document) == Some(sequence);
        // Where colours are names, the selected tokens have one of their own.
        let selected = (is_here && count > 0 && !colours.names.is_empty())
            .then(|| ("selected".to_owned(), palette.selected, Modality::Text, count));
        Self { names: colours.names.into_iter().chain(selected).collect(), ..colours }
    }

    fn by(inputs: &Inputs<'_>, sequence: usize, norms: (&[f32], &str), palette: &Palette) -> Self {
        let tokens = inputs.document.sequences[sequence].tokens.as_slice();
        let sides = Sides::of(inputs);
        let (values, label, lack) = match inputs.options.embedding.color_by {
            ColorBy::Modality => return Self::by_modality(tokens, palette),
            ColorBy::Segment => return Self::by_segment(tokens, palette),
            ColorBy::Position => {
                let positions = (0..tokens.len()).map(|token| token as f32).collect();
                (positions, "position in the sequence".to_owned(), "this sequence holds no tokens")
            }
            ColorBy::Norm => (norms.0.to_vec(), norms.1.to_owned(), "the norms are not here yet"),
            ColorBy::Received => {
                let label = "attention received".to_owned();
                (received(inputs, sequence), label, "these tokens are no keys of the block")
            }
            ColorBy::Entropy => {
                let label = "entropy of the token's attention (nats)".to_owned();
                (row_entropy(inputs, sequence), label, "these tokens are no queries of the block")
            }
            ColorBy::Selection => {
                let shown = sides.filter(|sides| sides.far == sequence).map_or(&[][..], |sides| sides.shown);
                (shown.to_vec(), weight_label(inputs), "the selection has no weights over these tokens")
            }
        };
        if values.len() != tokens.len() {
            let needs_attention = !matches!(inputs.options.embedding.color_by, ColorBy::Norm | ColorBy::Position);
            let lacks_it = needs_attention && inputs.document.attention.is_empty();
            let lack = if lacks_it { "this trace holds no attention" } else { lack };
            return Self { lack: Some(lack), ..Self::by_modality(tokens, palette) };
        }
        let from_least = matches!(inputs.options.embedding.color_by, ColorBy::Norm | ColorBy::Entropy);
        let (range, largest) = robust_range(&values, from_least);
        let label = if largest > range[1] { format!("{label}, up to {}", number(largest)) } else { label };
        let colormap = inputs.options.colormap.unwrap_or(Colormap::Viridis);
        let scale = Scale::plain(colormap, range, label);
        let colors = values.iter().map(|&value| scale.color(value).unwrap_or(palette.missing_stroke)).collect();
        Self { colors, scale: Some(scale), names: Vec::new(), lack: None }
    }

    pub fn of_token(&self, token: usize) -> Color {
        self.colors.get(token).copied().unwrap_or(Color::TRANSPARENT)
    }

    fn by_modality(tokens: &[Token], palette: &Palette) -> Self {
        let color = |token: &Token| match token.modality() {
            Modality::Image => palette.patch,
            _ if token.special => palette.special,
            Modality::Text => palette.word,
            Modality::Latent | Modality::Audio => palette.muted,
        };
        let all = [
            ("text", palette.word, Modality::Text),
            ("image", palette.patch, Modality::Image),
            ("special", palette.special, Modality::Text),
            ("latent, audio", palette.muted, Modality::Latent),
        ];
        let names = all.map(|(name, named, modality)| {
            let count = tokens.iter().filter(|token| color(token) == named).count();
            (name.to_owned(), named, modality, count)
        });
        let names = names.into_iter().filter(|(_, _, _, count)| *count > 0).collect();
        Self { colors: tokens.iter().map(color).collect(), scale: None, names, lack: None }
    }

    fn by_segment(tokens: &[Token], palette: &Palette) -> Self {
        let mut names: Vec<(String, Color, Modality, usize)> = Vec::new();
        let mut segments = 0;
        let mut colors = Vec::with_capacity(tokens.len());
        for token in tokens {
            let (name, modality) = match (&token.segment, token.modality()) {
                (Some(segment), modality) => (segment.as_str(), modality),
                (None, Modality::Text) => ("no segment", Modality::Text),
                (None, other) => (other.name(), other),
            };
            let known = names.iter().position(|(known, ..)| known == name);
            let row = known.unwrap_or_else(|| {
                let color = match (&token.segment, modality) {
                    (Some(_), _) => {
                        segments += 1;
                        SEGMENTS.get(segments - 1).copied().unwrap_or(palette.muted)
                    }
                    (None, Modality::Image) => palette.patch,
                    (None, _) => palette.special,
                };
                names.push((name.to_owned(), color, modality, 0));
                names.len() - 1
            });
            names[row].3 += 1;
            colors.push(names[row].1);
        }
        let lack = (segments == 0).then_some("this trace names no segments");
        Self { colors, scale: None, names, lack }
    }
}

impl Sizes {
    pub fn of(inputs: &Inputs<'_>, sequence: usize, tokens: usize) -> Self {
        let base = if tokens > 800 { 3.0 } else { 4.5 };
        let values = match inputs.options.embedding.size_by {
            SizeBy::Equal => Vec::new(),
            SizeBy::Received => received(inputs, sequence),
        };
        if values.len() != tokens {
            return Self { radii: vec![base; tokens], label: None };
        }
        let (range, _) = robust_range(&values, false);
        // Areas compare, so the radius goes with the root.
        let radius = |value: &f32| 2.0 + (2.2 * base - 2.0) * (value / range[1]).clamp(0.0, 1.0).sqrt();
        let radii = values.iter().map(|value| if value.is_finite() { radius(value) } else { 2.0 }).collect();
        Self { radii, label: Some(format!("area: attention received, full at {}", number(range[1]))) }
    }

    pub fn of_token(&self, token: usize) -> f32 {
        self.radii.get(token).copied().unwrap_or(4.5)
    }
}

/// What each token receives, if the tokens are keys of the block.
fn received(inputs: &Inputs<'_>, sequence: usize) -> Vec<f32> {
    let block = inputs.document.attention.get(inputs.shown.block);
    match block.filter(|block| block.key == sequence) {
        Some(_) => inputs.results.get(&Received::of(inputs.shown)).cloned().unwrap_or_default(),
        None => Vec::new(),
    }
}

/// How widely each token attends, if the tokens are queries of the block.
fn row_entropy(inputs: &Inputs<'_>, sequence: usize) -> Vec<f32> {
    let block = inputs.document.attention.get(inputs.shown.block);
    match block.filter(|block| block.query == sequence) {
        Some(_) => inputs.results.get(&RowEntropy::of(inputs.shown)).cloned().unwrap_or_default(),
        None => Vec::new(),
    }
}

/// From 0, or the least, to the 98th percentile of the values, so that a few massive tokens leave the others their colours; and
/// the largest value.
fn robust_range(values: &[f32], from_least: bool) -> ([f32; 2], f32) {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f32::total_cmp);
    let (Some(&least), Some(&largest)) = (sorted.first(), sorted.last()) else { return ([0.0, 1.0], 1.0) };
    let low = if from_least { least } else { 0.0_f32.min(least) };
    let percentile = sorted[(sorted.len() - 1) * 98 / 100];
    // A top that is only a little lower would cost more words than it brings.
    let high = if largest - low > 1.5 * (percentile - low) && percentile > low { percentile } else { largest };
    ([low, if high > low { high } else { low + 1.0 }], largest)
}
