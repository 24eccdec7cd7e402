//! `vlscope [PATH]`: opens the window.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;

use super::adapter::AdapterArguments;
use crate::app::{self, Launch};
use crate::export::ViewState;

#[derive(Args, Debug)]
pub struct Arguments {
    /// A trace, or a folder of traces. Without it: what was open last, or the demo.
    path: Option<PathBuf>,
    #[command(flatten)]
    adapter: AdapterArguments,
    /// Where F12 saves screenshots; your pictures folder if not given.
    #[arg(long, value_name = "DIR")]
    screenshot_dir: Option<PathBuf>,
    /// Show what the window saved with Ctrl+S.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// The folder of the dataset's index, instead of `.vlscope` in it.
    #[arg(long, value_name = "DIR", requires = "path")]
    index_dir: Option<PathBuf>,
}

pub fn run(arguments: Arguments) -> Result<()> {
    if let Some(path) = &arguments.path {
        path.metadata().with_context(|| format!("cannot open {}", path.display()))?;
    }
    if let Some(state) = &arguments.state {
        // The window would tell too, but only once it is open.
        ViewState::load(state)?;
    }
    app::run(Launch {
        path: arguments.path,
        adapter: arguments.adapter.choice(),
        compute: arguments.adapter.compute(),
        gpu_memory_bytes: arguments.adapter.gpu_memory,
        screenshot_dir: arguments.screenshot_dir,
        is_remembered: true,
        state: arguments.state,
        index_dir: arguments.index_dir,
    })
}
