//! Whether two pictures show the same, though adapters round differently.

use image::{Rgba, RgbaImage};

/// A channel may differ by so much unnoticed: adapters blend and interpolate with rounding of their own.
const ROUNDING: u8 = 16;
/// So many pixels may differ by more: those of which an edge covers a half.
const ON_EDGES: usize = 12;
/// Pixels a side of a tile.
const TILE: u32 = 8;
/// The mean of a channel over a tile may differ by so much. A line of one pixel across a tile is an eighth of it.
const TILE_MEAN: f32 = 2.0;

/// What differs between two pictures by more than rounding; `None` if they show the same.
pub fn difference(actual: &RgbaImage, expected: &RgbaImage) -> Option<String> {
    if actual.dimensions() != expected.dimensions() {
        return Some(format!("it has {:?} pixels, expected {:?}", actual.dimensions(), expected.dimensions()));
    }
    let differs =
        |(a, b): &(&Rgba<u8>, &Rgba<u8>)| (0..4).any(|channel| a.0[channel].abs_diff(b.0[channel]) > ROUNDING);
    let differing = actual.pixels().zip(expected.pixels()).filter(differs).count();
    if differing > ON_EDGES {
        return Some(format!("{differing} pixels differ, {ON_EDGES} may"));
    }
    let (width, height) = actual.dimensions();
    let tiles = (0..height).step_by(TILE as usize).flat_map(|y| (0..width).step_by(TILE as usize).map(move |x| (x, y)));
    tiles.into_iter().find_map(|(left, top)| {
        let (right, bottom) = ((left + TILE).min(width), (top + TILE).min(height));
        let pixels = || (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y)));
        let by = (0..4).map(|channel| {
            let of = |picture: &RgbaImage, (x, y)| f32::from(picture.get_pixel(x, y).0[channel]);
            let sum: f32 = pixels().map(|at| of(actual, at) - of(expected, at)).sum();
            (sum / pixels().count() as f32).abs()
        });
        let by = by.fold(0.0, f32::max);
        (by > TILE_MEAN).then(|| format!("the tile at {left}, {top} differs by {by:.1} on average, {TILE_MEAN} may"))
    })
}
