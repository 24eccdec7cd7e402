//! Stands in for the renderer's fonts and colours until they are merged.

use super::Color;
use super::colormap::Colormap;

/// Measures text.
#[derive(Debug, Default)]
pub struct Fonts;

impl Fonts {
    /// None are loaded.
    pub fn new() -> Self {
        Self
    }

    /// In logical pixels.
    pub fn width(&mut self, text: &str, size: f32, bold: bool) -> f32 {
        let narrow = |c: char| {
            if "il.,:;'|!·ftj()[] ".contains(c) {
                0.32
            } else if c.is_uppercase() {
                0.68
            } else {
                0.56
            }
        };
        text.chars().map(narrow).sum::<f32>() * size * if bold { 1.06 } else { 1.0 }
    }
}

impl Colormap {
    /// The colour at a position from 0 to 1.
    pub fn color(self, position: f32) -> Color {
        let gradient = match self {
            Self::Viridis => colorous::VIRIDIS,
            Self::Inferno => colorous::INFERNO,
            Self::Magma => colorous::MAGMA,
            Self::Cividis => colorous::CIVIDIS,
            Self::RedBlue => colorous::RED_BLUE,
            Self::Greys => colorous::GREYS,
        };
        let color = gradient.eval_continuous(f64::from(if self == Self::RedBlue { 1.0 - position } else { position }));
        Color([color.r, color.g, color.b, 255])
    }
}
