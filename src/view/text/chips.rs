//! The tokens as chips: which there are, and how one is drawn.

use std::collections::HashMap;

use glam::Vec2;

use super::flow::{Chip, Flow, PAD, flow};
use crate::render::{Align, Color, Quad, Rect};
use crate::trace::{Modality, Token};
use crate::view::common::scale::Scale;
use crate::view::common::sides::{Sides, is_hovered, is_selected};
use crate::view::common::sinks;
use crate::view::common::sketch::Sketch;
use crate::view::common::theme::ink_on;
use crate::view::common::words::{self, joined, of_word, words};
use crate::view::{Inputs, Target};

impl Flow {
    /// All tokens of a sequence; the shares of its segments are those of the weights, if there are any.
    pub fn of(inputs: &Inputs<'_>, sequence: usize, heading: Option<String>, weights: &[f32]) -> Self {
        let tokens = &inputs.document.sequences[sequence].tokens;
        let chips = chips_of(tokens, inputs.document.images, weights, inputs.options.join_pieces);
        Self { heading, sequence, chips }
    }
}

fn chips_of(tokens: &[Token], images: usize, weights: &[f32], join: bool) -> Vec<Chip> {
    let are_apart = has_segments(tokens);
    let mut chips: Vec<Chip> = Vec::new();
    let mut segment: Option<&str> = None;
    let mut shares = if are_apart { shares_of_segments(tokens, weights) } else { HashMap::new() };
    for word in words(tokens) {
        let token = &tokens[word.start];
        // What is special goes with what it stands beside.
        let is_named_by = token.segment.as_deref().or(if token.special { segment } else { None });
        let begins = are_apart && is_named_by != segment;
        // The share is that of the whole segment: it stands where the segment begins, not where it goes on.
        let share = is_named_by.and_then(|name| shares.remove(name));
        let heading = begins.then(|| {
            let share = share.filter(|share| share.is_finite()).map_or_else(String::new, |share| format!("{share:.2}"));
            (is_named_by.unwrap_or_default().to_owned(), share)
        });
        segment = if begins || chips.is_empty() { is_named_by } else { segment };
        if let Some(image) = patch_of(token) {
            // Later patches of a run belong to the chip that its first one made.
            if word.start.checked_sub(1).and_then(|before| patch_of(&tokens[before])) != Some(image) {
                let length = tokens[word.start..].iter().take_while(|token| patch_of(token) == Some(image)).count();
                let patches = if length == 1 { "patch" } else { "patches" };
                let name = if images > 1 { format!("image {image}") } else { "image".to_owned() };
                let text = format!("{name}: {length} {patches}");
                chips.push(Chip { text, tokens: 0..0, goes_on: false, segment: heading });
            }
        } else if join && word.len() > 1 {
            let pieces = tokens[word.clone()].iter().filter_map(Token::text);
            chips.push(Chip { text: joined(pieces), tokens: word, goes_on: false, segment: heading });
        } else {
            let mut heading = heading;
            for at in word.clone() {
                let text = Token::text(&tokens[at]).map_or_else(|| "[image]".to_owned(), words::word);
                chips.push(Chip { text, tokens: at..at + 1, goes_on: at > word.start, segment: heading.take() });
            }
        }
    }
    chips
}

/// Whether a token is of the text that segments divide: neither special nor a patch.
fn speaks(token: &Token) -> bool {
    !token.special && token.modality() == Modality::Text
}

/// Whether the text is of several segments, of which one may have no name.
fn has_segments(tokens: &[Token]) -> bool {
    let mut names = tokens.iter().filter(|token| speaks(token)).map(|token| &token.segment);
    names.next().is_some_and(|first| names.any(|name| name != first))
}

/// The share of the attention on each segment.
fn shares_of_segments<'a>(tokens: &'a [Token], weights: &[f32]) -> HashMap<&'a str, f32> {
    let total: f32 = weights.iter().sum();
    let mut shares: HashMap<&str, f32> = HashMap::new();
    for (token, weight) in tokens.iter().zip(weights) {
        if let Some(name) = token.segment.as_deref() {
            *shares.entry(name).or_default() += weight;
        }
    }
    shares.values_mut().for_each(|share| *share /= total);
    shares
}

/// The image of a patch that is not special.
fn patch_of(token: &Token) -> Option<usize> {
    token.image_area().map(|(image, _)| image).filter(|_| !token.special)
}

/// Draws all flows; without sides, or without a scale, without heat.
pub(super) fn chips(
    inputs: &Inputs<'_>,
    sketch: &mut Sketch<'_>,
    sides: Option<&Sides<'_>>,
    flows: &[Flow],
    scale: Option<&Scale>,
    room: Rect,
) -> f32 {
    flow(inputs, sketch, flows, room, &mut |sketch, flow, chip, rect, size| {
        draw_chip(inputs, sketch, sides, (flow.sequence, chip), (rect, size), scale);
    })
}

fn draw_chip(
    inputs: &Inputs<'_>,
    sketch: &mut Sketch<'_>,
    sides: Option<&Sides<'_>>,
    (sequence, chip): (usize, &Chip),
    (rect, size): (Rect, f32),
    scale: Option<&Scale>,
) {
    let palette = sketch.palette;
    let quad =
        |fill: Color, stroke: Color, stroke_width: f32| Quad { rect, fill, stroke, stroke_width, corner_radius: 4.0 };
    if chip.tokens.is_empty() {
        sketch.quad(quad(palette.background, palette.patch, 1.0));
        let text = sketch.elide(&chip.text, size, false, rect.size().x - PAD);
        sketch.label(rect.center(), Align::Center, text, size, palette.patch);
        return;
    }
    let first = chip.tokens.start;
    let special = inputs.document.sequences[sequence].tokens[first].special;
    let weight = sides.filter(|sides| sequence == sides.far).and_then(|sides| {
        let weights = sides.shown.get(chip.tokens.clone())?;
        Some(of_word(sides.direction, weights))
    });
    let (fill, ink) = match (scale, weight) {
        (Some(scale), Some(weight)) => match scale.color(weight) {
            Some(color) => {
                let fill = palette.background.mixed(color, scale.opacity(weight));
                (fill, ink_on(fill))
            }
            None => (palette.missing, palette.muted),
        },
        _ if special => (palette.surface, palette.muted),
        _ => (palette.surface, palette.text),
    };
    // A chip's edge tells it from the surface where its colour does not.
    let edge = if special { palette.special } else { palette.line };
    let (stroke, width) = if chip.tokens.clone().any(|token| is_selected(inputs, sequence, token)) {
        (palette.selected, 2.5)
    } else if chip.tokens.clone().any(|token| is_hovered(inputs, sequence, token)) {
        (palette.hover, 1.5)
    } else {
        (edge, 1.0)
    };
    sketch.quad(quad(fill, stroke, width));
    let text = sketch.elide(&chip.text, size, false, rect.size().x - PAD);
    sketch.label(rect.center(), Align::Center, text, size, ink);
    if sides.is_some_and(|sides| chip.tokens.clone().any(|token| sides.is_marked_sink(sequence, token))) {
        sinks::dot(sketch, Vec2::new(rect.max.x - 2.0, rect.min.y + 2.0));
    }
    let target = match chip.tokens.len() {
        1 => Target::Token { sequence, token: first },
        count => Target::Pieces { sequence, first, count },
    };
    sketch.area(rect, target);
}
