//! The tokens of a dataset with their colours, for the token atlas.

use std::collections::HashMap;

use crate::dataset::Dataset;
use crate::dataset::tokens::{TokenAtlas, Tokens};
use crate::render::Color;
use crate::render::colormap::Colormap;
use crate::typed::choice;
use crate::view::{Palette, Theme, word};

choice! {
    /// What the colour of a token says.
    #[derive(Default)]
    pub enum TokenColor {
        /// Text, image or special.
        #[default]
        Modality = "modality";
        /// Its segment.
        Segment = "segment";
        /// The length of its last hidden state.
        Norm = "norm";
        /// Whether its example was answered rightly.
        Right = "right";
    }
}

/// Places and colours of the tokens of chosen examples.
#[derive(Clone, Debug, PartialEq)]
pub struct PaintedTokens {
    /// `[tokens]` of the whole dataset; not numbers where a token is not shown.
    pub places: Vec<[f32; 2]>,
    /// `[tokens]`.
    pub colors: Vec<Color>,
    /// What colours mean.
    pub legend: Vec<(String, Color)>,
    /// What the picture shows of how many.
    pub note: String,
}

/// Segments, told apart by every kind of colour-blind eye (Okabe & Ito 2008), without the amber of the selection.
const SEGMENTS: [Color; 5] =
    [Color::hex(0x56b4e9), Color::hex(0x009e73), Color::hex(0xd55e00), Color::hex(0xcc79a7), Color::hex(0x0072b2)];
/// Values of the norm that the legend names.
const STOPS: usize = 5;

impl PaintedTokens {
    /// Of the tokens of these rows of the dataset's table.
    pub fn of(atlas: &TokenAtlas, dataset: &Dataset, rows: &[u32], color: TokenColor, theme: Theme) -> Self {
        let tokens = &atlas.tokens;
        let row_of = rows_of(dataset, tokens);
        let mut keeps = vec![false; dataset.table.len()];
        rows.iter().for_each(|&row| keeps[row as usize] = true);
        let kept: Vec<bool> = row_of.iter().map(|row| row.is_some_and(|row| keeps[row])).collect();
        let place =
            |(token, &at): (usize, &[f32; 2])| if kept[tokens.example[token] as usize] { at } else { [f32::NAN; 2] };
        let places: Vec<[f32; 2]> = atlas.points.iter().enumerate().map(place).collect();
        let palette = theme.palette();
        let (colors, legend) = match color {
            TokenColor::Modality => by_modality(tokens, palette),
            TokenColor::Segment => by_segment(tokens, palette),
            TokenColor::Norm => by_norm(tokens, palette),
            TokenColor::Right => by_answer(tokens, dataset, &row_of, palette),
        };
        let shown = places.iter().filter(|place| place[0].is_finite()).count();
        let count = kept.iter().filter(|kept| **kept).count();
        let [first, second] = atlas.explained.map(|share| share * 100.0);
        let note = format!(
            "{shown} tokens of {count} examples · components of {} tokens explain {first:.0} and {second:.0} %",
            atlas.fitted_on
        );
        Self { places, colors, legend, note }
    }
}

fn by_modality(tokens: &Tokens, palette: &Palette) -> (Vec<Color>, Vec<(String, Color)>) {
    let color = |token: usize| match (tokens.special[token], tokens.place[token].is_some()) {
        (true, _) => palette.special,
        (false, true) => palette.patch,
        (false, false) => palette.word,
    };
    let names = [("text", palette.word), ("image", palette.patch), ("special", palette.special)];
    ((0..tokens.len()).map(color).collect(), names.map(|(name, color)| (name.to_owned(), color)).to_vec())
}

fn by_segment(tokens: &Tokens, palette: &Palette) -> (Vec<Color>, Vec<(String, Color)>) {
    let of_segment = |segment: u32| SEGMENTS.get(segment as usize).copied().unwrap_or(palette.muted);
    let color = |token: usize| match (tokens.segment[token], tokens.place[token].is_some()) {
        (Some(segment), _) => of_segment(segment),
        (None, true) => palette.patch,
        (None, false) => palette.special,
    };
    let mut names: Vec<(String, Color)> =
        tokens.segments.iter().enumerate().map(|(at, name)| (name.clone(), of_segment(at as u32))).collect();
    names.push(("image".to_owned(), palette.patch));
    names.push(("no segment".to_owned(), palette.special));
    ((0..tokens.len()).map(color).collect(), names)
}

/// From the 1st to the 99th per cent, so that a few huge norms do not make all others look alike.
fn by_norm(tokens: &Tokens, palette: &Palette) -> (Vec<Color>, Vec<(String, Color)>) {
    let mut sorted: Vec<f32> = tokens.norm.iter().copied().filter(|norm| norm.is_finite()).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let at =
        |share: f64| sorted.get(((sorted.len().saturating_sub(1)) as f64 * share) as usize).copied().unwrap_or(0.0);
    let (low, high) = (at(0.01), at(0.99));
    let color = |norm: f32| {
        let [r, g, b] = Colormap::Viridis.rgb((norm - low) / (high - low).max(f32::MIN_POSITIVE));
        if norm.is_finite() { Color([r, g, b, 255]) } else { palette.missing_stroke }
    };
    let stop = |stop: usize| low + (high - low) * stop as f32 / (STOPS - 1) as f32;
    let legend =
        (0..STOPS).map(|at| (format!("{}{:.3}", if at == 0 { "norm " } else { "" }, stop(at)), color(stop(at))));
    (tokens.norm.iter().map(|&norm| color(norm)).collect(), legend.collect())
}

fn by_answer(
    tokens: &Tokens,
    dataset: &Dataset,
    row_of: &[Option<usize>],
    palette: &Palette,
) -> (Vec<Color>, Vec<(String, Color)>) {
    let color = |answer: Option<bool>| match answer {
        Some(true) => palette.word,
        Some(false) => palette.patch,
        None => palette.special,
    };
    let of_example: Vec<Color> = row_of.iter().map(|row| color(row.and_then(|row| dataset.is_right(row)))).collect();
    // Blue and orange, since red and green are one colour for many.
    let names = [("right", Some(true)), ("wrong", Some(false)), ("unknown", None)];
    let colors = tokens.example.iter().map(|&example| of_example[example as usize]).collect();
    (colors, names.map(|(name, answer)| (name.to_owned(), color(answer))).to_vec())
}

/// The row of each of the tokens' examples; an example that was indexed after the dataset was opened has none.
pub fn rows_of(dataset: &Dataset, tokens: &Tokens) -> Vec<Option<usize>> {
    let rows: HashMap<i64, usize> = dataset.table.keys().iter().enumerate().map(|(row, &key)| (key, row)).collect();
    tokens.examples.iter().map(|key| rows.get(key).copied()).collect()
}

/// A token as a person reads it: the word, or the patch by the middle of its box.
pub fn token_name(tokens: &Tokens, token: usize) -> String {
    match (tokens.text[token], tokens.place[token]) {
        (Some(text), _) => word(&tokens.texts[text as usize]),
        (None, Some((image, [x, y]))) => format!("patch of image {image} at ({x:.2}, {y:.2})"),
        (None, None) => "[image]".to_owned(),
    }
}
