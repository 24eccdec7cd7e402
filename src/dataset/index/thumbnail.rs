//! An image of a trace as a small PNG.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::imageops::thumbnail;
use image::{ExtendedColorType, ImageEncoder, RgbImage};

use crate::trace::ImageView;

/// The most pixels along a side.
const MAX_SIDE: usize = 96;

/// The image, at most 96 pixels a side, as PNG; empty if it cannot be written as one.
pub(super) fn png(image: ImageView<'_>) -> Vec<u8> {
    let long = image.width.max(image.height);
    let small = |side: usize| (side * MAX_SIDE / long).max(1) as u32;
    let pixels = match [image.width, image.height].map(u32::try_from) {
        [Ok(width), Ok(height)] => RgbImage::from_raw(width, height, image.rgb.to_vec()),
        _ => None,
    };
    let Some(mut pixels) = pixels else { return Vec::new() };
    if long > MAX_SIDE {
        pixels = thumbnail(&pixels, small(image.width), small(image.height));
    }
    let mut png = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Sub);
    match encoder.write_image(&pixels, pixels.width(), pixels.height(), ExtendedColorType::Rgb8) {
        Ok(()) => png,
        Err(_) => Vec::new(),
    }
}
