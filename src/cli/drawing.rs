//! Pictures of what is no view of one trace.

use std::path::Path;

use anyhow::Result;

use super::adapter::AdapterArguments;
use crate::export::{self, Format};
use crate::headless::Headless;
use crate::render::Drawing;

/// Writes a drawing as .svg, or else as .png at `scale` pixels per logical pixel.
///
/// # Errors
/// If there is no adapter for the .png, or the file cannot be written.
pub fn write_drawing(
    drawing: &Drawing,
    scale: f32,
    path: &Path,
    format: Format,
    adapter: &AdapterArguments,
) -> Result<()> {
    export::write_drawing(drawing, path, format, || Ok(Headless::new(&adapter.choice())?.draw(drawing, scale)?))
}
