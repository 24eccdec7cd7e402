//! The tokens as words, wrapped, in the colours of the selection's attention; what the model said of it.

use std::collections::HashSet;
use std::ops::Range;

use glam::Vec2;

use super::canvas::Canvas;
use super::colour_bar::{Bar, Place, Scale};
use super::sides::{Sides, headline, largest, locked, refused, weight_label, weight_range};
use super::sinks;
use super::text_summary::{outputs, share_bar, shares};
use super::theme::ink_on;
use super::tip::number;
use super::words::{joined, of_word, words};
use super::{Inputs, Target, Theme};
use crate::render::colormap::Colormap;
use crate::render::{Align, Color, Quad, Rect};
use crate::trace::{Content, Modality, Token};

/// What one chip says and stands for; runs of patches share one, which is no target.
pub(super) struct Chip {
    pub text: String,
    /// The token, or the pieces of the word; none for patches.
    pub tokens: Range<usize>,
    /// A piece of the word before it.
    pub goes_on: bool,
    /// Begins a new line, apart from the one before, under a name and the share of the attention; both may be empty.
    pub segment: Option<(String, String)>,
}

/// One side's tokens.
pub(super) struct Flow {
    pub heading: Option<String>,
    pub sequence: usize,
    pub chips: Vec<Chip>,
}

/// Where the chips of a flow lie, for one font size.
struct Wrapped {
    size: f32,
    /// Where, what, and whether it is a number.
    headings: Vec<(Vec2, String, bool)>,
    chips: Vec<Rect>,
    bottom: f32,
}

const PAD: f32 = 5.0;
/// What the bar of the shares takes below the text, in lines.
const SHARES_LINES: f32 = 1.9;
/// What prediction and answer take.
const OUTPUTS_LINES: f32 = 1.3;

pub(super) fn draw(inputs: &Inputs<'_>, canvas: &mut Canvas<'_>) {
    let Some(sides) = Sides::of(inputs) else {
        canvas.title(inputs, "Text", inputs.document.id.as_deref());
        canvas.note("This trace holds no attention.");
        return;
    };
    canvas.title(inputs, &headline(inputs, &sides), inputs.document.id.as_deref());
    if refused(inputs, canvas) {
        return;
    }
    sinks::note(inputs, canvas, &sides);
    let far = &inputs.document.sequences[sides.far].tokens;
    if far.is_empty() && inputs.document.sequences[sides.near].tokens.is_empty() {
        canvas.note("This sequence holds no tokens.");
        return;
    }
    let scale = scale(inputs, &sides, far);
    let has_heat = !sides.shown.is_empty() && far.iter().any(|token| token.modality() == Modality::Text);
    let bar = if has_heat { Bar::reserve(canvas, &scale, Place::Below, inputs.options.colour_bar) } else { None };
    let line = canvas.text.normal * 1.7;
    let flows = flows(inputs, &sides);
    let mut shares = shares(far, sides.weights);
    let mut says = !inputs.document.outputs.is_empty();
    let height = |shares: bool, says: bool| {
        line * (if shares { SHARES_LINES } else { 0.0 } + if says { OUTPUTS_LINES } else { 0.0 })
    };
    // The text comes first: what stands below it gives way, the shares before what the model said.
    let text = wrap_all(canvas, &flows, canvas.text.normal * 0.8, canvas.free).1 - canvas.free.min.y;
    let scrolled =
        if inputs.options.text_scroll.is_some() { text.min(row_height(canvas.text.normal) * 4.0) } else { 0.0 };
    let spare = canvas.free.size().y - scrolled.max(line * 1.5);
    if height(shares.is_some(), says) > spare {
        shares = shares.filter(|_| !says && height(true, false) <= spare);
        says = says && height(false, true) <= spare;
    }
    let below = height(shares.is_some(), says);
    let mut room = canvas.free;
    room.max.y -= below;
    let bottom = chips(inputs, canvas, &sides, &flows, has_heat.then_some(&scale), room);
    canvas.content = Rect { min: canvas.free.min, max: Vec2::new(canvas.free.max.x, bottom) };
    let mut top = bottom;
    if let Some(shares) = shares {
        top = share_bar(canvas, shares, top + line * 0.5, line);
    }
    if says && outputs(inputs, canvas, top + line * 0.75) {
        top += line * OUTPUTS_LINES;
    }
    if let Some(bar) = bar {
        let width = canvas.free.size().x.min(260.0);
        let min = canvas.free.min;
        let marked = marked(canvas, &sides);
        bar.draw(canvas, Rect { min, max: Vec2::new(min.x + width, top.min(canvas.free.max.y)) }, &marked);
    }
}

/// The tokens alone, in the colours of a scale: without title, bar and what stands below.
pub(super) fn draw_chips(inputs: &Inputs<'_>, canvas: &mut Canvas<'_>, scale: Option<&Scale>) {
    let Some(sides) = Sides::of(inputs) else {
        canvas.note("This trace holds no attention.");
        return;
    };
    if refused(inputs, canvas) {
        return;
    }
    sinks::note(inputs, canvas, &sides);
    let room = canvas.free;
    chips(inputs, canvas, &sides, &flows(inputs, &sides), scale.filter(|_| !sides.shown.is_empty()), room);
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
        let tokens = &inputs.document.sequences[sequence].tokens;
        Flow { heading, sequence, chips: chips_of(tokens, inputs.document.images, weights, inputs.options.join_pieces) }
    };
    if sides.near == sides.far {
        return vec![flow(sides.far, None)];
    }
    vec![flow(sides.block.query, Some("queries")), flow(sides.block.key, Some("keys"))]
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
                let text = text_of(&tokens[at]).map_or_else(|| "[image]".to_owned(), super::words::word);
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

fn chips(
    inputs: &Inputs<'_>,
    canvas: &mut Canvas<'_>,
    sides: &Sides<'_>,
    flows: &[Flow],
    scale: Option<&Scale>,
    room: Rect,
) -> f32 {
    flow(inputs, canvas, flows, room, &mut |canvas, flow, chip, rect, size| {
        draw_chip(canvas, sides, flow.sequence, chip, rect, size, scale);
    })
}

/// Draws a chip of a flow into a rectangle, in a font size.
pub(super) type DrawChip<'a> = dyn FnMut(&mut Canvas<'_>, &Flow, &Chip, Rect, f32) + 'a;

/// Draws all flows in the largest font size in which they fit, and tells where they end. What does not fit even in the
/// smallest scrolls, or is counted where nothing scrolls.
pub(super) fn flow(
    inputs: &Inputs<'_>,
    canvas: &mut Canvas<'_>,
    flows: &[Flow],
    room: Rect,
    draw_chip: &mut DrawChip<'_>,
) -> f32 {
    // Few words in a large room may be large, but are no poster.
    let sizes = [(1.6, 0.4), (1.3, 0.5), (1.1, 1.0), (1.0, 1.0), (0.9, 1.0), (0.8, 1.0)];
    let mut wrapped = Vec::new();
    let mut end = room.min.y;
    for (factor, share) in sizes {
        (wrapped, end) = wrap_all(canvas, flows, canvas.text.normal * factor, room);
        if end <= room.min.y + room.size().y * share {
            break;
        }
    }
    let mut shift = 0.0;
    let scrolls = inputs.options.text_scroll.filter(|_| end > room.max.y);
    if let Some(rows) = scrolls {
        let size = canvas.text.normal;
        let narrower = Rect { max: room.max - Vec2::new(SCROLL_BAR + 4.0, 0.0), ..room };
        (wrapped, end) = wrap_all(canvas, flows, size, narrower);
        let row = row_height(size);
        let beyond = ((end - room.max.y) / row).ceil().max(0.0);
        let rows = rows.floor().clamp(0.0, beyond);
        canvas.rows_beyond = beyond;
        shift = rows * row;
        scroll_bar(canvas, room, shift, end - room.min.y, beyond * row);
    }
    let mut bottom = room.min.y;
    let mut left_out = 0;
    for (flow, wrapped) in flows.iter().zip(&wrapped) {
        let is_cut = scrolls.is_none() && wrapped.bottom > room.max.y;
        let limit = room.max.y - if is_cut { wrapped.size * 1.6 } else { 0.0 };
        let fits = |top: f32, bottom: f32| top >= room.min.y - 0.5 && bottom <= limit + 0.5;
        for (at, text, is_number) in &wrapped.headings {
            let at = *at - Vec2::new(0.0, shift);
            if fits(at.y - wrapped.size * 0.5, at.y + wrapped.size * 0.7) {
                let ink = if *is_number { canvas.palette.muted } else { canvas.palette.text };
                canvas.label(at, Align::Left, text.clone(), canvas.text.small, ink);
            }
        }
        for (chip, rect) in flow.chips.iter().zip(&wrapped.chips) {
            let rect = Rect { min: rect.min - Vec2::new(0.0, shift), max: rect.max - Vec2::new(0.0, shift) };
            if fits(rect.min.y, rect.max.y) {
                draw_chip(canvas, flow, chip, rect, wrapped.size);
                bottom = bottom.max(rect.max.y);
            } else {
                left_out += 1;
            }
        }
    }
    if left_out > 0 && scrolls.is_none() {
        let small = canvas.text.small;
        let text = canvas.elide(&format!("… and {left_out} more that have no room here"), small, false, room.size().x);
        canvas.label(Vec2::new(room.min.x, bottom + small), Align::Left, text, small, canvas.palette.muted);
        bottom += small * 1.6;
    }
    bottom
}

const SCROLL_BAR: f32 = 5.0;

/// Which part of the text is seen: `shift` of `end` pixels lie above.
fn scroll_bar(canvas: &mut Canvas<'_>, room: Rect, shift: f32, length: f32, end: f32) {
    let height = room.size().y;
    let handle = (height * height / length).clamp(12.0_f32.min(height), height);
    let top = room.min.y + (height - handle) * if end > 0.0 { shift / end } else { 0.0 };
    let left = room.max.x - SCROLL_BAR;
    let rounded = |rect: Rect, fill: Color| Quad {
        rect,
        fill,
        stroke: Color::TRANSPARENT,
        stroke_width: 0.0,
        corner_radius: SCROLL_BAR / 2.0,
    };
    canvas.quad(rounded(Rect::at(left, room.min.y, SCROLL_BAR, height), canvas.palette.surface));
    canvas.quad(rounded(Rect::at(left, top, SCROLL_BAR, handle), canvas.palette.line));
}

fn row_height(size: f32) -> f32 {
    size * 2.05
}

/// All flows below each other, and where the last one ends.
fn wrap_all(canvas: &mut Canvas<'_>, flows: &[Flow], size: f32, room: Rect) -> (Vec<Wrapped>, f32) {
    let mut end = room.min.y - size * 0.7;
    let mut wrapped = Vec::with_capacity(flows.len());
    for flow in flows {
        let one = wrap(canvas, flow, size, end + size * 0.7, room);
        end = one.bottom;
        wrapped.push(one);
    }
    (wrapped, end)
}

fn wrap(canvas: &mut Canvas<'_>, flow: &Flow, size: f32, top: f32, room: Rect) -> Wrapped {
    let (height, gap, row) = (size * 1.65, size * 0.32, row_height(size));
    let mut headings = Vec::new();
    let mut chips = Vec::new();
    let mut at = Vec2::new(room.min.x, top);
    if let Some(heading) = &flow.heading {
        let text = canvas.elide(heading, canvas.text.small, false, room.size().x);
        headings.push((at + Vec2::new(0.0, size * 0.6), text, true));
        at.y += size * 1.45;
    }
    for (index, chip) in flow.chips.iter().enumerate() {
        if let Some((name, share)) = &chip.segment {
            if index > 0 {
                at = Vec2::new(room.min.x, at.y + row + gap);
            }
            let small = canvas.text.small;
            for (text, is_number) in [(name, false), (share, true)] {
                let text = canvas.elide(text, small, false, room.size().x / 3.0);
                let width = canvas.width(&text, small);
                headings.push((at + Vec2::new(0.0, height / 2.0), text, is_number));
                at.x += if width > 0.0 { width + 6.0 } else { 0.0 };
            }
        }
        let width = (canvas.width(&chip.text, size) + 2.0 * PAD).min(room.size().x);
        let before = if chip.goes_on { gap - 1.0 } else { 0.0 };
        if at.x + width - before > room.max.x && at.x > room.min.x {
            at = Vec2::new(room.min.x, at.y + row);
        } else {
            at.x = (at.x - before).max(room.min.x);
        }
        chips.push(Rect::at(at.x, at.y, width, height));
        at.x += width + gap;
    }
    Wrapped { size, headings, chips, bottom: at.y + height }
}

fn draw_chip(
    canvas: &mut Canvas<'_>,
    sides: &Sides<'_>,
    sequence: usize,
    chip: &Chip,
    rect: Rect,
    size: f32,
    scale: Option<&Scale>,
) {
    let palette = canvas.palette;
    let quad =
        |fill: Color, stroke: Color, stroke_width: f32| Quad { rect, fill, stroke, stroke_width, corner_radius: 4.0 };
    if chip.tokens.is_empty() {
        canvas.quad(quad(palette.background, palette.patch, 1.0));
        let text = canvas.elide(&chip.text, size, false, rect.size().x - PAD);
        canvas.label(rect.center(), Align::Center, text, size, palette.patch);
        return;
    }
    let tokens = if sequence == sides.block.query { sides.query } else { sides.key };
    let first = chip.tokens.start;
    let special = tokens[first].special;
    let weights = sides.shown.get(chip.tokens.clone()).filter(|_| sequence == sides.far);
    let (fill, ink) = match (scale, weights.map(|weights| of_word(sides.direction, weights))) {
        (Some(scale), Some(weight)) => match scale.color(weight) {
            Some(fill) => (fill, ink_on(fill)),
            None => (palette.missing, palette.muted),
        },
        _ if special => (palette.surface, palette.muted),
        _ => (palette.surface, palette.text),
    };
    // A chip's edge tells it from the surface where its colour does not.
    let edge = if special { palette.special } else { palette.line };
    let (stroke, width) = if chip.tokens.clone().any(|token| sides.is_selected(sequence, token)) {
        (palette.selected, 2.5)
    } else if chip.tokens.clone().any(|token| sides.is_hovered(sequence, token)) {
        (palette.hover, 1.5)
    } else {
        (edge, 1.0)
    };
    canvas.quad(quad(fill, stroke, width));
    let text = canvas.elide(&chip.text, size, false, rect.size().x - PAD);
    canvas.label(rect.center(), Align::Center, text, size, ink);
    if chip.tokens.clone().any(|token| sides.is_marked_sink(sequence, token)) {
        sinks::dot(canvas, Vec2::new(rect.max.x - 2.0, rect.min.y + 2.0));
    }
    let target = match chip.tokens.len() {
        1 => Target::Token { sequence, token: first },
        count => Target::Pieces { sequence, first, count },
    };
    canvas.area(rect, target);
}

fn marked(canvas: &Canvas<'_>, sides: &Sides<'_>) -> Vec<(f32, Color)> {
    let (sequence, tokens) = match sides.hovered() {
        Some(Target::Token { sequence, token }) => (sequence, token..token + 1),
        Some(Target::Pieces { sequence, first, count }) => (sequence, first..first + count),
        _ => return Vec::new(),
    };
    let weights = sides.shown.get(tokens).filter(|_| sequence == sides.far);
    weights.map(|weights| (of_word(sides.direction, weights), canvas.palette.hover)).into_iter().collect()
}
