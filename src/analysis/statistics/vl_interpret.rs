//! VL-InterpreT's seven statistics (Aflalo et al., CVPR 2022, arXiv 2203.17247), quirks included.
//!
//! - `[CLS]`, `[SEP]` and the like are deleted, but the text length is not reduced: as many of the first image tokens
//!   as there were special tokens count as text.
//! - 'Without self' zeroes |i − j| ≤ 1 in flat patch order and still divides by all entries.
//! - 'Intra-modal' is the z-scored sum of the two image→image statistics; text→text is not in it.
//! - A causal mask is ignored: means run over all cells.
//! - Every statistic is z-scored over the layers for each head number (population deviation).
//!
//! VL-InterpreT wants text first, then one image. For other orders we put text first, then the images. It knows
//! self-attention only; elsewhere there is no value. Where the original divides by zero (one layer) or meets a NaN, so
//! that a whole column is lost, only the heads or rows concerned have no value here.

use super::z_score::{Over, Rounding, z_score_beyond};
use crate::trace::{Modality, Token};

/// In the table's order; text and image in VL-InterpreT's direction of flow: image→text is query text, key image.
pub const IMAGE_TO_TEXT: usize = 0;
/// Query image, key text.
pub const TEXT_TO_IMAGE: usize = 1;
/// Both image.
pub const IMAGE_TO_IMAGE: usize = 2;
/// Both image, less a patch and its two neighbours.
pub const IMAGE_TO_IMAGE_WITHOUT_SELF: usize = 3;
/// Both text.
pub const TEXT_TO_TEXT: usize = 4;
/// From the first two.
pub const CROSS_MODAL: usize = 5;
/// From the third and the fourth.
pub const INTRA_MODAL: usize = 6;

/// What VL-InterpreT takes a token for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Deleted.
    Special,
    /// Text, or one of the first image tokens.
    Text,
    /// The patch with this number, in flat order.
    Patch(u32),
}

/// The role of every token of a sequence.
pub fn roles(tokens: &[Token]) -> Vec<Role> {
    let of = |modality| move |&index: &usize| tokens[index].modality() == modality;
    let text = (0..tokens.len()).filter(of(Modality::Text));
    let text_length = text.clone().count();
    let text_first = text.chain((0..tokens.len()).filter(of(Modality::Image)));
    let mut roles = vec![Role::Special; tokens.len()];
    for (place, index) in text_first.filter(|&index| !tokens[index].special).enumerate() {
        roles[index] = if place < text_length { Role::Text } else { Role::Patch((place - text_length) as u32) };
    }
    roles
}

/// From the means of the five blocks to the seven statistics; `values[statistic]` is `[layers, heads]`.
pub fn standardize(values: &mut [Vec<f64>], heads: usize) {
    let rounding = |mean: f64| Rounding::SUMMED.relative * mean.abs();
    let of_means = |values: &mut Vec<f64>| z_score_beyond(values, heads, Over::Layers, |_, mean| rounding(mean));
    let errors: Vec<Vec<f64>> = values[..CROSS_MODAL].iter_mut().map(of_means).collect();
    for (sum, [one, other]) in
        [(CROSS_MODAL, [IMAGE_TO_TEXT, TEXT_TO_IMAGE]), (INTRA_MODAL, [IMAGE_TO_IMAGE, IMAGE_TO_IMAGE_WITHOUT_SELF])]
    {
        values[sum] = values[one].iter().zip(&values[other]).map(|(one, other)| one + other).collect();
        // Where the two cancel, what is left is the error of both.
        z_score_beyond(&mut values[sum], heads, Over::Layers, |head, _| errors[one][head] + errors[other][head]);
    }
}
