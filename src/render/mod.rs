//! Draws a [`Drawing`] with wgpu. Knows neither traces nor egui.

pub mod colormap;
mod drawing;

pub use drawing::*;
