//! How the window begins.

use std::path::PathBuf;

use crate::analysis::Compute;
use crate::gpu::AdapterChoice;

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
