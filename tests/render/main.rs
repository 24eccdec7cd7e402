//! The passes: pixels of each, and their shaders.

mod common;
mod golden;
mod painter;
mod shaders;
