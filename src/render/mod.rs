//! Draws a [`Drawing`] with wgpu. Knows neither traces nor egui.

pub mod colormap;
mod drawing;
mod stub;

pub use drawing::*;
pub use stub::Fonts;
