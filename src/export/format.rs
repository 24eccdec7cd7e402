//! What a file becomes, by the end of its name.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use image::RgbaImage;

use super::numbers::numbers_of;
use crate::render::{Drawing, Fonts, Values, to_svg};
use crate::view::{Evidence, Inputs, View, draw};

/// What a view can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A picture of pixels.
    Png,
    /// A picture of vector marks and text.
    Svg,
    /// The numbers, one row a value.
    Csv,
    /// The numbers with the names of their axes.
    Json,
    /// The numbers alone, for numpy.
    Npy,
    /// An animation.
    Gif,
}

/// The file's name ends on nothing that can be written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot write {path}: the name ends on none of .png, .svg, .csv, .json, .npy and .gif")]
pub struct UnknownFormat {
    path: String,
}

impl Format {
    const ALL: [Self; 6] = [Self::Png, Self::Svg, Self::Csv, Self::Json, Self::Npy, Self::Gif];

    /// The format that a file's name asks for, in upper or lower case.
    ///
    /// # Errors
    /// If it is none of them.
    pub fn of(path: &Path) -> Result<Self, UnknownFormat> {
        let found = path.extension().and_then(|extension| {
            Self::ALL.into_iter().find(|format| extension.eq_ignore_ascii_case(format.extension()))
        });
        found.ok_or_else(|| UnknownFormat { path: path.display().to_string() })
    }

    /// Without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Svg => "svg",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Npy => "npy",
            Self::Gif => "gif",
        }
    }
}

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
        Format::Svg => write_svg(&to_svg(drawing)?, path),
        _ => write_png(&picture()?, path),
    }
}

fn write_svg(svg: &str, path: &Path) -> Result<()> {
    std::fs::write(path, svg).with_context(|| format!("cannot write {}", path.display()))
}

fn write_png(picture: &RgbaImage, path: &Path) -> Result<()> {
    let written = picture.save_with_format(path, image::ImageFormat::Png);
    written.with_context(|| format!("cannot write {}", path.display()))
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
        Format::Svg => write_svg(&svg_of(view, inputs, &mut Fonts::new())?, path),
        Format::Csv | Format::Json | Format::Npy => numbers_of(view, inputs)?.write(path, format),
        Format::Gif => bail!("a .gif needs something that plays: {}", path.display()),
    }
}
