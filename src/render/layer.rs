//! A transparent layer that native code paints: what a software adapter would draw as triangles, without it.
//!
//! A software adapter spends most of a frame of thin triangles on blocks of pixels that they hardly touch: 10,000 curves
//! take it 100 ms and more, native code a quarter. The layer is cut into bands of [`BAND_ROWS`] rows. Items are first
//! sorted into the bands that they touch, keeping their order, then each band is painted by one thread: nothing is
//! locked, and what overlaps blends in the same order every time. Colours add up in floats and become bytes once. The
//! layer is drawn like a picture. Sharing the items out among threads instead was rejected: they overlap.

use std::ops::Range;

use rayon::prelude::*;

use super::device::Scissor;

/// Few enough that a band stays in a processor's cache, many enough that few items touch two.
const BAND_ROWS: u32 = 32;

/// What was painted.
pub(super) struct Layer {
    /// Where it lies, in pixels of the target.
    pub area: Scissor,
    /// `[height, width, 4]`, with straight alpha as a picture has it.
    pub rgba: Vec<u8>,
}

/// Some rows of a layer. Places are pixels of the target.
pub(super) struct Band {
    /// Those of the target.
    pub rows: Range<u32>,
    /// Those of the target.
    pub columns: Range<u32>,
    /// Premultiplied, row by row.
    pixels: Vec<[f32; 4]>,
}

impl Layer {
    /// Paints items in their order. `extent` says between which heights in pixels an item lies, `paint` paints the part of
    /// it that lies in a band.
    pub(super) fn paint<T: Sync>(
        area: Scissor,
        items: &[T],
        extent: impl Fn(&T) -> [f32; 2],
        paint: impl Fn(&mut Band, &T) + Sync,
    ) -> Self {
        let [x, y, width, height] = area;
        let sorted = sort(area, items, extent);
        let mut rgba = vec![0; 4 * width as usize * height as usize];
        let band_bytes = (4 * width * BAND_ROWS) as usize;
        let nothing = || Band { rows: 0..0, columns: x..x + width, pixels: Vec::new() };
        let bands = rgba.par_chunks_mut(band_bytes).zip(&sorted).enumerate();
        bands.filter(|(_, (_, numbers))| !numbers.is_empty()).for_each_init(
            nothing,
            |band, (place, (rgba, numbers))| {
                let first = y + place as u32 * BAND_ROWS;
                band.rows = first..(first + BAND_ROWS).min(y + height);
                band.pixels.clear();
                band.pixels.resize(rgba.len() / 4, [0.0; 4]);
                numbers.iter().for_each(|&number| paint(band, &items[number as usize]));
                for (bytes, pixel) in rgba.chunks_exact_mut(4).zip(&band.pixels) {
                    bytes.copy_from_slice(&straight(*pixel));
                }
            },
        );
        Self { area, rgba }
    }
}

/// For each band of the area, the numbers of the items that touch it.
fn sort<T>([_, y, _, height]: Scissor, items: &[T], extent: impl Fn(&T) -> [f32; 2]) -> Vec<Vec<u32>> {
    let mut sorted = vec![Vec::new(); height.div_ceil(BAND_ROWS) as usize];
    for (number, item) in (0..).zip(items) {
        let [first, last] = extent(item).map(|place| (place - y as f32) / BAND_ROWS as f32);
        // What is not a number or lies outside becomes an empty range.
        let begin = first.max(0.0) as usize;
        let end = if last >= 0.0 { (last as usize).saturating_add(1).min(sorted.len()) } else { 0 };
        sorted.get_mut(begin..end).into_iter().flatten().for_each(|numbers: &mut Vec<u32>| numbers.push(number));
    }
    sorted
}

/// From premultiplied floats to bytes with straight alpha.
fn straight([r, g, b, a]: [f32; 4]) -> [u8; 4] {
    let scale = if a > 0.0 { 255.0 / a } else { 0.0 };
    [r * scale, g * scale, b * scale, a * 255.0].map(|part| (part + 0.5) as u8)
}

impl Band {
    /// The pixels of a row, which must be one of the band's, whose middles lie between two places.
    pub(super) fn span(&mut self, row: u32, from: f32, to: f32) -> impl Iterator<Item = (f32, &mut [f32; 4])> {
        let width = self.columns.len();
        let left = self.columns.start as f32;
        let column = |place: f32| ((place - left - 0.5).ceil().max(0.0) as usize).min(width);
        let (begin, end) = (column(from), column(to));
        let first = (row - self.rows.start) as usize * width;
        let pixels = self.pixels.get_mut(first + begin..first + end.max(begin)).unwrap_or_default();
        pixels.iter_mut().enumerate().map(move |(place, pixel)| (left + (begin + place) as f32 + 0.5, pixel))
    }

    /// The band's rows whose middles lie between two heights.
    pub(super) fn rows_between(&self, from: f32, to: f32) -> Range<u32> {
        let row = |height: f32| ((height - 0.5).ceil().max(0.0) as u32).clamp(self.rows.start, self.rows.end);
        row(from)..row(to)
    }
}

/// Lays a premultiplied colour over a pixel.
pub(super) fn blend(pixel: &mut [f32; 4], color: [f32; 4], coverage: f32) {
    let rest = 1.0 - color[3] * coverage;
    for (below, above) in pixel.iter_mut().zip(color) {
        *below = above * coverage + *below * rest;
    }
}

/// From 0 to 1, premultiplied.
pub(super) fn premultiplied(color: super::Color, opacity: f32) -> [f32; 4] {
    let [r, g, b, a] = color.0.map(|part| f32::from(part) / 255.0);
    let alpha = a * opacity;
    [r * alpha, g * alpha, b * alpha, alpha]
}

/// How much of the pixel at `at` a band around 0 covers; that of shaders/render/view.wgsl.
pub(super) fn band_coverage(at: f32, half_width: f32) -> f32 {
    ((at + 0.5).min(half_width) - (at - 0.5).max(-half_width)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the pixels in the area. Items are rectangles: left, top, right, bottom.
    fn alphas(area: Scissor, items: &[[f32; 4]]) -> Vec<u8> {
        let paint = |band: &mut Band, &[left, top, right, bottom]: &[f32; 4]| {
            for row in band.rows_between(top, bottom) {
                band.span(row, left, right).for_each(|(_, pixel)| blend(pixel, [0.5, 0.0, 0.0, 0.5], 1.0));
            }
        };
        let layer = Layer::paint(area, items, |item| [item[1], item[3]], paint);
        layer.rgba.chunks_exact(4).map(|pixel| pixel[3]).collect()
    }

    #[test]
    fn pixels_are_painted_where_their_middles_are() {
        assert_eq!(alphas([10, 20, 4, 2], &[[11.4, 20.6, 13.6, 30.0]]), [0, 0, 0, 0, 0, 128, 128, 128]);
    }

    #[test]
    fn a_tall_item_is_painted_once_in_each_band() {
        let alphas = alphas([0, 5, 1, 3 * BAND_ROWS + 1], &[[-9.0, -1e9, 9.0, 1e9]]);
        assert!(alphas.iter().all(|&alpha| alpha == 128));
    }

    #[test]
    fn what_lies_outside_or_is_not_a_number_paints_nothing() {
        let nan = [f32::NAN; 4];
        let outside = [[0.0, 0.0, 9.0, 99.0], [0.0, 0.0, 99.0, 9.0], [0.0, 60.0, 99.0, 70.0], nan];
        assert!(alphas([10, 10, 3, 40], &outside).iter().all(|&alpha| alpha == 0));
    }
}
