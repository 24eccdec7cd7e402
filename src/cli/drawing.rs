//! Pictures of what is no view of one trace.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::adapter::AdapterArguments;
use crate::export::Format;
use crate::headless::Headless;
use crate::render::{Drawing, to_svg};

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
    let unwritten = || format!("cannot write {}", path.display());
    match format {
        Format::Svg => std::fs::write(path, to_svg(drawing)?).with_context(unwritten),
        _ => Headless::new(&adapter.choice())?
            .draw(drawing, scale)?
            .save_with_format(path, image::ImageFormat::Png)
            .with_context(unwritten),
    }
}
