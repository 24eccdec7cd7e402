//! The window. The only module that names egui or winit.
//!
//! Panels read the state and emit commands; one reducer changes the state; workers read traces
//! and compute evidence, and answer with the latest request only. A frame never waits for them: it shows what there is.

mod appearance;
mod behavior;
mod canvas;
mod command;
#[cfg(test)]
mod compare_tests;
mod comparer;
mod dataset;
#[cfg(test)]
mod dataset_tests;
mod destination;
mod dialog;
#[cfg(test)]
mod export_tests;
mod exporter;
mod focus;
#[cfg(test)]
mod heads_tests;
mod history;
mod interface;
mod keys;
mod lasso;
mod loader;
mod offscreen;
mod panels;
#[cfg(test)]
mod picture_tests;
mod playing;
mod projections;
mod screenshot;
#[cfg(test)]
mod selection_tests;
mod settings;
mod shell;
mod state;
#[cfg(test)]
mod tests;
mod toast;
mod token_desk;
#[cfg(test)]
mod token_tests;
mod worker;

use std::path::PathBuf;

use crate::analysis::Compute;
use crate::gpu::AdapterChoice;

pub use command::Command;
pub use dataset::{AtlasChoice, DatasetCommand};
pub use offscreen::{Offscreen, picture_of_window};
pub use shell::run;
pub use state::State;

/// How the window begins.
#[derive(Clone, Debug)]
pub struct Launch {
    /// A trace or a folder of traces; `None` for the last one, or the demo.
    pub path: Option<PathBuf>,
    /// Which adapter draws.
    pub adapter: AdapterChoice,
    /// Which engine computes.
    pub compute: Compute,
    /// The most bytes of attention on the device; `None` for the default.
    pub gpu_memory_bytes: Option<u64>,
    /// Where screenshots go; `None` for the user's pictures folder.
    pub screenshot_dir: Option<PathBuf>,
    /// Whether layout, theme and the last trace are read from and written to the user's configuration folder.
    pub is_remembered: bool,
    /// A view state to begin with.
    pub state: Option<PathBuf>,
    /// The folder of the index of `path`, if not `.vlscope` in it.
    pub index_dir: Option<PathBuf>,
}
