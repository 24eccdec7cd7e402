//! Opens a trace by memory map: the header is read and checked, the values are not.

use std::path::{Path, PathBuf};

use super::{Document, TensorView};

/// An open trace. Cheap to share by `Arc`; views borrow from the map.
#[derive(Debug)]
pub struct Trace {
    path: PathBuf,
    document: Document,
}

/// An RGB image of a trace.
#[derive(Clone, Copy, Debug)]
pub struct ImageView<'a> {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// `[height, width, 3]`.
    pub rgb: &'a [u8],
}

impl Trace {
    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Tokens, blocks, outputs: all but the tensors.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// One layer of a block, `[heads, queries, keys]`. Panics if there is no such block or layer.
    pub fn attention(&self, block: usize, layer: usize) -> TensorView<'_> {
        let _ = (block, layer);
        unimplemented!()
    }

    /// One state of [`Document::hidden`]`[index]`, `[tokens, dim]`.
    pub fn hidden(&self, index: usize, state: usize) -> TensorView<'_> {
        let _ = (index, state);
        unimplemented!()
    }

    /// An image.
    pub fn image(&self, index: usize) -> ImageView<'_> {
        let _ = index;
        unimplemented!()
    }

    /// `[layers, heads]` of [`Document::head_metrics`]`[index]`.
    pub fn head_metric(&self, index: usize) -> TensorView<'_> {
        let _ = index;
        unimplemented!()
    }
}
