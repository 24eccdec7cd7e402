//! Writes a view, as a figure or as its numbers.

use std::path::Path;

use anyhow::{Result, bail};
use image::RgbaImage;

use super::Format;
use super::file::{write_png, write_text};
use super::numbers::numbers_of;
use crate::render::{Drawing, Fonts, Values, to_svg};
use crate::view::{Evidence, Inputs, View, draw};

/// The view as an SVG document. Matrices that are in GPU memory are taken from their copies on the host.
///
/// # Errors
/// If an image cannot be embedded.
pub fn svg_of(view: View, inputs: &Inputs<'_>, fonts: &mut Fonts) -> Result<String> {
    let evidence = match &inputs.evidence.matrix {
        Values::Resident(_) => {
            Evidence { matrix: Values::Host(inputs.evidence.links.clone()), ..inputs.evidence.clone() }
        }
        Values::Host(_) => inputs.evidence.clone(),
    };
    Ok(to_svg(&draw(view, &Inputs { evidence: &evidence, ..*inputs }, fonts).drawing)?)
}

/// Writes a view, or its numbers. `picture` is asked for only where pixels are drawn.
///
/// # Errors
/// If the view cannot be drawn, the format is an animation, or the file cannot be written.
pub fn write_view(
    view: View,
    inputs: &Inputs<'_>,
    path: &Path,
    format: Format,
    picture: impl FnOnce() -> Result<RgbaImage>,
) -> Result<()> {
    match format {
        Format::Png => write_png(&picture()?, path),
        Format::Svg => write_text(&svg_of(view, inputs, &mut Fonts::new())?, path),
        Format::Csv | Format::Json | Format::Npy => numbers_of(view, inputs)?.write(path, format),
        Format::Gif => bail!("a .gif needs something that plays: {}", path.display()),
    }
}

/// Writes a drawing of what is no view of one trace, as .svg or else as .png of the pixels that `picture` gives.
///
/// # Errors
/// If it cannot be drawn, or the file cannot be written.
pub fn write_drawing(
    drawing: &Drawing,
    path: &Path,
    format: Format,
    picture: impl FnOnce() -> Result<RgbaImage>,
) -> Result<()> {
    match format {
        Format::Svg => write_text(&to_svg(drawing)?, path),
        _ => write_png(&picture()?, path),
    }
}
