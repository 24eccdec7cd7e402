//! The pictures that are shown with their patches, where they lie, and the heat over them.

use std::sync::Arc;

use glam::Vec2;

use crate::render::{Align, Color, Heatmap, Mark, Pixels, Quad, Rect, Values};
use crate::trace::Area;
use crate::view::common::patches::Patches;
use crate::view::common::scale::{Scale, Veil};
use crate::view::common::sides::Sides;
use crate::view::common::sinks;
use crate::view::common::sketch::{Sketch, on_picture};
use crate::view::common::tiles::{PatchLayer, chosen, layers};
use crate::view::{Inputs, Target};

/// One picture and its tokens on either side.
pub(in crate::view) struct Tile<'a> {
    pub image: usize,
    pub pixels: &'a Arc<Pixels>,
    /// On the side that has the weights: all that are shown.
    pub far: Patches,
    /// The same, tile by tile.
    pub(super) layers: Vec<PatchLayer>,
    /// On the side that the selected tokens are on, where that is another sequence.
    pub(super) near: Patches,
}

pub(super) fn pictures<'a>(tiles: &'a [Tile<'_>]) -> impl Iterator<Item = &'a Pixels> {
    tiles.iter().map(|tile| &**tile.pixels)
}

/// How the heat lies over these pictures.
pub(in crate::view) fn veil<'a>(inputs: &Inputs<'_>, pictures: impl Iterator<Item = &'a Pixels>) -> Veil {
    let greys: Vec<u32> = pictures.map(|pixels| u32::from(pixels.mean_grey().0[0])).collect();
    let mean = greys.iter().sum::<u32>().checked_div(greys.len() as u32).unwrap_or(0) as u8;
    let ground = Color([mean, mean, mean, 255]);
    Veil { opacity: inputs.options.opacity.clamp(0.0, 1.0), fades: inputs.options.fade, ground }
}

/// The pictures that are shown.
pub(in crate::view) fn tiles<'a>(inputs: &Inputs<'a>, sides: &Sides<'_>) -> Vec<Tile<'a>> {
    tiles_of(inputs, sides.far, sides.near)
}

/// The same of two sequences.
pub(super) fn tiles_of<'a>(inputs: &Inputs<'a>, far: usize, near: usize) -> Vec<Tile<'a>> {
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

pub(super) fn aspect(tile: &Tile<'_>) -> f32 {
    tile.pixels.width as f32 / tile.pixels.height as f32
}

/// Where each picture lies: as many columns as make them largest, with room for a number above if there are several.
pub(super) fn places(sketch: &Sketch<'_>, tiles: &[Tile<'_>]) -> Vec<Rect> {
    let (small, room) = (sketch.text.small, sketch.free);
    if tiles.len() == 1 {
        return vec![sketch.fit(aspect(&tiles[0]), room)];
    }
    let (gap, heading) = (10.0, small * 1.6);
    let place = |columns: usize| -> Vec<Rect> {
        let rows = tiles.len().div_ceil(columns);
        let step = (room.size() + gap) / Vec2::new(columns as f32, rows as f32);
        let cell = |(index, tile): (usize, &Tile<'_>)| {
            let min = room.min + step * Vec2::new((index % columns) as f32, (index / columns) as f32);
            let max = (min + step - gap).max(min + Vec2::splat(1.0));
            let min = min + Vec2::new(0.0, heading.min((max.y - min.y) / 2.0));
            sketch.fit(aspect(tile), Rect { min, max })
        };
        tiles.iter().enumerate().map(cell).collect()
    };
    let covered = |places: &[Rect]| places.iter().map(|rect| rect.size().element_product()).sum::<f32>();
    let options = (1..=tiles.len()).map(place);
    options.max_by(|a, b| covered(a).total_cmp(&covered(b))).unwrap_or_default()
}

/// The number of each picture above it, if there are several.
pub(super) fn headings(sketch: &mut Sketch<'_>, tiles: &[Tile<'_>], places: &[Rect]) {
    let (small, muted) = (sketch.text.small, sketch.palette.muted);
    for (tile, rect) in tiles.iter().zip(places).filter(|_| tiles.len() > 1) {
        let text = sketch.elide(&format!("image {}", tile.image), small, false, rect.size().x);
        sketch.label(Vec2::new(rect.min.x, rect.min.y - small * 0.8), Align::Left, text, small, muted);
    }
}

/// A picture in grey, and over its patches the heat of one weight per token of the sequence. A token whose weight is left out is
/// hatched. Where patches lie over others, those above have their own colour alone: the picture is drawn anew beneath them.
pub(in crate::view) fn heat_over(
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

pub(in crate::view) fn zones(sketch: &mut Sketch<'_>, patches: &Patches, sequence: usize, rect: Rect) {
    for index in by_size(&patches.areas) {
        sketch.area(on_picture(patches.areas[index], rect), Target::Token { sequence, token: patches.tokens[index] });
    }
}

/// Outlines of selected and hovered patches; their values and colours for the colour bar.
pub(in crate::view) fn outlines(
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
