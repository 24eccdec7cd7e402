//! The window. The only module that names egui or winit.
//!
//! Panels read the state and emit commands; one reducer changes the state; workers read traces
//! and compute evidence, and answer with the latest request only. A frame never waits for them: it shows what there is.
//!
//! Imports point one way: `model` (state, commands and the reducer, without egui) ← `work` (what takes longer than a frame) ←
//! `ui` (what panels are made of) ← `panels` ← `shell` (the window around them).

mod launch;
mod model;
mod panels;
mod shell;
#[cfg(test)]
mod tests;
mod ui;
mod work;

pub use launch::Launch;
pub use model::browsing::{AtlasChoice, DatasetCommand};
pub use model::command::Command;
pub use model::state::State;
pub use shell::offscreen::{Offscreen, picture_of_window};
pub use shell::window::run;
