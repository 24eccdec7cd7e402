//! `vlscope notes`: what was written down beside a dataset, as Markdown with pictures.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;

use super::adapter::AdapterArguments;
use super::progress;
use super::render::headless_on;
use super::stats::engine;
use crate::dataset::notes::{Notes, Place, config_folder};
use crate::export::write_notes;
use crate::query::Solver;

const EXAMPLES: &str = "Examples:
  vlscope notes traces/                          one line a note
  vlscope notes traces/ -o notes.md              with the pictures of the bookmarks in notes_files/";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The dataset's folder, or a trace in it.
    dir: PathBuf,
    /// A Markdown file; the notes are listed if not given.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    adapter: AdapterArguments,
}

pub fn run(arguments: &Arguments, quiet: bool) -> Result<()> {
    ensure!(arguments.dir.exists(), "cannot open {}: there is no such file or folder", arguments.dir.display());
    let place = Place::of(&arguments.dir, config_folder().as_deref());
    let notes = Notes::read(&place)?;
    let Some(output) = &arguments.output else { return list(&notes) };
    ensure!(!notes.is_empty(), "there are no notes: {}", place.file().display());
    let engine = engine(&arguments.adapter)?;
    let mut headless = headless_on(engine.gpu(), &arguments.adapter)?;
    let solver = Solver::new(engine);
    let bar = progress::bar(quiet, notes.bookmarks().count() as u64, "bookmarks");
    write_notes(&notes, &place, output, &solver, &mut headless, || bar.inc(1))?;
    bar.finish_and_clear();
    Ok(())
}

fn list(notes: &Notes) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for bookmark in notes.bookmarks() {
        writeln!(out, "{}: {}", bookmark.trace, bookmark.text)?;
    }
    for label in notes.heads() {
        writeln!(out, "{} · {} · L{}H{}: {}", label.model, label.block, label.layer, label.head, label.label)?;
    }
    for label in notes.examples() {
        writeln!(out, "{}: {}", label.trace, label.label)?;
    }
    Ok(())
}
