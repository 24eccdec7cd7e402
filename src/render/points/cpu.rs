//! The CPU backend of shaders/render/points.wgsl.

use glam::Vec2;

use super::RING_WIDTH;
use crate::render::device::{Frame, scissor};
use crate::render::layer::{Band, Layer, blend, premultiplied};
use crate::render::{Point, Points, Transform};

/// The layer that shows the points; `None` if nothing of them would be seen.
pub(in crate::render) fn paint(frame: &Frame<'_>, mark: &Points) -> Option<Layer> {
    let area = scissor(frame, &mark.clip).filter(|_| !mark.points.is_empty())?;
    let view = Transform { scale: mark.view.scale * frame.scale, offset: mark.view.offset * frame.scale };
    let reach = |point: &Point| (point.radius + ring_width(point)) * frame.scale + 0.5;
    let extent = |point: &Point| {
        let y = view.apply(point.at.into()).y;
        [y - reach(point), y + reach(point)]
    };
    Some(Layer::paint(area, &mark.points, extent, |band, point| {
        paint_point(band, point, view.apply(point.at.into()), frame.scale, reach(point));
    }))
}

/// 0 where there is no ring, so that nothing looks for it.
fn ring_width(point: &Point) -> f32 {
    if point.stroke.0[3] == 0 { 0.0 } else { RING_WIDTH }
}

/// `at`, and `reach` around it, in pixels.
fn paint_point(band: &mut Band, point: &Point, at: Vec2, scale: f32, reach: f32) {
    let (fill, stroke) = (premultiplied(point.fill, 1.0), premultiplied(point.stroke, 1.0));
    let (disc_edge, ring_edge) = (point.radius * scale + 0.5, reach);
    for row in band.rows_between(at.y - reach, at.y + reach) {
        let down = row as f32 + 0.5 - at.y;
        let half_chord = (reach * reach - down * down).max(0.0).sqrt();
        for (x, pixel) in band.span(row, at.x - half_chord, at.x + half_chord) {
            let distance = (down * down + (x - at.x) * (x - at.x)).sqrt();
            let disc = (disc_edge - distance).clamp(0.0, 1.0);
            let ring = (ring_edge - distance).clamp(0.0, 1.0) - disc;
            let color = std::array::from_fn(|part| fill[part] * disc + stroke[part] * ring);
            blend(pixel, color, 1.0);
        }
    }
}
