//! Names beside points, the most important first, each where it covers neither a point nor another name.

use glam::Vec2;

use super::sketch::Sketch;
use crate::render::{Align, Color, Rect};

/// So many names are tried.
const MOST_NAMES: usize = 400;

/// A point that wants its name beside it.
pub(in crate::view) struct PointName {
    pub at: Vec2,
    pub radius: f32,
    pub text: String,
    pub color: Color,
    /// Named even where the name covers a point.
    pub is_marked: bool,
}

/// Draws those that have room.
pub(in crate::view) fn draw(
    sketch: &mut Sketch<'_>,
    wanted: impl Iterator<Item = PointName>,
    points: &[Vec2],
    plot: Rect,
) {
    let size = sketch.text.small;
    let mut taken: Vec<Rect> = Vec::new();
    let overlap = |a: &Rect, b: &Rect| a.min.cmplt(b.max).all() && b.min.cmplt(a.max).all();
    for PointName { at, radius, text, color, is_marked } in wanted.take(MOST_NAMES) {
        let text = sketch.elide(&text, size, false, plot.size().x * 0.4);
        let half = Vec2::new(sketch.width(&text, size) / 2.0 + 2.0, size * 0.6);
        let (right, down) = (half.x + radius + 2.0, half.y + radius + 1.0);
        let beside = [(right, 0.0), (-right, 0.0), (0.0, -down), (0.0, down), (right, -down), (right, down)]
            .map(|(x, y)| at + Vec2::new(x, y))
            .map(|middle| Rect { min: middle - half, max: middle + half });
        let fits = |rect: &&Rect| plot.contains(rect.min) && plot.contains(rect.max);
        let clear = |rect: &&Rect| !taken.iter().any(|other| overlap(rect, other));
        let covers = |rect: &&Rect| points.iter().any(|point| rect.contains(*point));
        let free = beside.iter().filter(fits).filter(clear).find(|rect| !covers(rect));
        let Some(&rect) = free.or_else(|| beside.iter().filter(fits).find(clear).filter(|_| is_marked)) else {
            continue;
        };
        taken.push(rect);
        sketch.label(rect.center(), Align::Center, text, size, color);
    }
}
