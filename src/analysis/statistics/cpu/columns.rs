//! The keys of a block, one array a property.

use super::row::{Lanes, lanes};
use crate::analysis::statistics::plan::{COUNTED_IMAGE, COUNTED_TEXT, Place, VLI_PATCH, VLI_TEXT};

/// With 0 where a key does not count.
pub(super) struct Columns {
    pub text: Vec<Lanes>,
    pub image: Vec<Lanes>,
    pub counted: Vec<Lanes>,
    pub overlap: Vec<Lanes>,
    pub x: Vec<Lanes>,
    pub y: Vec<Lanes>,
    /// Those on each image.
    pub on_image: Vec<Vec<Lanes>>,
    pub vli_text: Vec<Lanes>,
    pub vli_patch: Vec<Lanes>,
    /// By a VLI patch's number: its column.
    pub patch_column: Vec<usize>,
}

impl Columns {
    pub fn new(keys: &[Place]) -> Self {
        let with = |flags: u32| lanes(keys.iter().map(|key| if key.is(flags) { 1.0 } else { 0.0 }));
        let mut patches: Vec<usize> = (0..keys.len()).filter(|&key| keys[key].is(VLI_PATCH)).collect();
        patches.sort_by_key(|&key| keys[key].patch);
        let is_counted = |key: &&Place| key.is(COUNTED_IMAGE);
        let images = keys.iter().filter(is_counted).map(|key| key.image + 1).max().unwrap_or(0);
        let on_image = |key: &Place, image| if is_counted(&key) && key.image == image { 1.0 } else { 0.0 };
        Self {
            text: with(COUNTED_TEXT),
            image: with(COUNTED_IMAGE),
            counted: with(COUNTED_TEXT | COUNTED_IMAGE),
            overlap: lanes(keys.iter().map(|key| key.overlap)),
            x: lanes(keys.iter().map(|key| key.at[0])),
            y: lanes(keys.iter().map(|key| key.at[1])),
            on_image: (0..images).map(|image| lanes(keys.iter().map(|key| on_image(key, image)))).collect(),
            vli_text: with(VLI_TEXT),
            vli_patch: with(VLI_PATCH),
            patch_column: patches,
        }
    }

    /// Vectors of a row.
    pub fn vectors(&self) -> usize {
        self.counted.len()
    }

    /// The columns of a VLI patch and its neighbours in flat order.
    pub fn near(&self, patch: usize) -> &[usize] {
        &self.patch_column[patch.saturating_sub(1)..(patch + 2).min(self.patch_column.len())]
    }
}
