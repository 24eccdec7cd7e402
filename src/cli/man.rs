//! `vlscope man [DIR]`: the man page, or one for the command and one for each subcommand.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Command};

#[derive(Args, Debug)]
pub struct Arguments {
    /// Where the pages go; the main one is printed if not given.
    folder: Option<PathBuf>,
}

pub fn run(arguments: &Arguments, command: Command) -> Result<()> {
    let Some(folder) = &arguments.folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        return Ok(io::stdout().write_all(&page)?);
    };
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command, folder))
        .with_context(|| format!("cannot write man pages to {}", folder.display()))
}
