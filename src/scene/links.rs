//! Curves between words and patches. Each side of the drawing is the picture with its patches or a column of words;
//! every weight between them is a candidate, and the renderer keeps the strongest: of the selected tokens and of all others.

use std::sync::Arc;

use glam::Vec2;

use super::canvas::{Canvas, fit, on_picture};
use super::patches::Patches;
use super::sides::{Sides, headline, largest, refused};
use super::sinks;
use super::tip::number;
use super::words::word;
use super::{Inputs, Target};
use crate::analysis::Direction;
use crate::render::{Align, Color, Link, Links, Mark, Pixels, Rect, Transform};
use crate::trace::{Content, Modality, Token};

/// One end of the links: which tokens of which sequence.
#[derive(Clone, PartialEq)]
struct End {
    sequence: usize,
    modality: Modality,
    /// Of text, or of all images.
    tokens: Vec<usize>,
}

/// Where each token of an end lies.
type Anchors = Vec<(usize, Vec2)>;

pub(super) fn draw(inputs: &Inputs<'_>, canvas: &mut Canvas<'_>) {
    let Some(sides) = Sides::of(inputs) else {
        canvas.title(inputs, "Links", inputs.document.id.as_deref());
        canvas.note("This trace holds no attention.");
        return;
    };
    canvas.title(inputs, &headline(inputs, &sides), inputs.document.id.as_deref());
    if refused(inputs, canvas) {
        return;
    }
    sinks::note(inputs, canvas, &sides);
    let weights = &inputs.evidence.links;
    if sides.query.is_empty() || sides.key.is_empty() {
        canvas.note("This block has no queries or no keys.");
        return;
    }
    if weights.len() != sides.query.len() * sides.key.len() {
        canvas.note("The weights of this head are not here yet.");
        return;
    }
    let Some((queries, keys)) = ends(inputs, &sides) else {
        canvas.note("There are neither words nor patches to link.");
        return;
    };
    // The picture is at the left; where both sides are alike, the queries are.
    let keys_left = keys.modality == Modality::Image && queries.modality == Modality::Text;
    let (left, right) = if keys_left { (&keys, &queries) } else { (&queries, &keys) };
    let pairs = queries.tokens.iter().flat_map(|&query| keys.tokens.iter().map(move |&key| (query, key)));
    let full_weight = largest(pairs.map(|(query, key)| weights[query * sides.key.len() + key]));
    captions(inputs, canvas, keys_left, full_weight);
    let room = canvas.free;
    let (left_room, right_room) = split(canvas, inputs, left, right);
    let left_anchors = end(inputs, canvas, &sides, left, left_room, true);
    let right_anchors = end(inputs, canvas, &sides, right, right_room, false);
    let (query_anchors, key_anchors) =
        if keys_left { (&right_anchors, &left_anchors) } else { (&left_anchors, &right_anchors) };
    let (quiet, selected) = candidates(inputs, canvas, &sides, &queries, &keys, query_anchors, key_anchors);
    canvas.content = room;
    for links in [quiet, selected].into_iter().filter(|links| !links.is_empty()) {
        canvas.marks.push(Mark::Links(Links {
            links: Arc::new(links),
            keep: inputs.options.links,
            full_weight: if full_weight > 0.0 { full_weight } else { 1.0 },
            width: [0.5, 2.6],
            opacity: [0.08, 0.8],
            clip: room,
            view: Transform::IDENTITY,
        }));
    }
}

/// Text that attends to the image, or (attended by) text that the image attends to; the other of the two where a
/// block has no such weights; text to text or image to image where it has neither.
fn ends(inputs: &Inputs<'_>, sides: &Sides<'_>) -> Option<(End, End)> {
    let find = |sequence: usize, modality: Modality| {
        let all = inputs.document.sequences[sequence].tokens.as_slice();
        let tokens: Vec<usize> = match modality {
            Modality::Text => (0..all.len()).filter(|&token| all[token].modality() == Modality::Text).collect(),
            Modality::Image => (0..inputs.images.len()).flat_map(|image| Patches::find(all, image).tokens).collect(),
        };
        let shown = |token: &usize| all[*token].image_area().is_none_or(|(image, _)| is_shown(inputs, image));
        let tokens: Vec<usize> = tokens.into_iter().filter(shown).collect();
        (!tokens.is_empty()).then_some(End { sequence, modality, tokens })
    };
    let (query, key) = (sides.block.query, sides.block.key);
    let pair = |from: Modality, to: Modality| find(query, from).zip(find(key, to));
    let (first, second) = match inputs.selection.direction {
        Direction::AttendsTo => ((Modality::Text, Modality::Image), (Modality::Image, Modality::Text)),
        Direction::AttendedBy => ((Modality::Image, Modality::Text), (Modality::Text, Modality::Image)),
    };
    pair(first.0, first.1)
        .or_else(|| pair(second.0, second.1))
        .or_else(|| pair(Modality::Text, Modality::Text))
        .or_else(|| pair(Modality::Image, Modality::Image))
}

fn is_shown(inputs: &Inputs<'_>, image: usize) -> bool {
    let drawable = inputs.images.get(image).is_some_and(|pixels| pixels.width > 0 && pixels.height > 0);
    drawable && inputs.options.image.is_none_or(|only| only == image)
}

/// Names which side asks and which is looked at, and says how wide how strong a curve is.
fn captions(inputs: &Inputs<'_>, canvas: &mut Canvas<'_>, keys_left: bool, full_weight: f32) {
    let (small, muted) = (canvas.text.small, canvas.palette.muted);
    if canvas.free.size().y < small * 8.0 {
        return;
    }
    let y = canvas.free.min.y + small * 0.6;
    let (left, right) = if keys_left { ("keys", "queries") } else { ("queries", "keys") };
    canvas.label(Vec2::new(canvas.free.min.x, y), Align::Left, left, small, muted);
    canvas.label(Vec2::new(canvas.free.max.x, y), Align::Right, right, small, muted);
    let what = if inputs.selection.rollout.is_some() { "attention rollout" } else { "attention weight" };
    let middle = format!("width: {what}, up to {}", number(full_weight));
    let middle = canvas.elide(&middle, small, false, canvas.free.size().x - small * 12.0);
    canvas.label(Vec2::new(canvas.free.center().x, y), Align::Center, middle, small, muted);
    canvas.free.min.y += small * 1.7;
}

/// The room of each side: a column of words as wide as its widest, and the picture as large as leaves room for curves.
fn split(canvas: &mut Canvas<'_>, inputs: &Inputs<'_>, left: &End, right: &End) -> (Rect, Rect) {
    let room = canvas.free;
    let width = room.size().x;
    let mut needed = |end: &End, share: f32| match end.modality {
        Modality::Image => width * share,
        Modality::Text => {
            let size = canvas.text.normal;
            let words = end.tokens.iter().map(|&token| name(&inputs.document.sequences[end.sequence].tokens[token]));
            let widest = words.map(|word| canvas.width(&word, size)).fold(0.0, f32::max);
            (widest + 12.0).min(width * 0.3)
        }
    };
    let (for_left, for_right) = match (left.modality, right.modality) {
        (Modality::Image, Modality::Image) => (width * 0.4, width * 0.4),
        (Modality::Image, Modality::Text) => {
            let words = needed(right, 0.0);
            ((width - words) * 0.72, words)
        }
        _ => (needed(left, 0.4), needed(right, 0.4)),
    };
    let left = Rect { min: room.min, max: Vec2::new(room.min.x + for_left, room.max.y) };
    let right = Rect { min: Vec2::new(room.max.x - for_right, room.min.y), max: room.max };
    (left, right)
}

fn end(
    inputs: &Inputs<'_>,
    canvas: &mut Canvas<'_>,
    sides: &Sides<'_>,
    end: &End,
    room: Rect,
    is_left: bool,
) -> Anchors {
    match end.modality {
        Modality::Text => words(inputs, canvas, sides, end, room, is_left),
        Modality::Image => pictures(inputs, canvas, sides, end, room),
    }
}

/// A column of words, each with the place at its inner edge where links arrive.
fn words(
    inputs: &Inputs<'_>,
    canvas: &mut Canvas<'_>,
    sides: &Sides<'_>,
    end: &End,
    room: Rect,
    is_left: bool,
) -> Anchors {
    let tokens = &inputs.document.sequences[end.sequence].tokens;
    let step = (room.size().y / end.tokens.len() as f32).min(canvas.text.normal * 3.2);
    let size = canvas.text.normal.min((step / 1.15).max(canvas.text.small * 0.85));
    let every = (size * 1.15 / step).ceil().max(1.0) as usize;
    let top = room.center().y - step * end.tokens.len() as f32 / 2.0;
    let marked = |token: usize| sides.is_selected(end.sequence, token) || sides.is_hovered(end.sequence, token);
    let marked_rows: Vec<usize> = (0..end.tokens.len()).filter(|&row| marked(end.tokens[row])).collect();
    let mut anchors = Vec::with_capacity(end.tokens.len());
    for (row, &token) in end.tokens.iter().enumerate() {
        let y = top + (row as f32 + 0.5) * step;
        let edge = if is_left { room.max.x } else { room.min.x };
        anchors.push((token, Vec2::new(edge, y)));
        let target = Target::Token { sequence: end.sequence, token };
        let rect = Rect { min: Vec2::new(room.min.x, y - step / 2.0), max: Vec2::new(room.max.x, y + step / 2.0) };
        canvas.area(rect, target);
        // Where there is no room for all, some stand for all, and those that are marked push their neighbours aside.
        let beside_marked = marked_rows.iter().any(|&other| other != row && other.abs_diff(row) < every);
        if !marked(token) && (row % every != 0 || beside_marked) {
            continue;
        }
        let color = if sides.is_selected(end.sequence, token) {
            canvas.palette.selected_text
        } else if sides.is_hovered(end.sequence, token) {
            canvas.palette.text
        } else if tokens[token].special {
            canvas.palette.muted
        } else {
            canvas.palette.word
        };
        let text = canvas.elide(&name(&tokens[token]), size, false, room.size().x - 6.0);
        let (x, align) = if is_left { (edge - 6.0, Align::Right) } else { (edge + 6.0, Align::Left) };
        if sides.is_marked_sink(end.sequence, token) {
            sinks::dot(canvas, Vec2::new(edge, y));
        }
        canvas.label(Vec2::new(x, y), align, text, size, color);
    }
    anchors
}

/// The pictures, one below another, each with its patches' middles.
fn pictures(inputs: &Inputs<'_>, canvas: &mut Canvas<'_>, sides: &Sides<'_>, end: &End, room: Rect) -> Anchors {
    let tokens = &inputs.document.sequences[end.sequence].tokens;
    let shown: Vec<(usize, &Arc<Pixels>)> =
        inputs.images.iter().enumerate().filter(|(image, _)| is_shown(inputs, *image)).collect();
    let gap = 8.0;
    let height = (room.size().y + gap) / shown.len() as f32;
    let mut anchors = Vec::with_capacity(end.tokens.len());
    for (row, (image, pixels)) in shown.into_iter().enumerate() {
        let top = room.min.y + height * row as f32;
        let bottom = (top + height - gap).max(top + 1.0);
        let place = Rect { min: Vec2::new(room.min.x, top), max: Vec2::new(room.max.x, bottom) };
        let rect = fit(pixels.width as f32 / pixels.height as f32, place);
        canvas.picture(rect, pixels);
        // Curves are seen on a picture only if it steps back.
        canvas.fill(rect, canvas.palette.background.with_opacity(0.25));
        let patches = Patches::find(tokens, image);
        for (&token, &area) in patches.tokens.iter().zip(&patches.areas) {
            let rect = on_picture(area, rect);
            anchors.push((token, rect.center()));
            canvas.area(rect, Target::Token { sequence: end.sequence, token });
            if sides.is_marked_sink(end.sequence, token) {
                sinks::dot(canvas, Vec2::new(rect.max.x - 6.0, rect.min.y + 6.0));
            }
            if sides.is_selected(end.sequence, token) {
                canvas.mark_cell(rect.shrink(2.0), canvas.palette.selected, 2.0);
            } else if sides.is_hovered(end.sequence, token) {
                canvas.mark_cell(rect.shrink(1.5), Color::hex(0xffffff), 1.5);
            }
        }
    }
    anchors
}

/// A link for every weight between the two ends: those of tokens that are not selected, and those of selected ones.
/// They are kept apart, so that a selected token's links are seen even where all others are stronger.
fn candidates(
    inputs: &Inputs<'_>,
    canvas: &Canvas<'_>,
    sides: &Sides<'_>,
    queries: &End,
    keys: &End,
    query_anchors: &Anchors,
    key_anchors: &Anchors,
) -> (Vec<Link>, Vec<Link>) {
    let palette = canvas.palette;
    let weights = &inputs.evidence.links;
    let columns = sides.key.len();
    let any_selected = !inputs.selection.tokens.is_empty();
    let near_is_query = inputs.selection.direction == Direction::AttendsTo;
    let mut quiet = Vec::new();
    let mut selected = Vec::new();
    for &(query, from) in query_anchors {
        for &(key, to) in key_anchors {
            let weight = weights[query * columns + key];
            if weight.is_nan() || weight <= 0.0 {
                continue;
            }
            let (near, sequence) = if near_is_query { (query, queries.sequence) } else { (key, keys.sequence) };
            let is_selected = sides.is_selected(sequence, near);
            let quiet_word = palette.word.with_opacity(if any_selected { 0.45 } else { 0.8 });
            let color = if is_selected { palette.selected } else { quiet_word };
            let link = Link { from: from.to_array(), to: to.to_array(), weight, color };
            match is_selected {
                true => selected.push(link),
                false if inputs.options.links_of_selection && any_selected => {}
                false => quiet.push(link),
            }
        }
    }
    (quiet, selected)
}

fn name(token: &Token) -> String {
    match &token.content {
        Content::Text(text) => word(text),
        Content::Image { .. } => String::new(),
    }
}
