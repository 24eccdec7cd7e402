//! The part of the pictures that is in sight: a window in fractions of what they take together, so that it means the same in a panel
//! of any size. Where the panel has more room than the window, more is in sight.

use glam::Vec2;

use super::pictures::{Tile, headings, places};
use crate::render::{Align, Color, Quad, Rect};
use crate::view::Inputs;
use crate::view::common::cut::cut;
use crate::view::common::sketch::{Sketch, on_picture, within};
use crate::view::common::tip::number;

/// Draws each picture in its place; the rectangle that they fill, which is at most the free room.
pub(in crate::view) fn draw_pictures<'a, 't>(
    inputs: &Inputs<'_>,
    sketch: &mut Sketch<'_>,
    tiles: &'t [Tile<'a>],
    mut draw: impl FnMut(&mut Sketch<'_>, &'t Tile<'a>, Rect),
) -> Rect {
    let (room, laid_down) = (sketch.free, [sketch.marks.len(), sketch.zones.len()]);
    let mut places = places(sketch, tiles);
    let all = around(&places).unwrap_or(room);
    sketch.content = all;
    let window = window(inputs);
    if let Some(window) = window {
        let scale = window.size().recip().min_element();
        let middle = all.min + window.center() * all.size();
        let moved = |at: Vec2| all.center() + (at - middle) * scale;
        places.iter_mut().for_each(|place| *place = Rect { min: moved(place.min), max: moved(place.max) });
    }
    headings(sketch, tiles, &places);
    for (tile, &place) in tiles.iter().zip(&places) {
        draw(sketch, tile, place);
    }
    if window.is_none() {
        return all;
    }
    cut(sketch, laid_down, room);
    within(around(&places).unwrap_or(room), room)
}

/// `None` where all is in sight.
fn window(inputs: &Inputs<'_>) -> Option<Rect> {
    let all = Rect { min: Vec2::ZERO, max: Vec2::ONE };
    let window = inputs.options.image_window.filter(|window| window.min.is_finite() && window.max.is_finite())?;
    Some(within(window, all)).filter(|window| window.size().min_element() > 1e-3 && *window != all)
}

fn around(places: &[Rect]) -> Option<Rect> {
    places.iter().copied().reduce(|a, b| Rect { min: a.min.min(b.min), max: a.max.max(b.max) })
}

/// The weights themselves, on those patches that the zoom has made large enough.
pub(super) fn numbers(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, weights: &[f32], tile: &Tile<'_>, rect: Rect) {
    if window(inputs).is_none() {
        return;
    }
    let (size, room) = (sketch.text.small, sketch.free);
    // Layers with large patches come first, and those with small ones lie above them.
    let Some(patches) = tile.layers.last().map(|layer| &layer.patches) else { return };
    for (&token, &area) in patches.tokens.iter().zip(&patches.areas) {
        let place = on_picture(area, rect);
        let is_in_sight = place.max.cmpgt(room.min).all() && place.min.cmplt(room.max).all();
        let Some(&weight) = weights.get(token).filter(|weight| is_in_sight && !weight.is_nan()) else { continue };
        let text = number(weight);
        let plate = Vec2::new(sketch.width(&text, size) + 6.0, size * 1.4);
        if (plate + 4.0).cmpgt(place.size()).any() {
            continue;
        }
        let min = Vec2::new(place.center().x - plate.x / 2.0, place.max.y - plate.y - 2.0);
        let fill = Color::hex(0x101216).with_opacity(0.6);
        let rect = Rect { min, max: min + plate };
        sketch.outline(place, Color::hex(0xffffff).with_opacity(0.2), 0.5);
        sketch.quad(Quad { rect, fill, stroke: Color::TRANSPARENT, stroke_width: 0.0, corner_radius: 3.0 });
        sketch.label(rect.center(), Align::Center, text, size, Color::hex(0xffffff));
    }
}
