//! The command line: one file a subcommand.

mod adapter;
mod animate;
mod atlas;
mod attention;
mod bench;
mod check;
mod compare;
mod convert;
mod devices;
mod drawing;
mod examples;
mod figure;
mod heads;
mod index;
mod man;
mod neighbours;
mod notes;
mod progress;
mod render;
mod selection;
mod shown;
mod state_file;
mod statistic;
mod stats;
mod synth;
mod table;
mod terminal;
#[cfg(test)]
mod tests;
mod tokens;
mod view;
mod wanted;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::{CommandFactory, Parser, Subcommand};

const EXAMPLES: &str = "Examples:
  vlscope                                        the demo, or what was open last
  vlscope traces/                                a folder of traces
  vlscope render trace.safetensors --view image --layer 3 --head mean --token 0 -o image.png
  vlscope stats trace.safetensors --csv > heads.csv
  vlscope attention trace.safetensors --layer 3 --head 1 --token 0 --json
  vlscope check traces/*.safetensors
  vlscope synth --layers 12 --heads 12 --text 16 --grid 12x12 -o synthetic.safetensors";

/// A microscope for vision-language transformers.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    view: view::Arguments,
    /// Show no progress.
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Draw one view, or the window, or write the numbers behind a view.
    Render(Box<render::Arguments>),
    /// Draw several views as one figure for a paper.
    Figure(Box<figure::Arguments>),
    /// Every statistic of every head.
    Stats(stats::Arguments),
    /// The weights behind the image and text views.
    Attention(attention::Arguments),
    /// Which heads look from some tokens to others, in a trace or over a folder.
    Heads(heads::Arguments),
    /// Two traces side by side, and what is different.
    Compare(Box<compare::Arguments>),
    /// What was written down beside a dataset, as Markdown with pictures.
    Notes(notes::Arguments),
    /// The tokens nearest to others among the hidden states.
    Neighbours(neighbours::Arguments),
    /// The examples of an indexed dataset: filtered, sorted, counted.
    Examples(examples::Arguments),
    /// A statistic of all heads over the examples of a dataset, or the difference of two groups.
    Atlas(Box<atlas::Arguments>),
    /// The hidden states of all tokens of an indexed dataset, or the nearest to one of them.
    Tokens(Box<tokens::Arguments>),
    /// Read every value of traces and report what is not sound.
    Check(check::Arguments),
    /// Index a folder of traces.
    Index(index::Arguments),
    /// Measure what a user waits for.
    Bench(bench::Arguments),
    /// Write a trace anew: weights from queries and keys, another dtype, a part of it.
    Convert(convert::Arguments),
    /// Write a synthetic trace of any size.
    Synth(synth::Arguments),
    /// The adapters of this machine, and what runs where.
    Devices(devices::Arguments),
    /// Print a shell's completions.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the man page, or write all of them to a folder.
    Man(man::Arguments),
}

/// Runs what the arguments say. 0 is success, 1 bad input, 2 bad usage.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match cli.with_state_file().and_then(Cli::run) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::warn(format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

impl Cli {
    /// Where a state file is named, what it says and what was typed together.
    fn with_state_file(self) -> Result<Self> {
        match &self.command {
            Some(Command::Render(arguments)) if arguments.state_file.is_some() => {
                let typed = std::env::args_os().collect();
                // What was typed has been read already: what is wrong now is of the file.
                Self::try_parse_from(state_file::with_state(arguments, typed)?).map_err(|error| {
                    let file = arguments.state_file.as_deref().unwrap_or(Path::new("")).display();
                    let said = error.to_string();
                    let said = said.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
                    anyhow!("{said}, as {file} has it")
                })
            }
            _ => Ok(self),
        }
    }

    fn run(self) -> Result<ExitCode> {
        let quiet = self.quiet;
        match self.command {
            None => view::run(self.view)?,
            Some(Command::Render(arguments)) => match arguments.play {
                Some(play) => animate::run(&arguments, play, quiet)?,
                None => render::run(&arguments)?,
            },
            Some(Command::Figure(arguments)) => figure::run(&arguments)?,
            Some(Command::Stats(arguments)) => stats::run(&arguments, quiet)?,
            Some(Command::Attention(arguments)) => attention::run(&arguments)?,
            Some(Command::Compare(arguments)) => compare::run(&arguments)?,
            Some(Command::Neighbours(arguments)) => neighbours::run(&arguments)?,
            Some(Command::Notes(arguments)) => notes::run(&arguments, quiet)?,
            Some(Command::Examples(arguments)) => examples::run(&arguments)?,
            Some(Command::Atlas(arguments)) => atlas::run(&arguments, quiet)?,
            Some(Command::Tokens(arguments)) => tokens::run(&arguments, quiet)?,
            Some(Command::Check(arguments)) => return check::run(&arguments, quiet),
            Some(Command::Index(arguments)) => index::run(&arguments, quiet)?,
            Some(Command::Bench(arguments)) => bench::run(&arguments)?,
            Some(Command::Heads(arguments)) => heads::run(&arguments, quiet)?,
            Some(Command::Convert(arguments)) => convert::run(&arguments, quiet)?,
            Some(Command::Synth(arguments)) => synth::run(&arguments, quiet)?,
            Some(Command::Devices(arguments)) => devices::run(&arguments)?,
            Some(Command::Completions { shell }) => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Self::command(), "vlscope", &mut script);
                io::stdout().write_all(&script)?;
            }
            Some(Command::Man(arguments)) => man::run(&arguments, Self::command())?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Whoever read our output has seen enough: no error of ours.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = |cause: &(dyn std::error::Error + 'static)| {
        let plain = cause.downcast_ref().map(io::Error::kind);
        let json = || cause.downcast_ref().and_then(serde_json::Error::io_error_kind);
        let csv = || match cause.downcast_ref().map(csv::Error::kind) {
            Some(csv::ErrorKind::Io(cause)) => Some(cause.kind()),
            _ => None,
        };
        plain.or_else(json).or_else(csv)
    };
    error.chain().any(|cause| kind(cause) == Some(io::ErrorKind::BrokenPipe))
}
