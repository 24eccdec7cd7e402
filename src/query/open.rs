//! A trace with its images decoded for drawing.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;

use crate::render::Pixels;
use crate::trace::{Document, Trace};

/// A trace with its images decoded for drawing.
#[derive(Debug)]
pub struct OpenTrace {
    /// The trace.
    pub trace: Trace,
    /// In its order.
    pub images: Vec<Arc<Pixels>>,
    /// The most heads in a layer, by attention block.
    pub heads: Vec<usize>,
}

impl OpenTrace {
    /// Opens a trace and decodes its images.
    ///
    /// # Errors
    /// If it is not a sound trace.
    pub fn open(path: &Path) -> Result<Self> {
        let trace = Trace::open(path)?;
        let images = (0..trace.document().images)
            .map(|index| {
                let view = trace.image(index);
                Arc::new(Pixels { width: view.width as u32, height: view.height as u32, rgb: view.rgb.to_vec() })
            })
            .collect();
        let heads = (0..trace.document().attention.len()).map(|block| trace.max_heads(block)).collect();
        trace.check_unchanged()?;
        Ok(Self { trace, images, heads })
    }

    /// Tokens, blocks, outputs.
    pub fn document(&self) -> &Document {
        self.trace.document()
    }

    /// Tokens, layers, heads and size, in a few words.
    pub fn summary(&self) -> String {
        let document = self.document();
        let tokens: usize = document.sequences.iter().map(|sequence| sequence.tokens.len()).sum();
        let layers: usize = document.attention.iter().map(|block| block.layers).sum();
        let heads = self.heads.iter().max().unwrap_or(&0);
        format!("{tokens} tokens · {layers} layers · {heads} heads · {:.1} MB", self.trace.bytes() as f64 / 1e6)
    }
}
