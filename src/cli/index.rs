//! `vlscope index`: reads a folder of traces once and writes what they say to its index.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use indicatif::{HumanCount, ProgressBar};
use serde::Serialize;

use super::progress;
use super::table::print_json;
use super::terminal;
use crate::dataset::index::{Build, BuildOptions, ContentOptions, HiddenStates, IndexError, Report, Shard};

const EXAMPLES: &str = "Examples:
  vlscope index traces/
  vlscope index traces/ --hidden-states 0,6,12
  vlscope index /mnt/read-only/traces --index-dir ~/traces-index
  vlscope index traces/ --shard 2/8        on the third of eight machines

Traces that did not change since the last run are not read again. A trace that cannot be read is
named, and is a row with its error; the exit code is 0 all the same.";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The dataset: a folder of traces, in folders or not.
    dir: PathBuf,
    /// The folder of the index, instead of `.vlscope` in the dataset.
    #[arg(long, value_name = "DIR")]
    index_dir: Option<PathBuf>,
    /// One share of the traces, counted from 0: any number of machines may index at once.
    #[arg(long, value_name = "I/N", default_value = "0/1", hide_default_value = true)]
    shard: Shard,
    /// Of which hidden states the tokens are kept: `last`, `none`, `all`, or their numbers.
    #[arg(long, value_name = "STATES", default_value = "last")]
    hidden_states: HiddenStates,
    /// Count special tokens in vlscope's own statistics.
    #[arg(long)]
    specials: bool,
    /// The most traces in a part of the index, and the most that an interruption loses.
    #[arg(long, value_name = "N", default_value_t = BuildOptions::PART_TRACES, value_parser = part_traces())]
    part_traces: usize,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

fn part_traces() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=1_000_000)
}

#[derive(Serialize)]
struct Summary {
    index: String,
    traces: usize,
    new: usize,
    changed: usize,
    gone: usize,
    broken: Vec<Broken>,
    /// Folders that could not be read.
    unread: Vec<Broken>,
    /// That were read.
    bytes: u64,
    seconds: f64,
}

#[derive(Serialize)]
struct Broken {
    path: String,
    error: String,
}

impl Broken {
    fn new(path: &impl ToString, error: &impl ToString) -> Self {
        Self { path: path.to_string(), error: error.to_string() }
    }
}

/// How many broken traces are named.
const NAMED: usize = 5;

pub fn run(arguments: &Arguments, quiet: bool) -> Result<()> {
    let begun = Instant::now();
    ensure!(arguments.dir.is_dir(), "{} is not a folder of traces", arguments.dir.display());
    let options = BuildOptions {
        index_dir: arguments.index_dir.clone(),
        shard: arguments.shard,
        content: ContentOptions { hidden_states: arguments.hidden_states.clone(), specials: arguments.specials },
        part_traces: arguments.part_traces,
    };
    let build = Build::plan(&arguments.dir, options).map_err(|error| with_advice(arguments, error))?;
    if !build.has_locks() {
        let folder = build.folder().display();
        terminal::warn(format_args!(
            "{folder} is on a file system without locks: let no other run write there at the same time"
        ));
    }
    let unread: Vec<Broken> = build.unread().iter().map(|(path, error)| Broken::new(&path.display(), error)).collect();
    for Broken { path, error } in &unread {
        terminal::warn(format_args!("cannot read {path}: {error}"));
    }
    let (folder, bytes) = (build.folder().display().to_string(), build.bytes());
    let bar = bar(quiet, build.traces() as u64, bytes);
    let report = build.run(&|bytes| {
        bar.bytes.inc(bytes);
        bar.traces.fetch_add(1, Ordering::Relaxed);
        true
    });
    bar.bytes.finish_and_clear();
    let report = report.map_err(|error| anyhow!("{error}; what was indexed before is intact"))?;
    print(arguments, &report, unread, &folder, bytes, begun.elapsed().as_secs_f64())
}

/// Where the index cannot be made, another place may do; the dataset has to be read wherever its index lies.
fn with_advice(arguments: &Arguments, error: IndexError) -> anyhow::Error {
    let is_refused = matches!(&error, IndexError::Io { cause, path, .. } if matches!(
        cause.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    ) && *path != arguments.dir);
    match arguments.index_dir {
        None if is_refused => anyhow!("{error}; `--index-dir DIR` puts the index elsewhere"),
        _ => error.into(),
    }
}

struct Bar {
    bytes: ProgressBar,
    traces: Arc<AtomicU64>,
}

/// By bytes, since these take the time; with traces and bytes a second.
fn bar(quiet: bool, total: u64, bytes: u64) -> Bar {
    let traces = Arc::new(AtomicU64::new(0));
    let bar = progress::byte_bar(quiet, bytes, "indexing");
    let template = "{msg} {wide_bar} {traces}, {bytes_per_sec}, {eta} left";
    if let Ok(style) = indicatif::ProgressStyle::with_template(template) {
        let done = Arc::clone(&traces);
        bar.set_style(style.with_key(
            "traces",
            move |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
                let done = done.load(Ordering::Relaxed);
                let rate = done as f64 / state.elapsed().as_secs_f64().max(0.001);
                // A bar that cannot be written is no reason to stop.
                let _ = write!(out, "{} of {} traces, {rate:.0} traces/s", HumanCount(done), HumanCount(total));
            },
        ));
    }
    Bar { bytes: bar, traces }
}

fn print(
    arguments: &Arguments,
    report: &Report,
    unread: Vec<Broken>,
    folder: &str,
    bytes: u64,
    seconds: f64,
) -> Result<()> {
    let broken: Vec<Broken> = report.broken.iter().map(|(path, error)| Broken::new(path, error)).collect();
    let Report { traces, new, changed, gone, .. } = *report;
    let count = |count: usize| HumanCount(count as u64);
    for Broken { path, error } in broken.iter().take(NAMED) {
        terminal::warn(format_args!("{error}: {}", arguments.dir.join(path).display()));
    }
    for damage in &report.damages {
        terminal::warn(damage);
    }
    if report.of_other_options > 0 {
        let rows = count(report.of_other_options);
        terminal::warn(format_args!("{rows} traces of other shards are indexed with other options than these"));
    }
    if broken.len() > NAMED {
        terminal::warn(format_args!("and {} more that are broken", broken.len() - NAMED));
    }
    if arguments.json {
        let index = folder.to_owned();
        return print_json(&Summary { index, traces, new, changed, gone, broken, unread, bytes, seconds });
    }
    let counts = [(new, "new"), (changed, "changed"), (gone, "gone"), (broken.len(), "broken")];
    let counts: Vec<String> = counts.iter().map(|&(number, what)| format!("{} {what}", count(number))).collect();
    let (traces, ending) = (count(traces), if traces == 1 { "" } else { "s" });
    Ok(terminal::print(format_args!("{traces} trace{ending}: {}; {seconds:.1} s", counts.join(", ")))?)
}
