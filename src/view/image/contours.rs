//! Around the fewest patches that together hold half, and four fifths, of the attention on an image, and around those that were named.

use glam::Vec2;

use crate::render::{Color, Line, Mark, Rect};
use crate::view::Inputs;
use crate::view::common::patches::Patches;
use crate::view::common::sides::Sides;
use crate::view::common::sketch::{Sketch, on_picture};
use crate::view::common::tiles::PatchLayer;

/// What the lines below the pictures say of them.
pub(super) const EXPLAINED: &str = "contours: half of the attention on the image, dashed four fifths";

/// On the dark line beneath it, it is seen on any picture, and is no colour of heat.
const NAMED: Color = Color::hex(0xff9df2);

/// Draws them, if they are wanted; of each grid of patches its own.
pub(super) fn draw(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, sides: &Sides<'_>, layers: &[PatchLayer], rect: Rect) {
    if !inputs.options.contours {
        return;
    }
    for layer in layers {
        for (share, dash) in [(0.8, 4.0), (0.5, 0.0)] {
            let inside = fewest(&layer.patches, sides.weights, share);
            around(sketch, &layer.patches, &inside, rect, (Color::hex(0xffffff), dash));
        }
    }
}

/// Around the patches whose share of attention colours the heads, if that is what colours them.
pub(super) fn draw_named(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, far: usize, patches: &Patches, rect: Rect) {
    let named = inputs.options.to.as_ref().and_then(|named| named.find(inputs.document, far).ok());
    let Some(named) = named else { return };
    let inside: Vec<bool> = patches.tokens.iter().map(|token| named.binary_search(token).is_ok()).collect();
    around(sketch, patches, &inside, rect, (NAMED, 0.0));
}

/// A line in this colour and with these dashes, on a dark one, so that it is seen on any picture.
fn around(sketch: &mut Sketch<'_>, patches: &Patches, inside: &[bool], rect: Rect, (color, dash): (Color, f32)) {
    for [from, to] in edges(patches, inside, rect) {
        for (width, color, dash) in [(3.5, Color::hex(0x000000), 0.0), (1.5, color, dash)] {
            sketch.marks.push(Mark::Line(Line { from, to, width, color, dash }));
        }
    }
}

/// Which patches hold a share of the weight on all of them, the strongest first.
fn fewest(patches: &Patches, weights: &[f32], share: f32) -> Vec<bool> {
    let weight =
        |index: usize| weights.get(patches.tokens[index]).copied().filter(|weight| *weight > 0.0).unwrap_or(0.0);
    let mut ranked: Vec<usize> = (0..patches.tokens.len()).filter(|&index| weight(index).is_finite()).collect();
    ranked.sort_by(|&a, &b| weight(b).total_cmp(&weight(a)));
    let wanted = share * ranked.iter().map(|&index| weight(index)).sum::<f32>();
    let (mut inside, mut held) = (vec![false; patches.tokens.len()], 0.0);
    for index in ranked {
        if held >= wanted {
            break;
        }
        held += weight(index);
        inside[index] = true;
    }
    inside
}

/// The edges between patches inside and those outside; all four of each patch where they form no grid.
fn edges(patches: &Patches, inside: &[bool], rect: Rect) -> Vec<[Vec2; 2]> {
    let mut edges = Vec::new();
    let places: Vec<Option<(usize, usize)>> =
        (0..inside.len()).map(|index| patches.grid.as_ref().map(|grid| grid.place(index))).collect();
    let known: std::collections::HashSet<(usize, usize)> =
        places.iter().zip(inside).filter(|(_, is_inside)| **is_inside).filter_map(|(place, _)| *place).collect();
    let is_in = |place: Option<(usize, usize)>, down: isize, right: isize| {
        let beside =
            place.and_then(|(row, column)| Some((row.checked_add_signed(down)?, column.checked_add_signed(right)?)));
        beside.is_some_and(|beside| known.contains(&beside))
    };
    for (index, _) in inside.iter().enumerate().filter(|(_, is_inside)| **is_inside) {
        let Rect { min, max } = on_picture(patches.areas[index], rect);
        let (right_top, left_bottom) = (Vec2::new(max.x, min.y), Vec2::new(min.x, max.y));
        let sides = [
            ((-1, 0), [min, right_top]),
            ((1, 0), [left_bottom, max]),
            ((0, -1), [min, left_bottom]),
            ((0, 1), [right_top, max]),
        ];
        let open = sides.into_iter().filter(|((down, right), _)| !is_in(places[index], *down, *right));
        edges.extend(open.map(|(_, edge)| edge));
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Area;

    fn row(count: usize) -> Patches {
        let area = |at: usize| {
            let (x0, x1) = (at as f32 / count as f32, (at + 1) as f32 / count as f32);
            Area { x0, y0: 0.0, x1, y1: 1.0 }
        };
        let areas: Vec<Area> = (0..count).map(area).collect();
        let grid = crate::view::common::patches::PatchGrid::find(&areas);
        Patches { tokens: (0..count).collect(), areas, grid }
    }

    #[test]
    fn the_fewest_patches_hold_the_share() {
        let patches = row(4);
        assert_eq!(fewest(&patches, &[0.1, 0.5, 0.25, 0.15], 0.5), [false, true, false, false]);
        assert_eq!(fewest(&patches, &[0.1, 0.5, 0.25, 0.15], 0.8), [false, true, true, true]);
        assert_eq!(fewest(&patches, &[f32::NAN, 0.0, 0.0, 0.0], 0.5), [false; 4]);
        // Two neighbours are one shape: the edge between them is not drawn.
        let edges = edges(&patches, &[false, true, true, false], Rect::at(0.0, 0.0, 40.0, 10.0));
        assert_eq!(edges.len(), 6);
        assert!(!edges.contains(&[Vec2::new(20.0, 0.0), Vec2::new(20.0, 10.0)]));
    }
}
