//! Where chips of text lie: in lines, in the largest font size in which they fit, scrolled where none does.

use std::ops::Range;

use glam::Vec2;

use crate::render::{Align, Color, Quad, Rect};
use crate::view::Inputs;
use crate::view::common::sketch::Sketch;

/// Between a chip's edge and its words.
pub(in crate::view) const PAD: f32 = 5.0;

/// What one chip says and stands for; runs of patches share one, which is no target.
pub(in crate::view) struct Chip {
    pub text: String,
    /// The token, or the pieces of the word; none for patches.
    pub tokens: Range<usize>,
    /// A piece of the word before it.
    pub goes_on: bool,
    /// Begins a new line, apart from the one before, under a name and the share of the attention; both may be empty.
    pub segment: Option<(String, String)>,
}

/// One side's tokens.
pub(in crate::view) struct Flow {
    pub heading: Option<String>,
    pub sequence: usize,
    pub chips: Vec<Chip>,
}

/// Where the chips of a flow lie, for one font size.
pub(in crate::view) struct Wrapped {
    size: f32,
    /// Where, what, and whether it is a number.
    headings: Vec<(Vec2, String, bool)>,
    chips: Vec<Rect>,
    bottom: f32,
}

/// Draws a chip of a flow into a rectangle, in a font size.
pub(in crate::view) type DrawChip<'a> = dyn FnMut(&mut Sketch<'_>, &Flow, &Chip, Rect, f32) + 'a;

/// Draws all flows in the largest font size in which they fit, and tells where they end. What does not fit even in the
/// smallest scrolls, or is counted where nothing scrolls.
pub(in crate::view) fn flow(
    inputs: &Inputs<'_>,
    sketch: &mut Sketch<'_>,
    flows: &[Flow],
    room: Rect,
    draw_chip: &mut DrawChip<'_>,
) -> f32 {
    // Few words in a large room may be large, but are no poster.
    let sizes = [(1.6, 0.4), (1.3, 0.5), (1.1, 1.0), (1.0, 1.0), (0.9, 1.0), (0.8, 1.0)];
    let mut wrapped = Vec::new();
    let mut end = room.min.y;
    for (factor, share) in sizes {
        let limit = room.min.y + room.size().y * share;
        (wrapped, end) = wrap_all(sketch, flows, sketch.text.normal * factor, room, limit);
        if end <= limit {
            break;
        }
    }
    let mut shift = 0.0;
    let scrolls = inputs.options.text_scroll.filter(|_| end > room.max.y);
    if let Some(rows) = scrolls {
        let size = sketch.text.normal;
        let narrower = Rect { max: room.max - Vec2::new(SCROLL_BAR + 4.0, 0.0), ..room };
        (wrapped, end) = wrap_all(sketch, flows, size, narrower, f32::INFINITY);
        let row = row_height(size);
        let beyond = ((end - room.max.y) / row).ceil().max(0.0);
        let rows = rows.floor().clamp(0.0, beyond);
        sketch.rows_beyond = beyond;
        shift = rows * row;
        scroll_bar(sketch, room, shift, end - room.min.y, beyond * row);
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
                let ink = if *is_number { sketch.palette.muted } else { sketch.palette.text };
                sketch.label(at, Align::Left, text.clone(), sketch.text.small, ink);
            }
        }
        left_out += flow.chips.len();
        for (chip, rect) in flow.chips.iter().zip(&wrapped.chips) {
            let rect = Rect { min: rect.min - Vec2::new(0.0, shift), max: rect.max - Vec2::new(0.0, shift) };
            if fits(rect.min.y, rect.max.y) {
                draw_chip(sketch, flow, chip, rect, wrapped.size);
                bottom = bottom.max(rect.max.y);
                left_out -= 1;
            }
        }
    }
    if left_out > 0 && scrolls.is_none() {
        let small = sketch.text.small;
        let text = sketch.elide(&format!("… and {left_out} more that have no room here"), small, false, room.size().x);
        sketch.label(Vec2::new(room.min.x, bottom + small), Align::Left, text, small, sketch.palette.muted);
        bottom += small * 1.6;
    }
    bottom
}

const SCROLL_BAR: f32 = 5.0;

/// Which part of the text is seen: `shift` of `end` pixels lie above.
fn scroll_bar(sketch: &mut Sketch<'_>, room: Rect, shift: f32, length: f32, end: f32) {
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
    sketch.quad(rounded(Rect::at(left, room.min.y, SCROLL_BAR, height), sketch.palette.surface));
    sketch.quad(rounded(Rect::at(left, top, SCROLL_BAR, handle), sketch.palette.line));
}

pub(in crate::view) fn row_height(size: f32) -> f32 {
    size * 2.05
}

/// All flows below each other, and where the last one ends. What lies below the limit is not laid out: long texts are tried in
/// many sizes.
pub(in crate::view) fn wrap_all(
    sketch: &mut Sketch<'_>,
    flows: &[Flow],
    size: f32,
    room: Rect,
    limit: f32,
) -> (Vec<Wrapped>, f32) {
    let mut end = room.min.y - size * 0.7;
    let mut wrapped = Vec::with_capacity(flows.len());
    for flow in flows {
        let one = wrap(sketch, flow, size, end + size * 0.7, room, limit);
        end = one.bottom;
        wrapped.push(one);
    }
    (wrapped, end)
}

fn wrap(sketch: &mut Sketch<'_>, flow: &Flow, size: f32, top: f32, room: Rect, limit: f32) -> Wrapped {
    let (height, gap, row) = (size * 1.65, size * 0.32, row_height(size));
    let mut headings = Vec::new();
    let mut chips = Vec::new();
    let mut at = Vec2::new(room.min.x, top);
    if let Some(heading) = &flow.heading {
        let text = sketch.elide(heading, sketch.text.small, false, room.size().x);
        headings.push((at + Vec2::new(0.0, size * 0.6), text, true));
        at.y += size * 1.45;
    }
    for (index, chip) in flow.chips.iter().enumerate() {
        if at.y > limit {
            break;
        }
        if let Some((name, share)) = &chip.segment {
            if index > 0 {
                at = Vec2::new(room.min.x, at.y + row + gap);
            }
            let small = sketch.text.small;
            for (text, is_number) in [(name, false), (share, true)] {
                let text = sketch.elide(text, small, false, room.size().x / 3.0);
                let width = sketch.width(&text, small);
                headings.push((at + Vec2::new(0.0, height / 2.0), text, is_number));
                at.x += if width > 0.0 { width + 6.0 } else { 0.0 };
            }
        }
        let width = (sketch.width(&chip.text, size) + 2.0 * PAD).min(room.size().x);
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
