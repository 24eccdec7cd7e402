//! The tokens as words, wrapped, in the colours of the selection's attention; what the model said of it.

pub(super) mod flow;
mod plain;
pub(super) mod summary;

use std::collections::HashSet;
use std::ops::Range;

use glam::Vec2;

use self::flow::{Chip, Flow, PAD, flow, row_height, wrap_all};
use self::summary::{outputs, share_bar, shares};
use crate::render::colormap::Colormap;
use crate::render::{Align, Color, Quad, Rect};
use crate::trace::{Content, Modality, Token};
use crate::view::common::asked;
use crate::view::common::colour_bar::{Bar, BarSide, Scale};
use crate::view::common::sides::{
    Sides, headline, is_hovered, is_selected, largest, locked, refused, weight_label, weight_range,
};
use crate::view::common::sinks;
use crate::view::common::sketch::Sketch;
use crate::view::common::theme::ink_on;
use crate::view::common::tip::number;
use crate::view::common::words::{self, joined, of_word, words};
use crate::view::numbers::of_weights;
use crate::view::{Definition, Inputs, Target, Theme, View, caption};

/// What the bar of the shares takes below the text, in lines.
const SHARES_LINES: f32 = 1.9;
/// What prediction and answer take.
const OUTPUTS_LINES: f32 = 1.3;

/// All about this view.
pub(super) const VIEW: Definition = Definition {
    name: "text",
    title: "Text",
    needs: asked::of_selection,
    draw,
    caption: caption::normalized_weights,
    needs_for_numbers: |_| Vec::new(),
    numbers: |inputs| of_weights(View::Text, inputs),
};

pub(super) fn draw(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    let Some(sides) = Sides::of(inputs) else {
        return text_plain::draw(inputs, sketch);
    };
    sketch.title(inputs, &headline(inputs, &sides), inputs.document.id.as_deref());
    if refused(inputs, sketch) {
        return;
    }
    sinks::note(inputs, sketch, &sides);
    let far = &inputs.document.sequences[sides.far].tokens;
    if far.is_empty() && inputs.document.sequences[sides.near].tokens.is_empty() {
        sketch.note("This sequence holds no tokens.");
        return;
    }
    let scale = scale(inputs, &sides, far);
    let has_heat = !sides.shown.is_empty() && far.iter().any(|token| token.modality() == Modality::Text);
    let bar = if has_heat { Bar::reserve(sketch, &scale, BarSide::Below, inputs.options.colour_bar) } else { None };
    let line = sketch.text.normal * 1.7;
    let flows = flows(inputs, &sides);
    let mut shares = shares(far, sides.weights);
    let mut says = !inputs.document.outputs.is_empty();
    let height = |shares: bool, says: bool| {
        line * (if shares { SHARES_LINES } else { 0.0 } + if says { OUTPUTS_LINES } else { 0.0 })
    };
    // The text comes first: what stands below it gives way, the shares before what the model said.
    let text = wrap_all(sketch, &flows, sketch.text.normal * 0.8, sketch.free).1 - sketch.free.min.y;
    let scrolled =
        if inputs.options.text_scroll.is_some() { text.min(row_height(sketch.text.normal) * 4.0) } else { 0.0 };
    let spare = sketch.free.size().y - scrolled.max(line * 1.5);
    if height(shares.is_some(), says) > spare {
        shares = shares.filter(|_| !says && height(true, false) <= spare);
        says = says && height(false, true) <= spare;
    }
    let below = height(shares.is_some(), says);
    let mut room = sketch.free;
    room.max.y -= below;
    let bottom = chips(inputs, sketch, Some(&sides), &flows, has_heat.then_some(&scale), room);
    sketch.content = Rect { min: sketch.free.min, max: Vec2::new(sketch.free.max.x, bottom) };
    let mut top = bottom;
    if let Some(shares) = shares {
        top = share_bar(sketch, shares, top + line * 0.5, line);
    }
    if says && outputs(inputs, sketch, top + line * 0.75) {
        top += line * OUTPUTS_LINES;
    }
    if let Some(bar) = bar {
        let width = sketch.free.size().x.min(260.0);
        let min = sketch.free.min;
        let marked = marked(sketch, &sides);
        bar.draw(sketch, Rect { min, max: Vec2::new(min.x + width, top.min(sketch.free.max.y)) }, &marked);
    }
}

/// The tokens alone, in the colours of a scale: without title, bar and what stands below.
pub(super) fn draw_chips(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, scale: Option<&Scale>) {
    let Some(sides) = Sides::of(inputs) else {
        sketch.note("This trace holds no attention.");
        return;
    };
    if refused(inputs, sketch) {
        return;
    }
    sinks::note(inputs, sketch, &sides);
    let room = sketch.free;
    chips(inputs, sketch, Some(&sides), &flows(inputs, &sides), scale.filter(|_| !sides.shown.is_empty()), room);
}

/// How the weights are coloured; `None` if there are none.
pub(super) fn scale_of(inputs: &Inputs<'_>) -> Option<Scale> {
    let sides = Sides::of(inputs).filter(|sides| !sides.shown.is_empty())?;
    Some(scale(inputs, &sides, &inputs.document.sequences[sides.far].tokens))
}

/// On paper the colours run from light to dark, as ink does. Special tokens often draw so much attention that the
/// words would all look alike: they do not stretch the scale.
fn scale(inputs: &Inputs<'_>, sides: &Sides<'_>, far: &[Token]) -> Scale {
    let runs = if inputs.options.join_pieces { words(far) } else { (0..far.len()).map(|at| at..at + 1).collect() };
    let of = |special: bool| {
        let counts = |run: &&Range<usize>| {
            let token = &far[run.start];
            token.modality() == Modality::Text && (special || !token.special)
        };
        let weight =
            |run: &Range<usize>| sides.shown.get(run.clone()).map_or(0.0, |weights| of_word(sides.direction, weights));
        largest(runs.iter().filter(counts).map(weight))
    };
    let (words, all) = (of(false), of(true));
    let top = if words > 0.0 { words } else { all };
    let range = weight_range(inputs, locked(inputs, |peaks| peaks.words).unwrap_or(top));
    let mut label = weight_label(inputs);
    if all > range[1] * 1.0001 {
        label.push_str(&format!(" (special tokens up to {})", number(all)));
    }
    let reversed = inputs.options.theme == Theme::Light;
    Scale { colormap: inputs.options.colormap.unwrap_or(Colormap::Inferno), range, reversed, fades: false, label }
}

fn flows(inputs: &Inputs<'_>, sides: &Sides<'_>) -> Vec<Flow> {
    let flow = |sequence: usize, role: Option<&str>| {
        let sequence_name = &inputs.document.sequences[sequence].name;
        let heading = role.map(|role| format!("{role} · {sequence_name}"));
        let weights = if sequence == sides.far { sides.weights } else { &[] };
        Flow::of(inputs, sequence, heading, weights)
    };
    if sides.near == sides.far {
        return vec![flow(sides.far, None)];
    }
    vec![flow(sides.block.query, Some("queries")), flow(sides.block.key, Some("keys"))]
}

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
    let mut named = HashSet::new();
    for word in words(tokens) {
        let token = &tokens[word.start];
        // What is special goes with what it stands beside.
        let is_named_by = token.segment.as_deref().or(if token.special { segment } else { None });
        let begins = are_apart && is_named_by != segment;
        // The share is that of the whole segment: it stands where the segment begins, not where it goes on.
        let weights = if is_named_by.is_some_and(|name| !named.insert(name)) { &[] } else { weights };
        let heading = begins.then(|| heading(tokens, is_named_by, weights));
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
            let pieces = tokens[word.clone()].iter().filter_map(text_of);
            chips.push(Chip { text: joined(pieces), tokens: word, goes_on: false, segment: heading });
        } else {
            let mut heading = heading;
            for at in word.clone() {
                let text = text_of(&tokens[at]).map_or_else(|| "[image]".to_owned(), words::word);
                chips.push(Chip { text, tokens: at..at + 1, goes_on: at > word.start, segment: heading.take() });
            }
        }
    }
    chips
}

fn text_of(token: &Token) -> Option<&str> {
    match &token.content {
        Content::Text(text) => Some(text),
        Content::Image { .. } => None,
    }
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

/// A segment's name and its share of the attention.
fn heading(tokens: &[Token], name: Option<&str>, weights: &[f32]) -> (String, String) {
    let Some(name) = name else { return (String::new(), String::new()) };
    let total: f32 = weights.iter().sum();
    let of_segment = tokens.iter().zip(weights).filter(|(token, _)| token.segment.as_deref() == Some(name));
    let share = of_segment.map(|(_, weight)| weight).sum::<f32>() / total;
    (name.to_owned(), if share.is_finite() { format!("{share:.2}") } else { String::new() })
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
            Some(fill) => (fill, ink_on(fill)),
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

fn marked(sketch: &Sketch<'_>, sides: &Sides<'_>) -> Vec<(f32, Color)> {
    let (sequence, tokens) = match sides.hovered() {
        Some(Target::Token { sequence, token }) => (sequence, token..token + 1),
        Some(Target::Pieces { sequence, first, count }) => (sequence, first..first + count),
        _ => return Vec::new(),
    };
    let weights = sides.shown.get(tokens).filter(|_| sequence == sides.far);
    weights.map(|weights| (of_word(sides.direction, weights), sketch.palette.hover)).into_iter().collect()
}
