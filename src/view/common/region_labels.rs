//! Labelled regions of a picture: a dashed frame each, and its name on a plate beside it, so that the patches inside are seen.

use glam::Vec2;

use super::sketch::Sketch;
use crate::render::{Align, Color, Quad, Rect};

const GAP: f32 = 3.0;
/// An overlap with another name weighs so much more than one with a region.
const NAME_OVER_NAME: f32 = 3.0;
/// So many regions have names: more would cover each other.
const NAMED: usize = 300;

/// The regions of one picture, and the names that are drawn already.
pub(in crate::view) struct RegionLabels {
    picture: Rect,
    regions: Vec<Rect>,
    names: Vec<Rect>,
}

impl RegionLabels {
    pub fn new(picture: Rect, regions: Vec<Rect>) -> Self {
        Self { picture, regions, names: Vec::new() }
    }

    /// The frame of a region, and its name where there is room for it.
    pub fn draw(&mut self, sketch: &mut Sketch<'_>, region: Rect, name: &str) {
        let white = Color::hex(0xffffff);
        sketch.outline(region.shrink(-0.5), Color::hex(0x000000).with_opacity(0.55), 2.0);
        sketch.dashed_frame(region, white);
        let small = sketch.text.small;
        if self.names.len() >= NAMED || self.picture.size().y < small * 3.0 {
            return;
        }
        let text = sketch.elide(name, small, false, self.picture.size().x - 10.0);
        if text.is_empty() {
            return;
        }
        let size = Vec2::new(sketch.width(&text, small) + 8.0, small * 1.5);
        let plate = self.place(region, size);
        let fill = Color::hex(0x101216).with_opacity(0.72);
        sketch.quad(Quad { rect: plate, fill, stroke: Color::TRANSPARENT, stroke_width: 0.0, corner_radius: 3.0 });
        sketch.label(Vec2::new(plate.min.x + 4.0, plate.center().y), Align::Left, text, small, white);
        self.names.push(plate);
    }

    /// Below, above, at the right, at the left or inside: the first of those that cover least.
    fn place(&self, region: Rect, size: Vec2) -> Rect {
        let Rect { min, max } = self.picture;
        let inside = |at: Vec2| Rect { min: at, max: at + size };
        let left = region.min.x.min(max.x - size.x).max(min.x);
        let top = region.min.y.min(max.y - size.y).max(min.y);
        let outside = [
            Vec2::new(left, region.max.y + GAP),
            Vec2::new(left, region.min.y - GAP - size.y),
            Vec2::new(region.max.x + GAP, top),
            Vec2::new(region.min.x - GAP - size.x, top),
        ];
        let fits = |rect: &Rect| self.picture.contains(rect.min) && self.picture.contains(rect.max);
        let lower = Vec2::new(left, (region.max.y - size.y - GAP).min(max.y - size.y).max(min.y));
        let all = outside.into_iter().map(inside).filter(fits).chain([inside(lower)]);
        let cost = |rect: &Rect| {
            let over = |others: &[Rect]| others.iter().map(|other| overlap(*rect, *other)).sum::<f32>();
            over(&self.regions) + NAME_OVER_NAME * over(&self.names)
        };
        all.min_by(|a, b| cost(a).total_cmp(&cost(b))).unwrap_or(inside(lower))
    }
}

/// The area that two rectangles share.
fn overlap(a: Rect, b: Rect) -> f32 {
    (a.max.min(b.max) - a.min.max(b.min)).max(Vec2::ZERO).element_product()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLATE: Vec2 = Vec2::new(40.0, 15.0);

    fn placed(regions: &[Rect]) -> Rect {
        RegionLabels::new(Rect::at(0.0, 0.0, 100.0, 100.0), regions.to_vec()).place(regions[0], PLATE)
    }

    #[test]
    fn names_lie_beside_their_regions_where_there_is_room() {
        let at = |x: f32, y: f32| Rect::at(x, y, 20.0, 20.0);
        assert_eq!(placed(&[at(10.0, 10.0)]).min, Vec2::new(10.0, 33.0), "below");
        assert_eq!(placed(&[at(10.0, 80.0)]).min, Vec2::new(10.0, 62.0), "above");
        assert_eq!(placed(&[at(10.0, 10.0), at(10.0, 30.0)]).min, Vec2::new(33.0, 10.0), "another lies below");
        assert_eq!(placed(&[Rect::at(10.0, 0.0, 20.0, 100.0)]).min, Vec2::new(33.0, 0.0));
        assert_eq!(placed(&[Rect::at(0.0, 0.0, 100.0, 100.0)]).min, Vec2::new(0.0, 82.0), "nowhere but inside");
    }
}
