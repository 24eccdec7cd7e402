//! All that a view is a function of.

use std::sync::Arc;

use glam::Vec2;

use super::{Evidence, Options, Target};
use crate::analysis::Selection;
use crate::render::Pixels;
use crate::trace::Document;

/// All that a view may look at.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The trace without its tensors.
    pub document: &'a Document,
    /// The trace's images, in its order.
    pub images: &'a [Arc<Pixels>],
    /// What the user looks at.
    pub selection: &'a Selection,
    /// What is under the pointer, in whichever view.
    pub hover: Option<Target>,
    /// How it is shown.
    pub options: &'a Options,
    /// The numbers.
    pub evidence: &'a Evidence,
    /// Of the drawing, in logical pixels.
    pub size: Vec2,
}
