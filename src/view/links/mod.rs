//! Curves between words and patches. Each side of the drawing is the picture with its patches or a column of words;
//! every weight between them is a candidate, and the renderer keeps the strongest: of the selected tokens and of all others.

mod candidates;
mod places;

use std::sync::Arc;

use glam::Vec2;

use self::candidates::{Anchor, Candidates, Ends, Entry, candidates};
use self::places::{End, bundled, ends, is_shown, requests};
use crate::analysis::WeightKind;
use crate::query::Query;
use crate::render::{Align, Color, Links, Mark, Pixels, Quad, Rect, Transform};
use crate::trace::{Modality, Token};
use crate::view::common::asked;
use crate::view::common::heading::{begin, note_left_out, note_targets};
use crate::view::common::patches::Patches;
use crate::view::common::region_labels::RegionLabels;
use crate::view::common::sides::{Sides, noun, sentence, title};
use crate::view::common::sinks;
use crate::view::common::sketch::{Sketch, fit_at, on_picture};
use crate::view::common::tip::number;
use crate::view::common::words::word;
use crate::view::{Definition, Inputs, LinkColor, Target, View, caption, matrix};

/// All about this view.
pub(super) const VIEW: Definition = Definition {
    needs,
    draw,
    caption: caption::weights,
    needs_for_numbers: |inputs| matrix::whole(inputs).map(Query::from).into_iter().collect(),
    numbers: |inputs| matrix::array(View::Links, inputs),
};

fn needs(inputs: &Inputs<'_>) -> Vec<Query> {
    let Some(sides) = Sides::of(inputs).filter(|_| asked::has_attention(inputs)) else { return Vec::new() };
    let ends = ends(inputs, &sides);
    let requests = ends.map(|(queries, keys)| requests(inputs, &sides, &queries, &keys)).unwrap_or_default();
    requests
        .into_iter()
        .map(|link| link.request.into())
        .chain(asked::sinks(inputs).map(Query::from))
        .chain(asked::decoded(inputs).into_iter().map(Query::from))
        .collect()
}

fn draw(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    let Some(sides) = begin(inputs, sketch, "Links", |_, sketch| title(inputs, sketch)) else { return };
    if sides.query.is_empty() || sides.key.is_empty() {
        sketch.note("This block has no queries or no keys.");
        return;
    }
    let Some((queries, keys)) = ends(inputs, &sides) else {
        sketch.note("There are neither words nor patches to link.");
        return;
    };
    let asked = requests(inputs, &sides, &queries, &keys);
    // Of the head that lacks the most.
    let left_out = asked.iter().filter_map(|link| inputs.results.get(&link.request)).map(|found| found.left_out).max();
    match inputs.shown.weights.relevance(inputs.document) {
        None => note_left_out(sketch, left_out.unwrap_or_default(), "rows"),
        Some((_, relevance)) => note_targets(sketch, relevance.targets.len(), sides.query.len()),
    }
    // The picture is at the left; where both sides are alike, the queries are.
    let keys_left = keys.modality == Modality::Image && queries.modality == Modality::Text;
    let (left, right) = if keys_left { (&keys, &queries) } else { (&queries, &keys) };
    let (caption, legend_rows) = captions_room(sketch);
    let room = sketch.free;
    let (left_room, right_room) = split(sketch, inputs, left, right);
    let left_anchors = end(inputs, sketch, &sides, left, left_room, true);
    let right_anchors = end(inputs, sketch, &sides, right, right_room, false);
    let (query_anchors, key_anchors) =
        if keys_left { (right_anchors, left_anchors) } else { (left_anchors, right_anchors) };
    let ends = Ends { queries: query_anchors, keys: key_anchors };
    let found = match candidates(inputs, sketch, &sides, &asked, &ends) {
        Some(found) => found,
        None => {
            let failure = asked.iter().find_map(|link| inputs.results.failure(&link.request));
            return sketch.note(&failure.map_or("The weights of this head are not here yet.".to_owned(), sentence));
        }
    };
    sketch.content = room;
    if legend_rows {
        captions(inputs, sketch, caption, &found, [keys_left, keys.modality == Modality::Image]);
    }
    let full_weight = found.full_weight();
    for links in found.groups.into_iter().filter(|links| !links.is_empty()) {
        sketch.marks.push(Mark::Links(Links {
            links: Arc::new(links),
            keep: inputs.options.links,
            full_weight,
            width: if inputs.options.links_bundle { [1.0, 9.0] } else { [0.5, 2.6] },
            opacity: if inputs.options.links_bundle { [0.15, 0.75] } else { [0.08, 0.8] },
            clip: room,
            view: Transform::IDENTITY,
        }));
    }
}

/// Room for the lines above: where they lie, and whether there is any.
fn captions_room(sketch: &mut Sketch<'_>) -> (Rect, bool) {
    let small = sketch.text.small;
    let caption = Rect { max: Vec2::new(sketch.free.max.x, sketch.free.min.y + small * 3.2), ..sketch.free };
    let has_room = sketch.free.size().y >= small * 9.0;
    if has_room {
        sketch.free.min.y = caption.max.y;
    }
    (caption, has_room)
}

/// Names which side asks and which is looked at; says how many of how many links are drawn, how wide how strong a
/// curve is, and what the colours stand for.
fn captions(
    inputs: &Inputs<'_>,
    sketch: &mut Sketch<'_>,
    room: Rect,
    found: &Candidates,
    [keys_left, keys_are_image]: [bool; 2],
) {
    let (small, muted) = (sketch.text.small, sketch.palette.muted);
    let y = room.min.y + small * 0.6;
    // Queries and keys are at either end where both directions are shown.
    let sides = if keys_left { ["keys", "queries"] } else { ["queries", "keys"] };
    let [left, right] = if inputs.options.links_color == LinkColor::Direction { ["image", "text"] } else { sides };
    sketch.label(Vec2::new(room.min.x, y), Align::Left, left, small, muted);
    sketch.label(Vec2::new(room.max.x, y), Align::Right, right, small, muted);
    let (drawn, all) = found.counts(inputs.options.links);
    let strength = match (inputs.options.links_bundle, &inputs.shown.weights) {
        (true, WeightKind::Raw | WeightKind::Rollout(_)) => "sum of weights".to_owned(),
        (true, kind) => format!("sum of {}", kind.quantity()),
        (false, kind) => kind.quantity().into_owned(),
    };
    let middle = match all {
        0 if keys_are_image => format!("no {} on this image", noun(inputs)),
        0 => format!("no {} between these tokens", noun(inputs)),
        _ => {
            let (drawn, all, full) = (thousands(drawn), thousands(all), number(found.full_weight()));
            format!("{drawn} of {all} · width: {strength}, up to {full}")
        }
    };
    let middle = sketch.elide(&middle, small, false, room.size().x - small * 12.0);
    sketch.label(Vec2::new(room.center().x, y), Align::Center, middle, small, muted);
    legend(sketch, Rect { min: Vec2::new(room.min.x, room.min.y + small * 1.6), ..room }, &found.legend);
}

/// A line of swatches with their names; where there is no room for all, the strongest, and how many more there are.
fn legend(sketch: &mut Sketch<'_>, room: Rect, entries: &[Entry]) {
    let (small, text) = (sketch.text.small, sketch.palette.text);
    let middle = room.min.y + small * 0.6;
    let mut left = room.min.x;
    let mut entries: Vec<&Entry> = entries.iter().collect();
    let all: f32 = entries.iter().map(|entry| 22.0 + sketch.width(&entry.name, small)).sum();
    if all - 10.0 > room.size().x {
        entries.sort_by(|a, b| b.strength.total_cmp(&a.strength));
    }
    for (index, entry) in entries.iter().enumerate() {
        let needed = 12.0 + sketch.width(&entry.name, small);
        let more = format!("+ {}", entries.len() - index);
        let reserve = if index + 1 < entries.len() { sketch.width(&more, small) + 10.0 } else { 0.0 };
        if left + needed + reserve > room.max.x {
            if left + sketch.width(&more, small) <= room.max.x {
                sketch.label(Vec2::new(left, middle), Align::Left, more, small, sketch.palette.muted);
            }
            return;
        }
        sketch.fill(Rect::at(left, middle - 4.0, 8.0, 8.0), entry.color);
        sketch.label(Vec2::new(left + 12.0, middle), Align::Left, entry.name.as_str(), small, text);
        if let Some(target) = entry.target {
            sketch.area(Rect::at(left, middle - small * 0.75, needed, small * 1.5), target);
        }
        left += needed + 10.0;
    }
}

/// `98,304`.
fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The room of each side: a column of words as wide as its widest, and the picture as large as leaves room for curves.
fn split(sketch: &mut Sketch<'_>, inputs: &Inputs<'_>, left: &End, right: &End) -> (Rect, Rect) {
    let room = sketch.free;
    let width = room.size().x;
    let mut needed = |end: &End, share: f32| match end.modality {
        Modality::Image => width * share,
        Modality::Text | Modality::Latent | Modality::Audio => {
            let size = sketch.text.normal;
            let words = end.tokens.iter().map(|&token| name(&inputs.document.sequences[end.sequence].tokens[token]));
            let widest = words.map(|word| sketch.width(&word, size)).fold(0.0, f32::max);
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
    sketch: &mut Sketch<'_>,
    sides: &Sides<'_>,
    end: &End,
    room: Rect,
    is_left: bool,
) -> Vec<Anchor> {
    match end.modality {
        Modality::Image => pictures(inputs, sketch, sides, end, room),
        Modality::Text | Modality::Latent | Modality::Audio => words(inputs, sketch, sides, end, room, is_left),
    }
}

/// A column of words, each with the place at its inner edge where links arrive.
fn words(
    inputs: &Inputs<'_>,
    sketch: &mut Sketch<'_>,
    sides: &Sides<'_>,
    end: &End,
    room: Rect,
    is_left: bool,
) -> Vec<Anchor> {
    let tokens = &inputs.document.sequences[end.sequence].tokens;
    let step = (room.size().y / end.tokens.len() as f32).min(sketch.text.normal * 3.2);
    let size = sketch.text.normal.min((step / 1.15).max(sketch.text.small * 0.6));
    let every = (size * 1.15 / step).ceil().max(1.0) as usize;
    let top = room.center().y - step * end.tokens.len() as f32 / 2.0;
    let marked = |token: usize| sides.is_selected(end.sequence, token) || sides.is_hovered(end.sequence, token);
    let marked_rows: Vec<usize> = (0..end.tokens.len()).filter(|&row| marked(end.tokens[row])).collect();
    let mut anchors = Vec::with_capacity(end.tokens.len());
    for (row, &token) in end.tokens.iter().enumerate() {
        let y = top + (row as f32 + 0.5) * step;
        let edge = if is_left { room.max.x } else { room.min.x };
        anchors.push(Anchor { tokens: vec![token], at: Vec2::new(edge, y) });
        let radius = (step * 0.3).clamp(0.75, 2.0);
        let rect = Rect { min: Vec2::new(edge, y) - radius, max: Vec2::new(edge, y) + radius };
        let fill = sketch.palette.muted;
        sketch.quad(Quad { rect, fill, stroke: Color::TRANSPARENT, stroke_width: 0.0, corner_radius: radius });
        let target = Target::Token { sequence: end.sequence, token };
        let rect = Rect { min: Vec2::new(room.min.x, y - step / 2.0), max: Vec2::new(room.max.x, y + step / 2.0) };
        sketch.area(rect, target);
        // Where there is no room for all, some stand for all, and those that are marked push their neighbours aside.
        let beside_marked = marked_rows.iter().any(|&other| other != row && other.abs_diff(row) < every);
        if !marked(token) && (row % every != 0 || beside_marked) {
            continue;
        }
        let color = if sides.is_selected(end.sequence, token) {
            sketch.palette.selected_text
        } else if sides.is_hovered(end.sequence, token) {
            sketch.palette.text
        } else if tokens[token].special {
            sketch.palette.muted
        } else {
            sketch.palette.word
        };
        let text = sketch.elide(&name(&tokens[token]), size, false, room.size().x - 6.0);
        let (x, align) = if is_left { (edge - 6.0, Align::Right) } else { (edge + 6.0, Align::Left) };
        if sides.is_marked_sink(end.sequence, token) {
            sinks::dot(sketch, Vec2::new(edge, y));
        }
        sketch.label(Vec2::new(x, y), align, text, size, color);
    }
    anchors
}

/// The pictures, one below another, each with its patches' middles.
fn pictures(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, sides: &Sides<'_>, end: &End, room: Rect) -> Vec<Anchor> {
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
        // In the middle between the words' ends.
        let rect = fit_at(pixels.width as f32 / pixels.height as f32, place, Vec2::new(sketch.before(), 0.5));
        sketch.picture(rect, pixels);
        // Curves are seen on a picture only if it steps back.
        sketch.fill(rect, sketch.palette.background.with_opacity(0.25));
        let patches = Patches::find(tokens, image);
        for (&token, &area) in patches.tokens.iter().zip(&patches.areas) {
            let rect = on_picture(area, rect);
            if !inputs.options.links_bundle {
                anchors.push(Anchor { tokens: vec![token], at: rect.center() });
            }
            sketch.area(rect, Target::Token { sequence: end.sequence, token });
            if sides.is_marked_sink(end.sequence, token) {
                sinks::dot(sketch, Vec2::new(rect.max.x - 6.0, rect.min.y + 6.0));
            }
            if sides.is_selected(end.sequence, token) {
                sketch.mark_cell(rect.shrink(2.0), sketch.palette.selected, 2.0);
            } else if sides.is_hovered(end.sequence, token) {
                sketch.mark_cell(rect.shrink(1.5), Color::hex(0xffffff), 1.5);
            }
        }
        if inputs.options.links_bundle {
            anchors.extend(bundles(inputs, sketch, image, &patches, rect));
        }
    }
    anchors
}

/// The bundles of an image, each with its outline and name.
fn bundles(
    inputs: &Inputs<'_>,
    sketch: &mut Sketch<'_>,
    image: usize,
    patches: &Patches,
    picture: Rect,
) -> Vec<Anchor> {
    let bundled = bundled(inputs, image, patches);
    let frames = bundled.iter().filter_map(|bundle| bundle.area).map(|area| on_picture(area, picture)).collect();
    let mut labels = RegionLabels::new(picture, frames);
    let mut places = Vec::new();
    for bundle in bundled {
        let at = match bundle.area.map(|area| on_picture(area, picture)) {
            Some(frame) => {
                labels.draw(sketch, frame, &bundle.label);
                frame.center()
            }
            // Those of no region are a bundle at the picture's lower edge.
            None => Vec2::new(picture.center().x, picture.max.y - 4.0),
        };
        places.push(Anchor { tokens: bundle.tokens, at });
    }
    places.retain(|place| !place.tokens.is_empty());
    places
}

fn name(token: &Token) -> String {
    token.label().map(word).unwrap_or_default()
}
