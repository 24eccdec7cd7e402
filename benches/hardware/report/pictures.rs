//! Pictures of this adapter beside those of llvmpipe. Adapters round differently, so edges may differ a little; a label,
//! a row or a link that is missing, or a wrong colour, may not.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use image::RgbaImage;
use serde::Serialize;

/// What no eye sees in a channel.
const UNSEEN: u8 = 16;
/// The share of pixels that may differ by more.
const MOST_PIXELS: f64 = 0.01;
/// A square of pixels that is looked at by itself, and how much its mean may differ.
const TILE: u32 = 16;
const MOST_IN_TILE: f64 = 16.0;

/// How one picture differs from llvmpipe's.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// The file's name.
    pub picture: String,
    /// The share of pixels that differ by more than nobody sees; 1 if there is no picture, or one of another size.
    pub pixels: f64,
    /// The mean difference of a channel in the tile of 16 × 16 pixels where it is largest, 0 to 255.
    pub worst_tile: f64,
}

impl Difference {
    fn of(picture: &str, one: &RgbaImage, other: &RgbaImage) -> Self {
        if one.dimensions() != other.dimensions() || one.is_empty() {
            return Self::missing(picture);
        }
        let (width, height) = one.dimensions();
        let [columns, rows] = [width.div_ceil(TILE), height.div_ceil(TILE)];
        let mut tiles = vec![(0_u64, 0_u64); (columns * rows) as usize];
        let mut differing = 0_usize;
        for (x, y, pixel) in one.enumerate_pixels() {
            let beside = other.get_pixel(x, y);
            let differences = pixel.0.iter().zip(beside.0).map(|(a, b)| a.abs_diff(b));
            differing += usize::from(differences.clone().any(|difference| difference > UNSEEN));
            let (sum, channels) = &mut tiles[(y / TILE * columns + x / TILE) as usize];
            *sum += differences.map(u64::from).sum::<u64>();
            *channels += 4;
        }
        let worst_tile = tiles.iter().map(|&(sum, channels)| sum as f64 / channels as f64).fold(0.0, f64::max);
        Self { picture: picture.to_owned(), pixels: differing as f64 / one.pixels().len() as f64, worst_tile }
    }

    fn missing(picture: &str) -> Self {
        Self { picture: picture.to_owned(), pixels: 1.0, worst_tile: 255.0 }
    }

    /// Whether nobody would see it.
    pub fn is_small(&self) -> bool {
        self.pixels <= MOST_PIXELS && self.worst_tile <= MOST_IN_TILE
    }
}

/// Each of the `expected` pictures beside the one of its name, in the order of their names.
///
/// # Errors
/// If the expected ones cannot be read.
pub fn compare_folders(drawn: &Path, expected: &Path) -> Result<Vec<Difference>> {
    let names = || -> std::io::Result<Vec<String>> {
        fs::read_dir(expected)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    };
    let mut names = names().with_context(|| format!("cannot list {}", expected.display()))?;
    names.sort();
    let compare = |name: String| {
        let path = expected.join(&name);
        let wanted = image::open(&path).with_context(|| format!("cannot read {}", path.display()))?.into_rgba8();
        let drawn = image::open(drawn.join(&name)).ok().map(image::DynamicImage::into_rgba8);
        Ok(drawn.map_or_else(|| Difference::missing(&name), |drawn| Difference::of(&name, &drawn, &wanted)))
    };
    names.into_iter().map(compare).collect()
}

#[cfg(test)]
mod tests {
    use image::Rgba;

    use super::*;

    const SIZE: u32 = 200;

    fn page(ink: impl Fn(u32, u32) -> bool) -> RgbaImage {
        RgbaImage::from_fn(SIZE, SIZE, |x, y| Rgba(if ink(x, y) { [40, 40, 40, 255] } else { [255; 4] }))
    }

    #[test]
    fn a_trifle_is_small_and_a_missing_word_is_not() {
        let full = page(|x, y| x.is_multiple_of(50) || y.is_multiple_of(50));
        let mut rounded = full.clone();
        rounded.pixels_mut().for_each(|pixel| pixel.0[0] = pixel.0[0].saturating_sub(9));
        assert!(Difference::of("rounded", &rounded, &full).is_small());
        // A word of 24 by 8 pixels, a third of it ink: less than a hundredth of the page.
        let word = page(|x, y| {
            x.is_multiple_of(50) || y.is_multiple_of(50) || (52..76).contains(&x) && (55..63).contains(&y) && x % 3 == 0
        });
        let without = Difference::of("word", &full, &word);
        assert!(without.pixels < MOST_PIXELS && !without.is_small(), "{without:?}");
        let cut = image::imageops::crop_imm(&full, 0, 0, SIZE, SIZE - 1).to_image();
        assert!(!Difference::of("cut", &cut, &full).is_small());
    }

    #[test]
    fn a_picture_that_was_not_drawn_is_wrong() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let [drawn, expected] = ["drawn", "expected"].map(|name| folder.path().join(name));
        fs::create_dir(&drawn)?;
        fs::create_dir(&expected)?;
        for name in ["a.png", "b.png"] {
            page(|x, _| x > 9).save(expected.join(name))?;
        }
        page(|x, _| x > 9).save(drawn.join("b.png"))?;
        let found = compare_folders(&drawn, &expected)?;
        assert_eq!(found.iter().map(Difference::is_small).collect::<Vec<_>>(), [false, true]);
        assert!(compare_folders(&drawn, &folder.path().join("none")).is_err());
        Ok(())
    }
}
