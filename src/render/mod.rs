//! Draws a [`Drawing`] with wgpu. Knows neither traces nor egui.

pub mod colormap;
mod device;
mod drawing;
mod error;
mod extent;
mod fonts;
mod heatmap;
mod layer;
mod links;
mod painter;
mod pdf;
mod picture;
mod points;
mod raster;
mod shapes;
mod svg;
mod target;
mod text;

pub use self::pdf::{PdfError, to_pdf};
pub use self::svg::{SvgError, to_svg};
pub use drawing::*;
pub use error::DrawError;
pub use extent::extent_of;
pub use fonts::{FONT_REGULAR, Fonts};
pub use painter::{Painter, SHADERS};
pub use target::{RenderTarget, TARGET_FORMAT, TargetError};

use crate::gpu::Gpu;

/// Who colours values, selects links, and paints links and points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Shaders.
    Gpu,
    /// Native code.
    Cpu,
}

impl Backend {
    /// Shaders; native code where the adapter is a program, on which it is much faster.
    pub fn of(gpu: &Gpu) -> Self {
        if gpu.is_software() { Self::Cpu } else { Self::Gpu }
    }
}
