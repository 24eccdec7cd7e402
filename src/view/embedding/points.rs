//! The tokens at their places: words as discs with their names, patches as squares or as small pictures.

use std::sync::Arc;

use glam::Vec2;

use super::colours::{Colours, Sizes};
use crate::query::Projection;
use crate::render::{Color, Mark, Picture, Point, Points, Quad, Rect, Transform};
use crate::trace::{Modality, Token};
use crate::view::common::point_names::{self, PointName};
use crate::view::common::sides;
use crate::view::common::sketch::Sketch;
use crate::view::common::words::token_names;
use crate::view::{ColorBy, Inputs, Zone};

/// The longer side of a patch that is shown at its point, in logical pixels.
const CUT_OUT: f32 = 56.0;
/// The longer side of a patch that stands for its point.
const SMALL_PICTURE: f32 = 22.0;

/// A disc for a word, a square for a patch.
pub(super) fn glyph(sketch: &mut Sketch<'_>, at: Vec2, modality: Modality, radius: f32, fill: Color, ring: Color) {
    let half = Vec2::splat(match modality {
        Modality::Image => radius * 0.88,
        Modality::Text | Modality::Latent | Modality::Audio => radius,
    });
    let corner_radius = if modality == Modality::Image { 1.0 } else { radius };
    let rect = Rect { min: at - half, max: at + half };
    sketch.quad(Quad { rect, fill, stroke: ring, stroke_width: 1.0, corner_radius });
}

/// The pixels of a patch around a place; where they lie, or `None` if the token is no patch of an image that is there.
pub(super) fn thumbnail(
    inputs: &Inputs<'_>,
    sketch: &mut Sketch<'_>,
    token: &Token,
    middle: Vec2,
    longer_side: f32,
) -> Option<Rect> {
    let (image, area) = token.image_area()?;
    let pixels = inputs.images.get(image)?.clone();
    let part = Rect { min: Vec2::new(area.x0, area.y0), max: Vec2::new(area.x1, area.y1) };
    let pixels_of_part = part.size() * Vec2::new(pixels.width as f32, pixels.height as f32);
    let size = pixels_of_part / pixels_of_part.max_element().max(1.0) * longer_side;
    let rect = Rect { min: middle - size / 2.0, max: middle + size / 2.0 };
    sketch.marks.push(Mark::Picture(Picture { rect, pixels, part, opacity: 1.0, smooth: false, grey: false }));
    Some(rect)
}

/// Draws all tokens of the projection's sequence.
pub(super) fn draw(
    inputs: &Inputs<'_>,
    sketch: &mut Sketch<'_>,
    projection: &Projection,
    tokens: &[Token],
    (colours, sizes): (&Colours, &Sizes),
    (plot, view): (Rect, &Transform),
) {
    let sequence = projection.sequence;
    let is_selected = |token: usize| sides::is_selected(inputs, sequence, token);
    let is_hovered = |token: usize| sides::is_hovered(inputs, sequence, token);
    let at = |token: usize| view.apply(Vec2::from(projection.points[token]));
    let palette = sketch.palette;
    let pictures = inputs.options.embedding.pictures;
    let inside = |token: &usize| at(*token).is_finite() && plot.shrink(sizes.of_token(*token)).contains(at(*token));
    // Patches first, then words, then what is marked: the few lie above the many.
    let rank = |token: usize| match tokens[token].modality() {
        _ if is_hovered(token) => 3,
        _ if is_selected(token) => 2,
        Modality::Image => 0,
        Modality::Text | Modality::Latent | Modality::Audio => 1,
    };
    let mut order: Vec<usize> = (0..tokens.len()).filter(inside).collect();
    order.sort_by_key(|&token| rank(token));
    // Values show on the fill, so there the ring is what tells the selected ones.
    let by_name = matches!(inputs.options.embedding.color_by, ColorBy::Modality | ColorBy::Segment);
    let mut discs = Vec::new();
    for &token in &order {
        let modality = tokens[token].modality();
        let (selected, hovered) = (is_selected(token), is_hovered(token));
        let radius = sizes.of_token(token) + if selected || hovered { 1.5 } else { 0.0 };
        let fill = if selected && by_name { palette.selected } else { colours.of_token(token) };
        let ring = match () {
            () if hovered => palette.hover,
            () if selected && !by_name => palette.selected,
            () if by_name => palette.background,
            () => palette.muted,
        };
        if modality != Modality::Image {
            discs.push(Point { at: projection.points[token], radius, fill, stroke: ring });
            continue;
        }
        let side = SMALL_PICTURE * radius / 4.5 * (plot.size().min_element() / 360.0).clamp(0.5, 1.0);
        let fits = plot.shrink(side / 2.0 + 2.0).contains(at(token));
        let frame = if pictures && fits { thumbnail(inputs, sketch, &tokens[token], at(token), side) } else { None };
        match frame {
            Some(frame) => {
                let width = if selected || hovered { 2.5 } else { 1.5 };
                sketch.outline(frame.shrink(-width), if hovered { palette.hover } else { fill }, width);
            }
            None => glyph(sketch, at(token), modality, radius, fill, ring),
        }
    }
    sketch.marks.push(Mark::Points(Points { points: Arc::new(discs), clip: plot, view: *view }));
    let names = token_names(tokens);
    let is_marked = |token: usize| is_selected(token) || is_hovered(token);
    // Patches have their pictures.
    let is_named = |token: &&usize| is_marked(**token) || tokens[**token].modality() != Modality::Image;
    let name_of = |&token: &usize| PointName {
        at: at(token),
        radius: sizes.of_token(token),
        text: names[token].clone(),
        color: match () {
            () if is_selected(token) => palette.selected_text,
            () if tokens[token].special => palette.muted,
            () => palette.text,
        },
        is_marked: is_marked(token),
    };
    let shown: Vec<Vec2> = order.iter().map(|&token| at(token)).collect();
    point_names::draw(sketch, order.iter().rev().filter(is_named).map(name_of), &shown, plot);
    if let Some(&token) = order.iter().find(|&&token| is_hovered(token)) {
        cut_out(inputs, sketch, &tokens[token], at(token), plot);
    }
    let points: Vec<Vec2> = (0..tokens.len()).map(at).collect();
    sketch.zones.push(Zone::Points { clip: plot, points: Arc::new(points), reach: 12.0, sequence });
}

/// The pixels of a hovered patch, above its point, or below it where there is no room.
fn cut_out(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, token: &Token, at: Vec2, plot: Rect) {
    let half = CUT_OUT / 2.0;
    let above = at.y - CUT_OUT - 14.0 >= plot.min.y;
    let y = if above { at.y - 14.0 - half } else { at.y + 14.0 + half };
    let x = at.x.clamp(plot.min.x + half, (plot.max.x - half).max(plot.min.x + half));
    if let Some(rect) = thumbnail(inputs, sketch, token, Vec2::new(x, y), CUT_OUT) {
        sketch.outline(rect, sketch.palette.hover, 1.5);
    }
}
