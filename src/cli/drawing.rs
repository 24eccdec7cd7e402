//! Pictures of what is no view of one trace.

use std::path::Path;

use anyhow::Result;
use clap::Args;

use super::adapter::AdapterArguments;
use crate::export::{self, Format};
use crate::headless::Headless;
use crate::render::Drawing;
use crate::typed::parse_scale;
use crate::view::{Options, Theme};

/// How what is no view of one trace is drawn.
#[derive(Args, Debug)]
pub struct PageArguments {
    /// Pixels of a .png per logical pixel.
    #[arg(long, default_value_t = 1.0, value_parser = parse_scale)]
    pub scale: f32,
    /// paper for print, dark for slides, light as the window is by day.
    #[arg(long, value_enum, default_value = "paper")]
    pub theme: Theme,
    #[command(flatten)]
    crop: CropArguments,
}

/// What becomes of empty edges.
#[derive(Args, Debug)]
pub struct CropArguments {
    /// Keep all of --size, and what is drawn in its middle. Without it the edges that are empty are cut off.
    #[arg(long)]
    pub no_crop: bool,
}

impl PageArguments {
    /// The options that are the same in all these drawings.
    pub fn options(&self) -> Options {
        Options { theme: self.theme, is_cropped: !self.crop.no_crop, ..Options::default() }
    }
}

/// Writes a drawing as .svg or .pdf, or else as .png at `scale` pixels per logical pixel.
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
