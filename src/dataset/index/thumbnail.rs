//! An image of a trace as a small PNG.

use std::borrow::Cow;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

use crate::trace::ImageView;

/// The most pixels along a side.
const MAX_SIDE: usize = 96;

/// The image, at most 96 pixels a side, as PNG; empty if it cannot be written as one.
pub(super) fn png(image: ImageView<'_>) -> Vec<u8> {
    let long = image.width.max(image.height);
    let (pixels, sides) = if long > MAX_SIDE {
        let sides = [image.width, image.height].map(|side| (side * MAX_SIDE / long).max(1));
        (Cow::Owned(shrunk(image, sides)), sides)
    } else {
        (Cow::Borrowed(image.rgb), [image.width, image.height])
    };
    let [width, height] = sides.map(|side| side as u32);
    let mut png = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Sub);
    match encoder.write_image(&pixels, width, height, ExtendedColorType::Rgb8) {
        Ok(()) => png,
        Err(_) => Vec::new(),
    }
}

/// Each pixel is the mean of those that it covers, by rows: in a tenth of the time of `image::imageops::thumbnail`.
fn shrunk(image: ImageView<'_>, [width, height]: [usize; 2]) -> Vec<u8> {
    const CHANNELS: usize = 3;
    let mut pixels = Vec::with_capacity(width * height * CHANNELS);
    let mut sums = vec![0_u32; image.width * CHANNELS];
    let edges: Vec<usize> = (0..=width).map(|x| x * image.width / width).collect();
    for y in 0..height {
        let rows = y * image.height / height..(y + 1) * image.height / height;
        sums.fill(0);
        for row in image.rgb.chunks_exact(sums.len()).take(rows.end).skip(rows.start) {
            sums.iter_mut().zip(row).for_each(|(sum, channel)| *sum += u32::from(*channel));
        }
        for columns in edges.windows(2) {
            let share = 1.0 / (rows.len() * (columns[1] - columns[0])) as f32;
            let covered = sums.as_chunks::<CHANNELS>().0[columns[0]..columns[1]].iter();
            let sums = covered.fold([0; CHANNELS], |[r, g, b], sums| [r + sums[0], g + sums[1], b + sums[2]]);
            pixels.extend(sums.map(|sum: u32| (sum as f32 * share + 0.5) as u8));
        }
    }
    pixels
}
