//! What the kernels need to know of a block besides its weights.

use crate::trace::{Region, Token, Trace};

/// The tokens on both sides of a block, and what lies on the images.
#[derive(Clone, Debug)]
pub struct BlockLayout<'a> {
    /// What the rows stand for.
    pub queries: &'a [Token],
    /// What the columns stand for.
    pub keys: &'a [Token],
    /// Whether rows and columns are the same sequence: self-attention.
    pub same_sequence: bool,
    /// Labelled parts of the images.
    pub regions: &'a [Region],
    /// Height over width of each image; an image that is not listed counts as square.
    pub aspects: Vec<f32>,
}

impl<'a> BlockLayout<'a> {
    /// The layout of a trace's block. Panics if there is no such block.
    pub fn of(trace: &'a Trace, block: usize) -> Self {
        let document = trace.document();
        let described = &document.attention[block];
        let aspects = (0..document.images)
            .map(|image| trace.image(image))
            .map(|image| image.height as f32 / image.width as f32)
            .collect();
        Self {
            queries: document.query_tokens(described),
            keys: document.key_tokens(described),
            same_sequence: described.query == described.key,
            regions: &document.regions,
            aspects,
        }
    }
}
