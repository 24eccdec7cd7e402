//! The passes: pixels of each, and their shaders.

mod common;
mod golden;
mod likeness;
mod loss;
mod painter;
