//! Why a drawing could not be drawn.

use crate::gpu::GpuError;

/// Why a drawing could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// One mark holds more than the device can bind, or the device refused or is lost.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// An image has a side that is longer than the device allows.
    #[error("an image of {width}×{height} pixels is too large: the GPU adapter's limit is {limit} pixels a side")]
    PictureTooLarge {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// The longest side allowed.
        limit: u32,
    },
    /// The labels' glyphs don't fit into one texture.
    #[error("the view's text has more and larger letters than fit into one texture of the GPU adapter")]
    TooManyGlyphs,
}
