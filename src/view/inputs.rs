//! All that a view is a function of.

use std::sync::Arc;

use glam::Vec2;

use super::common::zone::Target;
use super::options::Options;
use crate::analysis::Selection;
use crate::query::{OpenTrace, Projection, Results};
use crate::render::Pixels;
use crate::trace::Document;

/// All that a view may look at.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The trace without its tensors.
    pub document: &'a Document,
    /// The trace's images, in its order.
    pub images: &'a [Arc<Pixels>],
    /// The most heads in a layer, by attention block.
    pub heads: &'a [usize],
    /// What is selected: it is marked.
    pub selection: &'a Selection,
    /// What the numbers are of: the selection, or what the thing under the pointer would select.
    pub shown: &'a Selection,
    /// What is under the pointer, in whichever view.
    pub hover: Option<Target>,
    /// How it is shown.
    pub options: &'a Options,
    /// What is known of what the view needs.
    pub results: &'a Results,
    /// Why the selection cannot be shown, where that is known before anything is computed.
    pub refusal: Option<&'a str>,
    /// Hidden states on their way from one state's places to the next one's, in place of those that are asked for.
    pub moving: Option<&'a Projection>,
    /// Of the drawing, in logical pixels.
    pub size: Vec2,
}

impl<'a> Inputs<'a> {
    /// The model's own number of a layer of the shown block.
    pub fn layer_number(&self, layer: usize) -> usize {
        self.document.attention.get(self.shown.block).map_or(layer, |block| block.layer_number(layer))
    }

    /// What a trace's views look at while nothing is under the pointer.
    pub fn new(
        open: &'a OpenTrace,
        selection: &'a Selection,
        options: &'a Options,
        results: &'a Results,
        size: Vec2,
    ) -> Self {
        let (document, images, heads) = (open.document(), open.images.as_slice(), open.heads.as_slice());
        Self {
            document,
            images,
            heads,
            selection,
            shown: selection,
            hover: None,
            options,
            results,
            refusal: None,
            moving: None,
            size,
        }
    }
}
