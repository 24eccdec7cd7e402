//! Writes a view as a file: a picture or its numbers.

use std::path::Path;

use anyhow::{Result, bail};
use image::RgbaImage;

use super::file::{write_bytes, write_png, write_text};
use super::format::Format;
use crate::query::RectangleCells;
use crate::render::{Drawing, Fonts, to_pdf, to_svg};
use crate::view::{Inputs, View, draw, numbers_of};

/// Writes a drawing as .svg or .pdf, or else as .png of the pixels that `picture` gives.
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
        Format::Pdf => {
            let title = path.file_stem().map(|stem| stem.to_string_lossy());
            write_bytes(&to_pdf(drawing, title.as_deref(), &mut Fonts::new())?, path)
        }
        _ => write_png(&picture()?, path),
    }
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
        Format::Svg | Format::Pdf => write_drawing(&vectors_of(view, inputs, &mut Fonts::new()), path, format, picture),
        Format::Csv | Format::Json | Format::Npy => numbers_of(view, inputs)?.write(path, format),
        Format::Gif => bail!("a .gif needs something that plays: {}", path.display()),
    }
}

/// The view's drawing. What is drawn from the device elsewhere is taken from the host.
fn vectors_of(view: View, inputs: &Inputs<'_>, fonts: &mut Fonts) -> Drawing {
    let results = inputs.results.map(RectangleCells::on_host);
    draw(view, &Inputs { results: &results, ..*inputs }, fonts).drawing
}
