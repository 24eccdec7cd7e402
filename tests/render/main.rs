//! The passes: pixels of each, and a device that is lost.

mod common;
mod golden;
mod loss;
mod painter;
