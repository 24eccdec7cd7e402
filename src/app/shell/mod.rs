//! The window around the panels: its content, the native window, a picture of it.

mod behavior;
pub mod failures;
pub mod interface;
pub mod offscreen;
mod settings;
pub mod window;
