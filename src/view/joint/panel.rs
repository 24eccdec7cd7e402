//! One plane of queries and keys.

use std::sync::Arc;

use glam::Vec2;

use crate::analysis::Direction;
use crate::query::QueriesAndKeys;
use crate::render::{Align, Color, Mark, Point, Points, Rect, Transform};
use crate::trace::Modality;
use crate::view::common::point_names::{self, PointName};
use crate::view::common::sides::{Sides, is_hovered, is_selected};
use crate::view::common::sketch::Sketch;
use crate::view::common::words::token_names;
use crate::view::embedding::colours::Colours;
use crate::view::embedding::{bounds, fitted};
use crate::view::{Inputs, Zone};

/// From the selection, to so many of the other side.
const LINKS: usize = 16;
/// Text is named where there are no more points.
const MOST_NAMED: usize = 600;

/// What all planes of a picture share.
pub(super) struct Panel<'a> {
    pub inputs: &'a Inputs<'a>,
    pub sides: &'a Sides<'a>,
    /// Of the queries, and of the keys.
    pub colours: [&'a Colours; 2],
}

/// A query or a key at its place.
struct Placed {
    /// 0 for a query, 1 for a key.
    side: usize,
    sequence: usize,
    token: usize,
    at: Vec2,
}

impl Panel<'_> {
    /// The one plane of a picture: links of the selection, names, axes, pan and zoom.
    pub fn draw_alone(&self, sketch: &mut Sketch<'_>, plane: &QueriesAndKeys, weights: &[f32], plot: Rect) {
        let Some(view) = view_of(plane, plot, self.inputs.options.joint_view) else {
            return sketch.note("Queries and keys of this head are not finite.");
        };
        sketch.fill(plot, sketch.palette.surface.with_opacity(0.6));
        let placed = self.placed(plane, &view);
        let linked = self.links(sketch, &placed, weights, plot);
        let radius = if placed.len() > 1600 { 3.0 } else { 4.5 };
        self.points(sketch, plane, &placed, radius, (plot, &view));
        self.names(sketch, &placed, &linked, radius, plot);
        sketch.outline(plot, sketch.palette.line, 1.0);
        self.axes(sketch, plane, plot);
    }

    /// One of several.
    pub fn draw_small(&self, sketch: &mut Sketch<'_>, plane: &QueriesAndKeys, plot: Rect) {
        sketch.fill(plot, sketch.palette.surface.with_opacity(0.6));
        sketch.outline(plot, sketch.palette.line, 1.0);
        let Some(view) = view_of(plane, plot, None) else { return };
        let placed = self.placed(plane, &view);
        self.points(sketch, plane, &placed, if placed.len() > 1600 { 1.5 } else { 2.2 }, (plot, &view));
    }

    /// All that are finite: keys below queries, and what is marked above both.
    fn placed(&self, plane: &QueriesAndKeys, view: &Transform) -> Vec<Placed> {
        let block = &self.inputs.document.attention[self.inputs.shown.block];
        let sides = [(1, block.key, &plane.keys), (0, block.query, &plane.queries)];
        let mut all: Vec<Placed> = Vec::with_capacity(plane.keys.len() + plane.queries.len());
        for (side, sequence, points) in sides {
            let placed = points.iter().enumerate().map(|(token, &point)| {
                let at = view.apply(Vec2::from(point));
                Placed { side, sequence, token, at }
            });
            all.extend(placed.filter(|placed| placed.at.is_finite()));
        }
        all.sort_by_key(|placed| (self.is_hovered(placed), self.is_selected(placed)));
        all
    }

    /// Of the side that the selection is on.
    fn is_selected(&self, placed: &Placed) -> bool {
        let side = usize::from(self.sides.direction == Direction::AttendedBy);
        placed.side == side && is_selected(self.inputs, placed.sequence, placed.token)
    }

    fn is_hovered(&self, placed: &Placed) -> bool {
        is_hovered(self.inputs, placed.sequence, placed.token)
    }

    fn points(
        &self,
        sketch: &mut Sketch<'_>,
        plane: &QueriesAndKeys,
        placed: &[Placed],
        radius: f32,
        (plot, view): (Rect, &Transform),
    ) {
        let palette = sketch.palette;
        let mut discs = Vec::with_capacity(placed.len() * 3 / 2);
        for found in placed {
            let color = match () {
                () if self.is_hovered(found) => palette.hover,
                () if self.is_selected(found) => palette.selected,
                () => self.colours[found.side].of_token(found.token),
            };
            let is_marked = self.is_hovered(found) || self.is_selected(found);
            let radius = if is_marked { radius + 1.5 } else { radius };
            let at = [&plane.queries, &plane.keys][found.side][found.token];
            let disc = |radius: f32, fill: Color, stroke: Color| Point { at, radius, fill, stroke };
            match found.side {
                0 => discs.push(disc(radius, color, palette.background)),
                _ => {
                    discs.push(disc(radius, color, Color::TRANSPARENT));
                    discs.push(disc(radius * 0.58, palette.background, Color::TRANSPARENT));
                }
            }
        }
        sketch.marks.push(Mark::Points(Points { points: Arc::new(discs), clip: plot, view: *view }));
        for side in 0..2 {
            let block = &self.inputs.document.attention[self.inputs.shown.block];
            let points = [&plane.queries, &plane.keys][side];
            let points = points.iter().map(|&point| view.apply(Vec2::from(point))).collect();
            let sequence = [block.query, block.key][side];
            sketch.zones.push(Zone::Points { clip: plot, points: Arc::new(points), reach: 10.0, sequence });
        }
    }

    /// From the selected tokens to those of the other side with the largest weights; the latter.
    fn links(&self, sketch: &mut Sketch<'_>, placed: &[Placed], weights: &[f32], plot: Rect) -> Vec<usize> {
        let far = usize::from(self.sides.direction == Direction::AttendsTo);
        let mut strongest: Vec<usize> = (0..weights.len()).filter(|&token| weights[token] > 0.0).collect();
        strongest.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
        strongest.truncate(LINKS);
        let Some(&first) = strongest.first() else { return Vec::new() };
        let ends: Vec<&Placed> =
            placed.iter().filter(|found| found.side == far && strongest.contains(&found.token)).collect();
        for from in placed.iter().filter(|found| self.is_selected(found) && plot.contains(found.at)) {
            for to in ends.iter().filter(|to| plot.contains(to.at)) {
                let share = weights[to.token] / weights[first];
                let color = sketch.palette.selected.with_opacity(0.15 + 0.7 * share);
                sketch.line(from.at, to.at, 0.75 + 2.25 * share, color);
            }
        }
        strongest
    }

    fn names(&self, sketch: &mut Sketch<'_>, placed: &[Placed], linked: &[usize], radius: f32, plot: Rect) {
        let far = usize::from(self.sides.direction == Direction::AttendsTo);
        let palette = sketch.palette;
        let sequences = &self.inputs.document.sequences;
        let names = [0, 1].map(|side| {
            let found = placed.iter().find(|found| found.side == side);
            found.map_or_else(Vec::new, |found| token_names(&sequences[found.sequence].tokens))
        });
        let rank = |found: &&Placed| match () {
            () if self.is_hovered(found) => 0,
            () if self.is_selected(found) => 1,
            () if found.side == far && linked.contains(&found.token) => 2,
            () => 3,
        };
        let is_text = |found: &&Placed| sequences[found.sequence].tokens[found.token].modality() == Modality::Text;
        let has_room = placed.len() <= MOST_NAMED;
        let mut wanted: Vec<&Placed> = placed
            .iter()
            .filter(|found| plot.contains(found.at) && (rank(found) < 3 || (has_room && is_text(found))))
            .collect();
        wanted.sort_by_key(rank);
        let name = |found: &Placed| PointName {
            at: found.at,
            radius,
            text: names[found.side][found.token].clone(),
            color: match rank(&found) {
                0 => palette.hover,
                1 => palette.selected_text,
                2 => palette.text,
                _ => palette.muted,
            },
            is_marked: rank(&found) < 2,
        };
        let points: Vec<Vec2> = placed.iter().map(|found| found.at).collect();
        point_names::draw(sketch, wanted.into_iter().map(name), &points, plot);
    }

    fn axes(&self, sketch: &mut Sketch<'_>, plane: &QueriesAndKeys, plot: Rect) {
        let small = sketch.text.small;
        let title = |axis: usize| match plane.explained[axis] {
            share if share.is_finite() => format!("PC {} ({:.0} %)", axis + 1, share * 100.0),
            _ => format!("{} {}", plane.recipe.method, axis + 1),
        };
        let text = format!("→ {} · ↑ {}", title(0), title(1));
        let text = sketch.elide(&text, small, false, plot.size().x);
        sketch.label(Vec2::new(plot.center().x, plot.max.y + small), Align::Center, text, small, sketch.palette.muted);
    }
}

fn view_of(plane: &QueriesAndKeys, plot: Rect, user: Option<Transform>) -> Option<Transform> {
    bounds(plane.queries.iter().chain(&plane.keys)).map(|of_points| fitted(of_points, plot, user))
}
