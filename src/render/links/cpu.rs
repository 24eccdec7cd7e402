//! The CPU backend: of shaders/render/links_select.wgsl, and of shaders/render/links.wgsl.

use std::cmp::Reverse;
use std::sync::Arc;

use glam::Vec2;
use rayon::prelude::*;

use super::curve::{SEGMENTS, key};
use crate::render::device::{Frame, scissor};
use crate::render::layer::{Band, Layer, band_coverage, blend, premultiplied};
use crate::render::{Keep, Link, Transform};

/// Curves of a layer: more become layers on top of each other, so that not all strips are held in memory.
const CURVES_AT_ONCE: usize = 1 << 16;
/// Selections that are kept for later drawings.
const KEPT_SELECTIONS: usize = 8;

/// Which of some links are kept: their indices, ascending.
type Selection = (Arc<Vec<Link>>, Keep, Arc<Vec<u32>>);

/// Paints links, and remembers which were selected.
#[derive(Default)]
pub(in crate::render) struct Links {
    selections: Vec<Selection>,
}

/// A curve as quadrilaterals, in pixels.
struct Strip {
    /// At each end of each piece, the two sides.
    sides: [[Vec2; 2]; SEGMENTS as usize + 1],
    half_width: f32,
    color: [f32; 4],
}

impl Links {
    /// How many links are kept, and the layers that show them; none if nothing of them would be seen.
    pub(in crate::render) fn paint(&mut self, frame: &Frame<'_>, mark: &crate::render::Links) -> (u32, Vec<Layer>) {
        let kept = self.select(&mark.links, mark.keep);
        let count = kept.len() as u32;
        let Some(area) = scissor(frame, &mark.clip) else { return (count, Vec::new()) };
        let layer = |kept: &[u32]| {
            let strip = |&index: &u32| Strip::new(&mark.links[index as usize], mark, frame.scale);
            let strips: Vec<Strip> = kept.par_iter().map(strip).collect();
            Layer::paint(area, &strips, Strip::extent, |band, strip| strip.paint(band))
        };
        (count, kept.chunks(CURVES_AT_ONCE).map(layer).collect())
    }

    fn select(&mut self, links: &Arc<Vec<Link>>, keep: Keep) -> Arc<Vec<u32>> {
        let is_known = |(known, how, _): &Selection| Arc::ptr_eq(known, links) && *how == keep;
        let selected = match self.selections.iter().position(is_known) {
            Some(place) => self.selections.remove(place),
            None => (Arc::clone(links), keep, Arc::new(select(links, keep))),
        };
        let kept = Arc::clone(&selected.2);
        self.selections.insert(0, selected);
        self.selections.truncate(KEPT_SELECTIONS);
        kept
    }

    /// Lets go of what only this cache still holds.
    pub(in crate::render) fn forget_unused(&mut self) {
        let here: Vec<_> = self.selections.iter().map(|(links, ..)| Arc::as_ptr(links)).collect();
        self.selections.retain(|(links, ..)| {
            Arc::strong_count(links) > here.iter().filter(|&&known| known == Arc::as_ptr(links)).count()
        });
    }
}

/// Indices of the kept links, ascending.
pub(in crate::render) fn select(links: &[Link], keep: Keep) -> Vec<u32> {
    let numbers = (0..).zip(links).filter(|(_, link)| !link.weight.is_nan());
    match keep {
        Keep::AtLeast(least) => numbers.filter(|(_, link)| link.weight >= least).map(|(index, _)| index).collect(),
        Keep::Strongest(count) => {
            let mut kept: Vec<u32> = numbers.map(|(index, _)| index).collect();
            let count = count as usize;
            if count < kept.len() {
                kept.select_nth_unstable_by_key(count, |&index| (Reverse(key(links[index as usize].weight)), index));
                kept.truncate(count);
                kept.sort_unstable();
            }
            kept
        }
    }
}

impl Strip {
    fn new(link: &Link, mark: &crate::render::Links, scale: f32) -> Self {
        let mix = |ends: [f32; 2], at: f32| ends[0] + (ends[1] - ends[0]) * at;
        let strength = (link.weight / mark.full_weight.max(1e-30)).clamp(0.0, 1.0);
        let half_width = 0.5 * scale * mix(mark.width, strength);
        let color = premultiplied(link.color, mix(mark.opacity, strength));

        let view = Transform { scale: mark.view.scale * scale, offset: mark.view.offset * scale };
        let begin = view.apply(link.from.into());
        let way = view.apply(link.to.into()) - begin;
        let sides = std::array::from_fn(|place| {
            let t = place as f32 / SEGMENTS as f32;
            // The Bézier curve with the handles (way.x / 2, 0), and its derivative.
            let at = begin + way * Vec2::new(1.5 * t * (1.0 - t) + t * t * t, t * t * (3.0 - 2.0 * t));
            let slope = way * Vec2::new(1.5 - 3.0 * t + 3.0 * t * t, 6.0 * t * (1.0 - t));
            let across = slope.try_normalize().unwrap_or(Vec2::X).perp() * (half_width + 0.5);
            [at - across, at + across]
        });
        Self { sides, half_width, color }
    }

    fn extent(&self) -> [f32; 2] {
        self.sides
            .iter()
            .flatten()
            .fold([f32::INFINITY, f32::NEG_INFINITY], |[top, bottom], corner| [top.min(corner.y), bottom.max(corner.y)])
    }

    fn paint(&self, band: &mut Band) {
        let [band_top, band_bottom] = [band.rows.start as f32, band.rows.end as f32];
        for ends in self.sides.windows(2) {
            let [[a, b], [c, d]] = [ends[0], ends[1]];
            let (top, bottom) = (a.y.min(b.y).min(c.y).min(d.y), a.y.max(b.y).max(c.y).max(d.y));
            if bottom < band_top || top > band_bottom {
                continue;
            }
            let edges = [Edge::new(a, b), Edge::new(c, d), Edge::new(a, c), Edge::new(b, d)];
            let middle = (a + b) / 2.0;
            let along = (c + d - a - b).try_normalize().unwrap_or(Vec2::X);
            for row in band.rows_between(top, bottom) {
                let height = row as f32 + 0.5;
                let [mut from, mut to] = [f32::INFINITY, f32::NEG_INFINITY];
                for edge in &edges {
                    if edge.top <= height && height < edge.bottom {
                        let x = edge.x + (height - edge.y) * edge.slope;
                        (from, to) = (from.min(x), to.max(x));
                    }
                }
                let down = (height - middle.y) * along.x;
                for (x, pixel) in band.span(row, from, to) {
                    let across = down - (x - middle.x) * along.y;
                    blend(pixel, self.color, band_coverage(across, self.half_width));
                }
            }
        }
    }
}

/// A side of a quadrilateral. Two that share it compute the same places on it, and so leave neither gap nor overlap.
struct Edge {
    top: f32,
    bottom: f32,
    x: f32,
    y: f32,
    slope: f32,
}

impl Edge {
    fn new(a: Vec2, b: Vec2) -> Self {
        Self { top: a.y.min(b.y), bottom: a.y.max(b.y), x: a.x, y: a.y, slope: (b.x - a.x) / (b.y - a.y) }
    }
}
