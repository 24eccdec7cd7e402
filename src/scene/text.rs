//! The tokens as words, wrapped, in the colours of the selection's attention; what the model said of it.

use glam::Vec2;
use serde_json::Value;

use super::canvas::Canvas;
use super::colour_bar::{Bar, Place, Scale};
use super::sides::{Sides, headline, largest, refused, weight_label, weight_range};
use super::sinks;
use super::theme::ink_on;
use super::tip::number;
use super::{Inputs, Target, Theme, words::word};
use crate::render::colormap::Colormap;
use crate::render::{Align, Color, Quad, Rect};
use crate::trace::{Content, Modality, Token};

/// What one chip says and stands for; runs of patches share one, which is no target.
struct Chip {
    text: String,
    token: Option<usize>,
    /// A piece of the word before it.
    joined: bool,
    /// Begins a new line, under this name.
    segment: Option<String>,
}

/// One side's tokens.
struct Flow {
    heading: Option<String>,
    sequence: usize,
    chips: Vec<Chip>,
}

/// Where the chips of a flow lie, for one font size.
struct Wrapped {
    size: f32,
    headings: Vec<(Vec2, String)>,
    chips: Vec<Rect>,
    bottom: f32,
}

const PAD: f32 = 5.0;

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
    let shares = shares(far, sides.weights).filter(|_| canvas.free.size().y > line * 4.0);
    let below =
        line * (if shares.is_some() { 1.9 } else { 0.0 } + if inputs.document.outputs.is_empty() { 0.0 } else { 1.3 });
    let below = if canvas.free.size().y - below > line * 1.5 { below } else { 0.0 };
    let mut room = canvas.free;
    room.max.y -= below;
    let flows = flows(inputs, &sides);
    let bottom = chips(canvas, &sides, &flows, has_heat.then_some(&scale), room);
    canvas.content = Rect { min: canvas.free.min, max: Vec2::new(canvas.free.max.x, bottom) };
    let mut top = bottom;
    if below > 0.0 {
        if let Some(shares) = shares {
            top = share_bar(canvas, shares, top + line * 0.5, line);
        }
        if outputs(inputs, canvas, top + line * 0.75) {
            top += line * 1.3;
        }
    }
    if let Some(bar) = bar {
        let width = canvas.free.size().x.min(260.0);
        let min = canvas.free.min;
        let marked = marked(canvas, &sides);
        bar.draw(canvas, Rect { min, max: Vec2::new(min.x + width, top.min(canvas.free.max.y)) }, &marked);
    }
}

/// On paper the colours run from light to dark, as ink does. Special tokens often draw so much attention that the
/// words would all look alike: they do not stretch the scale.
fn scale(inputs: &Inputs<'_>, sides: &Sides<'_>, far: &[Token]) -> Scale {
    let of = |special: bool| {
        let words = far
            .iter()
            .zip(sides.shown)
            .filter(move |(token, _)| token.modality() == Modality::Text && (special || !token.special));
        largest(words.map(|(_, &weight)| weight))
    };
    let (words, all) = (of(false), of(true));
    let top = if words > 0.0 { words } else { all };
    let range = weight_range(inputs, top);
    let mut label = weight_label(inputs);
    if all > range[1] * 1.0001 {
        label.push_str(&format!(" (special tokens up to {})", number(all)));
    }
    let reversed = inputs.options.theme == Theme::Light;
    Scale { colormap: inputs.options.colormap.unwrap_or(Colormap::Inferno), range, reversed, label }
}

fn flows(inputs: &Inputs<'_>, sides: &Sides<'_>) -> Vec<Flow> {
    let flow = |sequence: usize, role: Option<&str>| {
        let sequence_name = &inputs.document.sequences[sequence].name;
        let heading = role.map(|role| format!("{role} · {sequence_name}"));
        Flow { heading, sequence, chips: chips_of(&inputs.document.sequences[sequence].tokens, inputs.document.images) }
    };
    if sides.near == sides.far {
        return vec![flow(sides.far, None)];
    }
    vec![flow(sides.block.query, Some("queries")), flow(sides.block.key, Some("keys"))]
}

fn chips_of(tokens: &[Token], images: usize) -> Vec<Chip> {
    let named = |token: &Token| token.segment.clone();
    let distinct = tokens.iter().filter_map(named).collect::<std::collections::BTreeSet<_>>().len();
    let mut chips: Vec<Chip> = Vec::new();
    let mut segment: Option<String> = None;
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        let begins = token.segment.clone().filter(|_| distinct > 1 && token.segment != segment);
        segment = token.segment.clone().or(segment);
        let (text, joined, length) = match &token.content {
            Content::Text(text) => (word(text), text.starts_with("##") && at > 0, 1),
            Content::Image { .. } if token.special => ("[image]".to_owned(), false, 1),
            Content::Image { image, .. } => {
                let same = |other: &&Token| !other.special && other.image_area().is_some_and(|(i, _)| i == *image);
                let length = tokens[at..].iter().take_while(same).count();
                let patches = if length == 1 { "patch" } else { "patches" };
                let name = if images > 1 { format!("image {image}") } else { "image".to_owned() };
                (format!("{name}: {length} {patches}"), false, length)
            }
        };
        let is_run = token.modality() == Modality::Image && !token.special;
        chips.push(Chip { text, token: (!is_run).then_some(at), joined, segment: begins });
        at += length;
    }
    chips
}

/// Draws all flows in the largest font size in which they fit, and says how many tokens had no room in the smallest.
fn chips(canvas: &mut Canvas<'_>, sides: &Sides<'_>, flows: &[Flow], scale: Option<&Scale>, room: Rect) -> f32 {
    // Few words in a large room may be large, but are no poster.
    let sizes = [(1.6, 0.4), (1.3, 0.5), (1.1, 1.0), (1.0, 1.0), (0.9, 1.0), (0.8, 1.0)];
    let mut wrapped = Vec::new();
    for (factor, share) in sizes {
        let size = canvas.text.normal * factor;
        let mut top = room.min.y;
        wrapped.clear();
        for flow in flows {
            let one = wrap(canvas, flow, size, top, room);
            top = one.bottom + size * 0.7;
            wrapped.push(one);
        }
        if top - size * 0.7 <= room.min.y + room.size().y * share {
            break;
        }
    }
    let mut bottom = room.min.y;
    let mut left_out = 0;
    for (flow, wrapped) in flows.iter().zip(&wrapped) {
        let limit = room.max.y - if wrapped.bottom > room.max.y { wrapped.size * 1.6 } else { 0.0 };
        for (at, text) in wrapped.headings.iter().filter(|(at, _)| at.y + wrapped.size * 0.7 <= limit) {
            canvas.label(*at, Align::Left, text.clone(), canvas.text.small, canvas.palette.muted);
        }
        for (chip, &rect) in flow.chips.iter().zip(&wrapped.chips) {
            if rect.max.y <= limit {
                draw_chip(canvas, sides, flow.sequence, chip, rect, wrapped.size, scale);
                bottom = bottom.max(rect.max.y);
            } else {
                left_out += 1;
            }
        }
    }
    if left_out > 0 {
        let small = canvas.text.small;
        let text = canvas.elide(&format!("… and {left_out} more that have no room here"), small, false, room.size().x);
        canvas.label(Vec2::new(room.min.x, bottom + small), Align::Left, text, small, canvas.palette.muted);
        bottom += small * 1.6;
    }
    bottom
}

fn wrap(canvas: &mut Canvas<'_>, flow: &Flow, size: f32, top: f32, room: Rect) -> Wrapped {
    let (height, gap, row) = (size * 1.65, size * 0.32, size * 2.05);
    let mut headings = Vec::new();
    let mut chips = Vec::new();
    let mut at = Vec2::new(room.min.x, top);
    if let Some(heading) = &flow.heading {
        let text = canvas.elide(heading, canvas.text.small, false, room.size().x);
        headings.push((at + Vec2::new(0.0, size * 0.6), text));
        at.y += size * 1.45;
    }
    for (index, chip) in flow.chips.iter().enumerate() {
        if let Some(segment) = &chip.segment {
            if index > 0 {
                at = Vec2::new(room.min.x, at.y + row);
            }
            let small = canvas.text.small;
            let text = canvas.elide(segment, small, false, room.size().x / 3.0);
            let width = canvas.width(&text, small);
            headings.push((at + Vec2::new(0.0, height / 2.0), text));
            at.x += width + 8.0;
        }
        let width = (canvas.width(&chip.text, size) + 2.0 * PAD).min(room.size().x);
        let before = if chip.joined { gap - 1.0 } else { 0.0 };
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
    let Some(token) = chip.token else {
        canvas.quad(quad(palette.background, palette.patch, 1.0));
        let text = canvas.elide(&chip.text, size, false, rect.size().x - PAD);
        canvas.label(rect.center(), Align::Center, text, size, palette.patch);
        return;
    };
    let tokens = if sequence == sides.block.query { sides.query } else { sides.key };
    let special = tokens[token].special;
    let weight = sides.shown.get(token).filter(|_| sequence == sides.far);
    let (fill, ink) = match (scale, weight) {
        (Some(scale), Some(&weight)) => match scale.color(weight) {
            Some(fill) => (fill, ink_on(fill)),
            None => (palette.missing, palette.muted),
        },
        _ if special => (palette.surface, palette.muted),
        _ => (palette.surface, palette.text),
    };
    // A chip's edge tells it from the surface where its colour does not.
    let edge = if special { palette.special } else { palette.line };
    let (stroke, width) = if sides.is_selected(sequence, token) {
        (palette.selected, 2.5)
    } else if sides.is_hovered(sequence, token) {
        (palette.hover, 1.5)
    } else {
        (edge, 1.0)
    };
    canvas.quad(quad(fill, stroke, width));
    let text = canvas.elide(&chip.text, size, false, rect.size().x - PAD);
    canvas.label(rect.center(), Align::Center, text, size, ink);
    if sides.is_marked_sink(sequence, token) {
        sinks::dot(canvas, Vec2::new(rect.max.x - 2.0, rect.min.y + 2.0));
    }
    canvas.area(rect, Target::Token { sequence, token });
}

fn marked(canvas: &Canvas<'_>, sides: &Sides<'_>) -> Vec<(f32, Color)> {
    let Some(Target::Token { sequence, token }) = sides.hovered() else { return Vec::new() };
    let weight = sides.shown.get(token).filter(|_| sequence == sides.far);
    weight.map(|&weight| (weight, canvas.palette.hover)).into_iter().collect()
}

/// The shares of the attention on image, text and special tokens; `None` if there is no attention.
fn shares(tokens: &[Token], weights: &[f32]) -> Option<[f32; 3]> {
    let mut sums = [0.0_f32; 3];
    // What is left out is no number.
    for (token, weight) in tokens.iter().zip(weights).filter(|(_, weight)| !weight.is_nan()) {
        let kind = match token.modality() {
            _ if token.special => 2,
            Modality::Image => 0,
            Modality::Text => 1,
        };
        sums[kind] += weight;
    }
    let total: f32 = sums.iter().sum();
    (total > 0.0 && total.is_finite()).then(|| sums.map(|sum| sum / total))
}

/// A stacked bar of the shares with their numbers below; where it ends.
fn share_bar(canvas: &mut Canvas<'_>, shares: [f32; 3], top: f32, line: f32) -> f32 {
    let palette = canvas.palette;
    let small = canvas.text.small;
    let width = canvas.free.size().x.min(360.0);
    let kinds = [("image", palette.patch), ("text", palette.word), ("special", palette.special)];
    let mut left = canvas.free.min.x;
    for (share, (_, color)) in shares.into_iter().zip(kinds) {
        canvas.fill(Rect::at(left, top, (width * share - 1.0).max(0.0), 6.0), color);
        left += width * share;
    }
    let middle = top + 8.0 + small * 0.8;
    let mut left = canvas.free.min.x;
    for (share, (name, color)) in shares.into_iter().zip(kinds).filter(|(share, _)| *share > 0.0) {
        let text = format!("{name} {share:.2}");
        let needed = 12.0 + canvas.width(&text, small);
        if left + needed > canvas.free.max.x {
            break;
        }
        canvas.fill(Rect::at(left, middle - 4.0, 8.0, 8.0), color);
        canvas.label(Vec2::new(left + 12.0, middle), Align::Left, text, small, palette.text);
        left += needed + 14.0;
    }
    let text = "share of the attention";
    if left + canvas.width(text, small) <= canvas.free.max.x {
        canvas.label(Vec2::new(left, middle), Align::Left, text, small, palette.muted);
    }
    top + line * 1.4
}

/// The prediction and the answer, if the trace has them; whether it drew anything.
fn outputs(inputs: &Inputs<'_>, canvas: &mut Canvas<'_>, middle: f32) -> bool {
    let outputs = &inputs.document.outputs;
    let said = |name: &str| match outputs.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(value) => Some(value.to_string()),
        Value::Bool(value) => Some(if *value { "yes" } else { "no" }.to_owned()),
        _ => None,
    };
    let (prediction, answer) = (said("prediction"), said("answer"));
    let correct = outputs.get("correct").and_then(Value::as_bool);
    let palette = canvas.palette;
    let size = canvas.text.normal;
    let verdict = match correct {
        Some(true) => palette.right,
        Some(false) => palette.wrong,
        None => palette.text,
    };
    let mut at = Vec2::new(canvas.free.min.x, middle);
    let end = canvas.free.max.x;
    let mut say = |canvas: &mut Canvas<'_>, text: &str, color: Color| {
        let text = canvas.elide(text, size, false, end - at.x);
        canvas.label(at, Align::Left, text.clone(), size, color);
        at.x += canvas.width(&text, size) + 6.0;
        at
    };
    if let Some(prediction) = &prediction {
        say(canvas, "prediction", palette.muted);
        say(canvas, prediction, verdict);
    }
    if let Some(correct) = correct {
        let next = say(canvas, "", verdict);
        if next.x + size <= end {
            sign(canvas, next, correct, verdict);
            say(canvas, "    ", verdict);
            say(canvas, if correct { "right" } else { "wrong" }, verdict);
        }
    }
    if let Some(answer) = &answer {
        say(canvas, if prediction.is_some() { "· answer" } else { "answer" }, palette.muted);
        say(canvas, answer, palette.text);
    }
    prediction.is_some() || answer.is_some() || correct.is_some()
}

/// A tick or a cross, drawn, since not every font has them.
fn sign(canvas: &mut Canvas<'_>, left: Vec2, right: bool, color: Color) {
    let unit = canvas.text.normal * 0.09;
    let point = |x: f32, y: f32| left + Vec2::new(x, y) * unit;
    let strokes = if right {
        [(point(0.0, 0.5), point(3.2, 4.0)), (point(2.8, 4.0), point(8.0, -4.0))]
    } else {
        [(point(0.5, -3.7), point(7.5, 3.7)), (point(0.5, 3.7), point(7.5, -3.7))]
    };
    for (from, to) in strokes {
        canvas.line(from, to, 1.8, color);
    }
}
