//! How far marks reach, and marks moved as a whole: what crops a figure, and sets several beside each other.

use glam::Vec2;

use super::{Align, Color, Fonts, Label, Mark, Rect};

/// From the middle of a line up to its accents, and down to its descenders, in font sizes.
const ABOVE: f32 = 0.55;
const BELOW: f32 = 0.6;

/// The rectangle around all that is seen of the marks on a ground of this colour; `None` if nothing is.
pub fn extent_of(marks: &[Mark], background: Color, fonts: &mut Fonts) -> Option<Rect> {
    marks.iter().filter_map(|mark| mark.extent(background, fonts)).reduce(|a, b| a.and(&b))
}

impl Mark {
    /// The rectangle around it; `None` if nothing of it is seen.
    fn extent(&self, background: Color, fonts: &mut Fonts) -> Option<Rect> {
        let around = |points: &mut dyn Iterator<Item = Vec2>, reach: f32, clip: &Rect| {
            let finite = points.filter(|point| point.is_finite());
            let all = finite.map(|point| Rect { min: point - reach, max: point + reach }).reduce(|a, b| a.and(&b))?;
            all.clipped(clip)
        };
        match self {
            Self::Quad(quad) => {
                let is_seen = |color: Color| color.0[3] > 0 && color != background;
                let is_outlined = quad.stroke_width > 0.0 && is_seen(quad.stroke);
                (is_seen(quad.fill) || is_outlined).then_some(quad.rect)
            }
            Self::Line(line) => {
                let rect = Rect { min: line.from.min(line.to), max: line.from.max(line.to) };
                (line.width > 0.0 && line.color.0[3] > 0).then(|| rect.shrink(-line.width / 2.0))
            }
            Self::Label(label) => label.extent(fonts),
            Self::Picture(picture) => Some(picture.rect),
            Self::Heatmap(heatmap) => Some(heatmap.rect),
            Self::Links(links) => {
                let ends = links.links.iter().flat_map(|link| [link.from, link.to]);
                around(&mut ends.map(|end| links.view.apply(end.into())), links.width[1] / 2.0, &links.clip)
            }
            Self::Points(points) => {
                let reach = points.points.iter().map(|point| point.radius).fold(0.0, f32::max);
                let places = points.points.iter().map(|point| points.view.apply(point.at.into()));
                around(&mut places.into_iter(), reach, &points.clip)
            }
        }
        .filter(|rect| rect.min.is_finite() && rect.max.is_finite())
    }

    /// Moves it.
    pub fn shift(&mut self, by: Vec2) {
        match self {
            Self::Quad(quad) => quad.rect = quad.rect.shifted(by),
            Self::Line(line) => (line.from, line.to) = (line.from + by, line.to + by),
            Self::Label(label) => {
                label.at += by;
                label.clip = label.clip.map(|clip| clip.shifted(by));
            }
            Self::Picture(picture) => picture.rect = picture.rect.shifted(by),
            Self::Heatmap(heatmap) => heatmap.rect = heatmap.rect.shifted(by),
            Self::Links(links) => {
                links.clip = links.clip.shifted(by);
                links.view.offset += by;
            }
            Self::Points(points) => {
                points.clip = points.clip.shifted(by);
                points.view.offset += by;
            }
        }
    }
}

impl Label {
    /// The rectangle around its letters.
    fn extent(&self, fonts: &mut Fonts) -> Option<Rect> {
        if self.color.0[3] == 0 || self.text.trim().is_empty() {
            return None;
        }
        let width = fonts.width(&self.text, self.size, self.bold);
        let before = match self.align {
            Align::Left => 0.0,
            Align::Center => width / 2.0,
            Align::Right => width,
        };
        let (above, below) = (self.size * ABOVE, self.size * BELOW);
        let rect = match self.upright {
            false => Rect::at(self.at.x - before, self.at.y - above, width, above + below),
            // It reads upwards.
            true => Rect::at(self.at.x - above, self.at.y + before - width, above + below, width),
        };
        self.clip.map_or(Some(rect), |clip| rect.clipped(&clip))
    }
}

impl Rect {
    /// The same elsewhere.
    pub fn shifted(&self, by: Vec2) -> Self {
        Self { min: self.min + by, max: self.max + by }
    }

    /// The smallest that holds both.
    pub fn and(&self, other: &Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }

    /// The part that lies in another; `None` if none does.
    fn clipped(&self, other: &Self) -> Option<Self> {
        let part = Self { min: self.min.max(other.min), max: self.max.min(other.max) };
        part.min.cmple(part.max).all().then_some(part)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::render::{Keep, Line, Link, Links, Point, Points, Quad, Transform};

    const WHITE: Color = Color::hex(0xffffff);
    const INK: Color = Color::hex(0x102030);

    fn quad(rect: Rect, fill: Color) -> Mark {
        Mark::Quad(Quad { rect, fill, stroke: Color::TRANSPARENT, stroke_width: 0.0, corner_radius: 0.0 })
    }

    fn label(text: &str, align: Align, upright: bool) -> Mark {
        let (at, text) = (Vec2::new(50.0, 60.0), text.to_owned());
        Mark::Label(Label { at, align, text, size: 10.0, bold: false, color: INK, clip: None, upright })
    }

    #[test]
    fn what_is_not_seen_reaches_nowhere() {
        let mut fonts = Fonts::new();
        let hidden = [quad(Rect::at(0.0, 0.0, 9.0, 9.0), WHITE), label(" ", Align::Left, false)];
        assert_eq!(extent_of(&hidden, WHITE, &mut fonts), None);
        let seen = quad(Rect::at(3.0, 4.0, 5.0, 6.0), INK);
        let all = [&hidden[..], &[seen]].concat();
        assert_eq!(extent_of(&all, WHITE, &mut fonts), Some(Rect::at(3.0, 4.0, 5.0, 6.0)));
    }

    #[test]
    fn letters_reach_from_their_anchor_and_upwards_when_they_are_turned() {
        let mut fonts = Fonts::new();
        let width = fonts.width("layer", 10.0, false);
        for (align, left) in [(Align::Left, 50.0), (Align::Center, 50.0 - width / 2.0), (Align::Right, 50.0 - width)] {
            let rect = extent_of(&[label("layer", align, false)], WHITE, &mut fonts).unwrap_or_default();
            assert!((rect.min.x - left).abs() < 1e-3 && (rect.size().x - width).abs() < 1e-3, "{rect:?}");
        }
        let rect = extent_of(&[label("layer", Align::Left, true)], WHITE, &mut fonts).unwrap_or_default();
        assert!((rect.max.y - 60.0).abs() < 1e-3 && (rect.size().y - width).abs() < 1e-3, "{rect:?}");
    }

    #[test]
    fn marks_are_clipped_and_move_as_one() {
        let mut fonts = Fonts::new();
        let clip = Rect::at(0.0, 0.0, 40.0, 40.0);
        let view = Transform { scale: Vec2::splat(10.0), offset: Vec2::splat(5.0) };
        let point = |x: f32| Point { at: [x, 1.0], radius: 2.0, fill: INK, stroke: Color::TRANSPARENT };
        let link = Link { from: [0.0, 0.0], to: [9.0, 1.0], weight: 1.0, color: INK };
        let mut marks = vec![
            Mark::Points(Points { points: Arc::new(vec![point(1.0), point(f32::NAN)]), clip, view }),
            Mark::Links(Links {
                links: Arc::new(vec![link]),
                keep: Keep::Strongest(1),
                full_weight: 1.0,
                width: [1.0, 2.0],
                opacity: [0.5, 1.0],
                clip,
                view,
            }),
            Mark::Line(Line {
                from: Vec2::new(10.0, 8.0),
                to: Vec2::new(10.0, 20.0),
                width: 2.0,
                color: INK,
                dash: 0.0,
            }),
        ];
        let before = extent_of(&marks, WHITE, &mut fonts).unwrap_or_default();
        assert_eq!(before, Rect { min: Vec2::new(4.0, 4.0), max: Vec2::new(40.0, 21.0) });
        let by = Vec2::new(100.0, -3.0);
        marks.iter_mut().for_each(|mark| mark.shift(by));
        assert_eq!(extent_of(&marks, WHITE, &mut fonts), Some(before.shifted(by)));
    }
}
