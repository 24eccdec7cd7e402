//! The pictures, in grey, with the heat of the selection's attention over their patches.

mod contours;
mod decoded;
mod frames;

use std::sync::Arc;

use glam::Vec2;

use self::frames::Frames;
use crate::render::{Align, Color, Heatmap, Mark, Pixels, Quad, Rect, Values};
use crate::trace::Area;
use crate::view::common::asked;
use crate::view::common::colour_bar::{Bar, BarSide};
use crate::view::common::heading::{begin, note_not_finite};
use crate::view::common::patches::Patches;
use crate::view::common::region_labels::RegionLabels;
use crate::view::common::scale::{Scale, Veil};
use crate::view::common::sides::{
    Sides, common_range, is_signed, locked, noun, title, uniform_share, veil_colormap, weight_label,
};
use crate::view::common::sinks;
use crate::view::common::sketch::{Sketch, fit, on_picture};
use crate::view::common::tiles::{PatchLayer, chosen, layers};
use crate::view::numbers::of_weights;
use crate::view::{Definition, Inputs, Options, Target, View, caption as figure_caption};

/// One picture and its tokens on either side.
pub(super) struct Tile<'a> {
    pub image: usize,
    pub pixels: &'a Arc<Pixels>,
    /// On the side that has the weights: all that are shown.
    pub far: Patches,
    /// The same, tile by tile.
    layers: Vec<PatchLayer>,
    /// On the side that the selected tokens are on, where that is another sequence.
    near: Patches,
}

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
    let one = Options { image: frames.as_ref().map_or(inputs.options.image, |frames| Some(frames.shown)), ..every };
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
    let places = arrange(sketch, &tiles);
    let mut marked = Vec::new();
    for (tile, &rect) in tiles.iter().zip(&places) {
        if has_heat {
            heat_over(inputs, sketch, sides.shown, (tile.pixels, &tile.layers), rect, &scale);
            if !is_signed(inputs) {
                contours::draw(inputs, sketch, &sides, &tile.layers, rect);
            }
        } else {
            sketch.picture(rect, tile.pixels);
        }
        regions(inputs, sketch, &sides, tile, rect);
        let patches = if tile.far.tokens.is_empty() { (&tile.near, sides.near) } else { (&tile.far, sides.far) };
        zones(sketch, patches.0, patches.1, rect);
        for (patches, sequence) in [(&tile.far, sides.far), (&tile.near, sides.near)] {
            marked.extend(outlines(sketch, &sides, patches, sequence, rect));
        }
    }
    let content = places.iter().copied().reduce(|a, b| Rect { min: a.min.min(b.min), max: a.max.max(b.max) });
    sketch.content = content.unwrap_or(sketch.free);
    if let Some(bar) = bar {
        bar.draw(sketch, sketch.content, &marked);
    }
}

/// How the weights are coloured; `None` if there are none on a picture.
pub(super) fn scale_of(inputs: &Inputs<'_>) -> Option<Scale> {
    let sides = Sides::of(inputs).filter(|sides| !sides.shown.is_empty())?;
    let tiles = tiles(inputs, &sides);
    tiles.iter().any(|tile| !tile.far.tokens.is_empty()).then(|| scale(inputs, &sides, pictures(&tiles)))
}

fn pictures<'a>(tiles: &'a [Tile<'_>]) -> impl Iterator<Item = &'a Pixels> {
    tiles.iter().map(|tile| &**tile.pixels)
}

/// The scale of the text view, seen through the pictures.
fn scale<'a>(inputs: &Inputs<'_>, sides: &Sides<'_>, pictures: impl Iterator<Item = &'a Pixels>) -> Scale {
    let colormap = veil_colormap(inputs);
    let scale = Scale::plain(colormap, common_range(inputs, sides), weight_label(inputs));
    Scale { veil: Some(veil(inputs, pictures)), ..scale.with_uniform(uniform_share(inputs, sides)) }
}

/// How the heat lies over these pictures.
pub(super) fn veil<'a>(inputs: &Inputs<'_>, pictures: impl Iterator<Item = &'a Pixels>) -> Veil {
    let greys: Vec<u32> = pictures.map(|pixels| u32::from(pixels.mean_grey().0[0])).collect();
    let mean = greys.iter().sum::<u32>().checked_div(greys.len() as u32).unwrap_or(0) as u8;
    let ground = Color([mean, mean, mean, 255]);
    Veil { opacity: inputs.options.opacity.clamp(0.0, 1.0), fades: inputs.options.fade, ground }
}

/// Whether all weights on the pictures are 0, such as those of a causal token before the first image.
fn are_bare(sides: &Sides<'_>, tiles: &[Tile<'_>]) -> bool {
    let mut patches = tiles.iter().flat_map(|tile| &tile.far.tokens);
    patches.all(|&token| sides.weights.get(token).is_some_and(|weight| *weight == 0.0))
}

/// The pictures that are shown.
pub(super) fn tiles<'a>(inputs: &Inputs<'a>, sides: &Sides<'_>) -> Vec<Tile<'a>> {
    tiles_of(inputs, sides.far, sides.near)
}

/// The same of two sequences.
fn tiles_of<'a>(inputs: &Inputs<'a>, far: usize, near: usize) -> Vec<Tile<'a>> {
    let tokens = |sequence: usize| inputs.document.sequences[sequence].tokens.as_slice();
    inputs
        .images
        .iter()
        .enumerate()
        .filter(|(image, pixels)| {
            inputs.options.image.is_none_or(|only| only == *image) && pixels.width > 0 && pixels.height > 0
        })
        .map(|(image, pixels)| {
            let patches = Patches::find(tokens(far), image);
            let layers = chosen(layers(&patches), inputs.options.tiles);
            (image, pixels, all_of(&patches, &layers), layers)
        })
        .map(|(image, pixels, of_far, layers)| Tile {
            image,
            pixels,
            far: of_far,
            layers,
            near: if near == far { Patches::default() } else { Patches::find(tokens(near), image) },
        })
        .collect()
}

/// The patches of the layers, in the order of their tokens.
fn all_of(patches: &Patches, layers: &[PatchLayer]) -> Patches {
    let mut shown: Vec<(usize, Area)> = layers
        .iter()
        .flat_map(|layer| layer.patches.tokens.iter().copied().zip(layer.patches.areas.iter().copied()))
        .collect();
    shown.sort_unstable_by_key(|(token, _)| *token);
    let (tokens, areas) = shown.into_iter().unzip();
    Patches { tokens, areas, grid: patches.grid.clone() }
}

fn aspect(tile: &Tile<'_>) -> f32 {
    tile.pixels.width as f32 / tile.pixels.height as f32
}

/// Where each picture lies: as many columns as make them largest, each with its number above if there are several.
pub(super) fn arrange(sketch: &mut Sketch<'_>, tiles: &[Tile<'_>]) -> Vec<Rect> {
    let (small, muted, room) = (sketch.text.small, sketch.palette.muted, sketch.free);
    if tiles.len() == 1 {
        return vec![fit(aspect(&tiles[0]), room)];
    }
    let (gap, heading) = (10.0, small * 1.6);
    let place = |columns: usize| -> Vec<Rect> {
        let rows = tiles.len().div_ceil(columns);
        let step = (room.size() + gap) / Vec2::new(columns as f32, rows as f32);
        let cell = |(index, tile): (usize, &Tile<'_>)| {
            let min = room.min + step * Vec2::new((index % columns) as f32, (index / columns) as f32);
            let max = (min + step - gap).max(min + Vec2::splat(1.0));
            let min = min + Vec2::new(0.0, heading.min((max.y - min.y) / 2.0));
            fit(aspect(tile), Rect { min, max })
        };
        tiles.iter().enumerate().map(cell).collect()
    };
    let covered = |places: &[Rect]| places.iter().map(|rect| rect.size().element_product()).sum::<f32>();
    let options = (1..=tiles.len()).map(place);
    let best = options.max_by(|a, b| covered(a).total_cmp(&covered(b))).unwrap_or_default();
    for (tile, rect) in tiles.iter().zip(&best) {
        let text = sketch.elide(&format!("image {}", tile.image), small, false, rect.size().x);
        sketch.label(Vec2::new(rect.min.x, rect.min.y - small * 0.8), Align::Left, text, small, muted);
    }
    best
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
    let (small, muted) = (sketch.text.small, sketch.palette.muted);
    if sketch.free.size().y < 12.0 * small {
        return;
    }
    let text = sketch.elide(&text, small, false, sketch.free.size().x);
    sketch.label(Vec2::new(sketch.free.min.x, sketch.free.max.y - small * 0.6), Align::Left, text, small, muted);
    sketch.free.max.y -= small * 1.8;
}

/// A picture in grey, and over its patches the heat of one weight per token of the sequence. A token whose weight is left out is
/// hatched. Where patches lie over others, those above have their own colour alone: the picture is drawn anew beneath them.
pub(super) fn heat_over(
    inputs: &Inputs<'_>,
    sketch: &mut Sketch<'_>,
    weights: &[f32],
    (pixels, layers): (&Arc<Pixels>, &[PatchLayer]),
    rect: Rect,
    scale: &Scale,
) {
    sketch.grey_picture(rect, pixels);
    for (place, layer) in layers.iter().enumerate() {
        let is_above = place > 0;
        let Some(grid) = &layer.patches.grid else {
            boxes(sketch, weights, (pixels, layer), rect, scale);
            continue;
        };
        if is_above {
            let is_full = layer.patches.tokens.len() == grid.rows * grid.columns;
            let covered = if is_full { std::slice::from_ref(&layer.area) } else { &layer.patches.areas };
            covered.iter().for_each(|&area| sketch.part_of_picture(rect, pixels, area, true));
        }
        sketch.marks.push(Mark::Heatmap(Heatmap {
            rect: on_picture(layer.area, rect),
            values: Values::Host(Arc::new(layer.patches.on_grid(grid, weights))),
            rows: grid.rows as u32,
            columns: grid.columns as u32,
            window: Rect::at(0.0, 0.0, grid.columns as f32, grid.rows as f32),
            range: scale.range,
            colormap: scale.colormap,
            missing: Color::TRANSPARENT,
            opacity: scale.veil.map_or(1.0, |veil| veil.opacity),
            fade: scale.veil.is_some_and(|veil| veil.fades),
            smooth: inputs.options.smooth,
        }));
        for (&token, &area) in layer.patches.tokens.iter().zip(&layer.patches.areas) {
            if scale.hatches_missing && weights.get(token).is_some_and(|weight| weight.is_nan()) {
                sketch.hatched(on_picture(area, rect));
            }
        }
    }
}

/// Patches that form no grid, each a box.
fn boxes(
    sketch: &mut Sketch<'_>,
    weights: &[f32],
    (pixels, layer): (&Arc<Pixels>, &PatchLayer),
    rect: Rect,
    scale: &Scale,
) {
    for index in by_size(&layer.patches.areas) {
        let area = layer.patches.areas[index];
        let place = on_picture(area, rect);
        let value = weights.get(layer.patches.tokens[index]).copied().unwrap_or(f32::NAN);
        let Some(color) = scale.color(value) else {
            if scale.hatches_missing {
                sketch.hatched(place);
            }
            continue;
        };
        sketch.part_of_picture(rect, pixels, area, true);
        let (fill, stroke) = (color.with_opacity(scale.opacity(value)), color);
        sketch.quad(Quad { rect: place, fill, stroke, stroke_width: 1.0, corner_radius: 0.0 });
    }
}

/// Large boxes first, so that small ones lie above them.
fn by_size(areas: &[Area]) -> Vec<usize> {
    let size = |area: &Area| (area.x1 - area.x0) * (area.y1 - area.y0);
    let mut order: Vec<usize> = (0..areas.len()).collect();
    order.sort_by(|&a, &b| size(&areas[b]).total_cmp(&size(&areas[a])));
    order
}

pub(super) fn zones(sketch: &mut Sketch<'_>, patches: &Patches, sequence: usize, rect: Rect) {
    for index in by_size(&patches.areas) {
        sketch.area(on_picture(patches.areas[index], rect), Target::Token { sequence, token: patches.tokens[index] });
    }
}

/// Outlines of selected and hovered patches; their values and colours for the colour bar.
pub(super) fn outlines(
    sketch: &mut Sketch<'_>,
    sides: &Sides<'_>,
    patches: &Patches,
    sequence: usize,
    rect: Rect,
) -> Vec<(f32, Color)> {
    let (selected, hover) = (sketch.palette.selected, Color::hex(0xffffff));
    let mut marked = Vec::new();
    for (&token, &area) in patches.tokens.iter().zip(&patches.areas) {
        if sides.is_selected(sequence, token) {
            sketch.mark_cell(on_picture(area, rect).shrink(2.0), selected, 2.0);
        }
    }
    for (&token, &area) in patches.tokens.iter().zip(&patches.areas) {
        if sides.is_marked_sink(sequence, token) {
            let place = on_picture(area, rect);
            sinks::dot(sketch, Vec2::new(place.max.x - 7.0, place.min.y + 7.0));
        }
        if sides.is_hovered(sequence, token) {
            sketch.mark_cell(on_picture(area, rect).shrink(1.5), hover, 1.5);
            if sequence == sides.far {
                marked.extend(sides.shown.get(token).map(|&value| (value, hover)));
            }
        }
    }
    marked
}

/// Labelled parts of the picture, with the share of its attention that lies in them.
fn regions(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, sides: &Sides<'_>, tile: &Tile<'_>, rect: Rect) {
    let of_image = inputs.document.regions.iter().filter(|region| region.image == tile.image);
    let frames = of_image.clone().map(|region| on_picture(region.area, rect)).collect();
    let mut labels = RegionLabels::new(rect, frames);
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
