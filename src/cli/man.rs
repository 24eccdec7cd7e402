//! `vlscope man DIR`: one man page for the command, one for each subcommand.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, CommandFactory};

#[derive(Args, Debug)]
pub struct Arguments {
    /// Where the pages go.
    folder: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let folder = &arguments.folder;
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(super::Cli::command(), folder))
        .with_context(|| format!("cannot write man pages to {}", folder.display()))
}
