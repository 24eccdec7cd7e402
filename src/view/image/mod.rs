//! The pictures, in grey, with the heat of the selection's attention over their patches.

mod contours;
mod decoded;
mod frames;
mod pictures;
mod zoom;

use glam::Vec2;

use self::frames::Frames;
use self::pictures::{Tile, aspect, pictures};
pub(super) use self::pictures::{heat_over, outlines, tiles, veil, zones};
pub(super) use self::zoom::draw_pictures;
use crate::render::{Pixels, Rect};
use crate::trace::Area;
use crate::view::common::asked;
use crate::view::common::colour_bar::{Bar, BarSide};
use crate::view::common::heading::{begin, note_not_finite};
use crate::view::common::patches::Patches;
use crate::view::common::region_labels::RegionLabels;
use crate::view::common::scale::Scale;
use crate::view::common::sides::{
    Sides, common_range, is_signed, locked, noun, title, uniform_share, veil_colormap, weight_label,
};
use crate::view::common::sketch::{Sketch, on_picture, within};
use crate::view::numbers::of_weights;
use crate::view::{Definition, Inputs, Options, View, caption as figure_caption};

/// All about this view.
pub(super) const VIEW: Definition = Definition {
    needs: asked::of_selection,
    draw: |inputs, sketch| match asked::wanted_word(inputs) {
        Some(wanted) => decoded::draw(inputs, sketch, wanted),
        None => draw(inputs, sketch),
    },
    caption: |inputs| match asked::wanted_word(inputs) {
        Some(wanted) => vec![format!("probability that a patch decodes to “{wanted}” (logit lens)")],
        None => figure_caption::normalized_weights(inputs),
    },
    needs_for_numbers: |_| Vec::new(),
    numbers: |inputs| match asked::wanted_word(inputs) {
        Some(wanted) => decoded::numbers(inputs, wanted),
        None => of_weights(View::Image, inputs),
    },
};

pub(super) fn draw(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    let Some(sides) = begin(inputs, sketch, "Image", |_, sketch| title(inputs, sketch)) else { return };
    note_not_finite(sketch, &sides);
    let every = Options { image: None, ..inputs.options.clone() };
    let all = tiles(&Inputs { options: &every, ..*inputs }, &sides);
    let frames = Frames::of(inputs, sketch, &sides, &all);
    let one =
        Options { image: frames.as_ref().map_or(inputs.options.image, |frames| Some(frames.shown)), ..every.clone() };
    if let Some(frames) = &frames {
        let scale = scale(inputs, &sides, pictures(&all));
        frames.draw(inputs, sketch, sides.shown, &all, &scale);
    }
    let inputs = &Inputs { options: &one, ..*inputs };
    let tiles = tiles(inputs, &sides);
    if tiles.is_empty() {
        sketch.note(match inputs.document.images {
            0 => "This trace holds no image. The text view shows where the attention goes.",
            _ => "The image is not here yet.",
        });
        return;
    }
    let has_weights = !sides.shown.is_empty() && tiles.iter().any(|tile| !tile.far.tokens.is_empty());
    // On a scale of its own the heat of zeros would say nothing, and darken the picture.
    let is_bare = has_weights && are_bare(&sides, &tiles);
    let has_scale = inputs.options.range.is_some() || locked(inputs, |peaks| peaks.patches).is_some();
    let has_heat = has_weights && (!is_bare || has_scale);
    let scale = scale(inputs, &sides, pictures(&tiles));
    caption(inputs, sketch, &sides, &tiles, [has_weights, is_bare]);
    let aspect = aspect(&tiles[0]);
    let wide = sketch.free.size().x > sketch.free.size().y * if tiles.len() == 1 { aspect } else { 1.0 };
    let place = if wide { BarSide::Right } else { BarSide::Below };
    let bar = if has_heat { Bar::reserve(sketch, &scale, place, inputs.options.colour_bar) } else { None };
    let mut marked = Vec::new();
    let sight = draw_pictures(inputs, sketch, &tiles, |sketch, tile, rect| {
        if has_heat {
            heat_over(inputs, sketch, sides.shown, (tile.pixels, &tile.layers), rect, &scale);
            if !is_signed(inputs) {
                contours::draw(inputs, sketch, &sides, &tile.layers, rect);
            }
        } else {
            sketch.picture(rect, tile.pixels);
        }
        if has_weights {
            zoom::numbers(inputs, sketch, sides.weights, tile, rect);
        }
        regions(inputs, sketch, &sides, tile, rect);
        let patches = if tile.far.tokens.is_empty() { (&tile.near, sides.near) } else { (&tile.far, sides.far) };
        zones(sketch, patches.0, patches.1, rect);
        for (patches, sequence) in [(&tile.far, sides.far), (&tile.near, sides.near)] {
            marked.extend(outlines(sketch, &sides, patches, sequence, rect));
        }
        contours::draw_named(inputs, sketch, sides.far, &tile.far, rect);
    });
    if let Some(bar) = bar {
        bar.draw(sketch, sight, &marked);
    }
}

/// How the weights are coloured; `None` if there are none on a picture.
pub(super) fn scale_of(inputs: &Inputs<'_>) -> Option<Scale> {
    let sides = Sides::of(inputs).filter(|sides| !sides.shown.is_empty())?;
    let tiles = tiles(inputs, &sides);
    tiles.iter().any(|tile| !tile.far.tokens.is_empty()).then(|| scale(inputs, &sides, pictures(&tiles)))
}

/// The scale of the text view, seen through the pictures.
fn scale<'a>(inputs: &Inputs<'_>, sides: &Sides<'_>, pictures: impl Iterator<Item = &'a Pixels>) -> Scale {
    let colormap = veil_colormap(inputs);
    let scale = Scale::plain(colormap, common_range(inputs, sides), weight_label(inputs));
    Scale { veil: Some(veil(inputs, pictures)), ..scale.with_uniform(uniform_share(inputs, sides)) }
}

/// Whether all weights on the pictures are 0, such as those of a causal token before the first image.
fn are_bare(sides: &Sides<'_>, tiles: &[Tile<'_>]) -> bool {
    let mut patches = tiles.iter().flat_map(|tile| &tile.far.tokens);
    patches.all(|&token| sides.weights.get(token).is_some_and(|weight| *weight == 0.0))
}

/// A line below the pictures: why there is no heat, or what the numbers at the regions are.
fn caption(
    inputs: &Inputs<'_>,
    sketch: &mut Sketch<'_>,
    sides: &Sides<'_>,
    tiles: &[Tile<'_>],
    [has_weights, is_bare]: [bool; 2],
) {
    let in_a_tile = |image: usize| tiles.iter().any(|tile| tile.image == image);
    let (side, noun, signed) = (sides.far_name(inputs.selection.direction), noun(inputs), is_signed(inputs));
    let text = match has_weights {
        _ if is_bare && tiles.len() > 1 => format!("no {noun} on these images"),
        _ if is_bare => format!("no {noun} on this image"),
        false if sides.shown.is_empty() => "no attention weights here yet".to_owned(),
        false => format!("nothing to colour: the {side} hold no patch of this image"),
        true => {
            let has_regions = inputs.document.regions.iter().any(|region| in_a_tile(region.image));
            let are_stacked = tiles.iter().any(|tile| tile.layers.len() > 1);
            let says = [
                (has_regions && !signed, format!("dashed regions: share of the {noun} on the image")),
                (inputs.options.contours && !signed, contours::EXPLAINED.to_owned()),
                (are_stacked, "smaller patches lie above larger ones".to_owned()),
            ];
            let said: Vec<String> = says.into_iter().filter(|(is_so, _)| *is_so).map(|(_, what)| what).collect();
            if said.is_empty() {
                return;
            }
            said.join(" · ")
        }
    };
    if sketch.free.size().y >= 12.0 * sketch.text.small {
        sketch.foot(&text);
    }
}

/// Labelled parts of the picture, with the share of its attention that lies in them.
fn regions(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, sides: &Sides<'_>, tile: &Tile<'_>, rect: Rect) {
    let sight = within(rect, sketch.free);
    let is_in_sight = |area: Area| within(on_picture(area, rect), sight).size().cmpgt(Vec2::ZERO).all();
    let of_image =
        inputs.document.regions.iter().filter(|region| region.image == tile.image && is_in_sight(region.area));
    let frames = of_image.clone().map(|region| on_picture(region.area, rect)).collect();
    let mut labels = RegionLabels::new(sight, frames);
    for region in of_image {
        // Of values with a sign there are no shares.
        let share = share_inside(sides.weights, &tile.far, region.area).filter(|_| !is_signed(inputs));
        let name = share.map_or(region.label.clone(), |share| format!("{} {share:.2}", region.label));
        labels.draw(sketch, on_picture(region.area, rect), &name);
    }
}

/// The share of the attention on an image's patches that lies inside a box; `None` if there is none at all.
fn share_inside(weights: &[f32], patches: &Patches, region: Area) -> Option<f32> {
    let (mut inside, mut total) = (0.0, 0.0);
    for (&token, area) in patches.tokens.iter().zip(&patches.areas) {
        let weight = weights.get(token)?;
        // Left out.
        if weight.is_nan() {
            continue;
        }
        inside += weight * area.share_inside(&region);
        total += weight;
    }
    Some(inside / total).filter(|share| share.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_weight_in_the_left_half() {
        let area = |x0: f32, x1: f32| Area { x0, y0: 0.0, x1, y1: 1.0 };
        let patches = Patches { tokens: vec![1, 2], areas: vec![area(0.0, 0.5), area(0.5, 1.0)], grid: None };
        assert_eq!(share_inside(&[9.0, 0.75, 0.25], &patches, area(0.0, 0.5)), Some(0.75));
        assert_eq!(share_inside(&[9.0, 0.0, 0.0], &patches, area(0.0, 0.5)), None);
        assert_eq!(share_inside(&[9.0], &patches, area(0.0, 0.5)), None);
    }
}
