//! The way of selected tokens through the states: fainter the earlier, a ring where it begins, a filled square where
//! it ends, and the states' numbers where there is room for them.

use glam::Vec2;

use crate::query::Projection;
use crate::render::{Align, Color, Quad, Rect, Transform};
use crate::view::common::sketch::Sketch;

/// More ways would be a ball of wool.
const MOST: usize = 64;
/// So few ways have the numbers of their states.
const NUMBERED: usize = 2;

pub(super) fn draw(sketch: &mut Sketch<'_>, projection: &Projection, selected: &[usize], plot: Rect, view: &Transform) {
    let color = sketch.palette.selected;
    for &token in selected.iter().take(MOST) {
        let places = projection.path.iter().filter_map(|state| state.get(token));
        let way: Vec<Vec2> =
            places.map(|&place| view.apply(Vec2::from(place))).filter(|place| place.is_finite()).collect();
        let opacity = |step: usize| 0.2 + 0.8 * step as f32 / way.len().saturating_sub(1).max(1) as f32;
        for (step, pair) in way.windows(2).enumerate() {
            if let Some((from, to)) = clipped(pair[0], pair[1], plot) {
                sketch.line(from, to, 1.6, color.with_opacity(opacity(step + 1)));
            }
        }
        let inside = plot.shrink(4.0);
        for (step, &at) in way.iter().enumerate() {
            let is_end = step + 1 == way.len();
            let (half, fill, corner_radius) = match step {
                0 if way.len() > 1 => (3.5, sketch.palette.background, 3.5),
                _ if is_end => (3.5, color, 0.0),
                _ => (2.6, color.with_opacity(opacity(step)), 2.6),
            };
            let stroke = if step == 0 || is_end { color } else { Color::TRANSPARENT };
            if inside.contains(at) {
                let rect = Rect { min: at - half, max: at + half };
                sketch.quad(Quad { rect, fill, stroke, stroke_width: 1.5, corner_radius });
                if selected.len() <= NUMBERED && !is_end {
                    let beside = at + Vec2::new(5.0, -sketch.text.small * 0.7);
                    let number = sketch.elide(&step.to_string(), sketch.text.small, false, plot.max.x - beside.x);
                    sketch.label(beside, Align::Left, number, sketch.text.small, sketch.palette.selected_text);
                }
            }
        }
    }
}

/// The part of a line in a rectangle (Liang & Barsky 1984).
fn clipped(from: Vec2, to: Vec2, rect: Rect) -> Option<(Vec2, Vec2)> {
    let way = to - from;
    let (mut enters, mut leaves) = (0.0_f32, 1.0_f32);
    for axis in 0..2 {
        if way[axis] == 0.0 {
            if from[axis] < rect.min[axis] || from[axis] > rect.max[axis] {
                return None;
            }
            continue;
        }
        let [a, b] = [rect.min[axis], rect.max[axis]].map(|edge| (edge - from[axis]) / way[axis]);
        enters = enters.max(a.min(b));
        leaves = leaves.min(a.max(b));
    }
    (enters <= leaves).then(|| (from + way * enters, from + way * leaves))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_the_edge() {
        let rect = Rect::at(0.0, 0.0, 10.0, 10.0);
        let cut = |from: (f32, f32), to: (f32, f32)| clipped(Vec2::from(from), Vec2::from(to), rect);
        assert_eq!(cut((-5.0, 5.0), (15.0, 5.0)), Some((Vec2::new(0.0, 5.0), Vec2::new(10.0, 5.0))));
        assert_eq!(cut((2.0, 3.0), (2.0, 30.0)), Some((Vec2::new(2.0, 3.0), Vec2::new(2.0, 10.0))));
        assert_eq!(cut((-5.0, 5.0), (5.0, -15.0)), None);
        assert_eq!(cut((12.0, 1.0), (12.0, 9.0)), None);
    }
}
