//! `vlscope bench DIR`: what a user waits for on an indexed dataset.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};
use serde::Serialize;

use super::clicks::Timings;
use super::timing::{Timing, measure, milliseconds_since};
use crate::app::{Command, DatasetCommand, Launch, Offscreen};
use crate::cli::examples;
use crate::cli::table::{print_json, print_rows};
use crate::cli::terminal;
use crate::dataset::table::{Filter, HeadColumn, Values};
use crate::dataset::{Dataset, Order};
use crate::gpu::Gpu;
use crate::query::{Atlas, AtlasQuestion};

const RUNS: usize = 9;
const WINDOWS: usize = 5;
const STEPS: usize = 20;
/// The statistic of the head atlas that is measured.
const STATISTIC: &str = "mass.text.image";

/// All times in milliseconds.
#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    adapter: String,
    threads: usize,
    dataset: String,
    examples: usize,
    /// The window's size.
    size: [f32; 2],
    /// From the path to a table in memory, and from an open device to a browser on screen.
    open_ms: Timings,
    /// A filter of each kind, over all examples.
    filter_ms: Timings,
    /// By a column of each kind, all examples.
    sort_ms: Timings,
    /// All heads over a half and over all of the examples.
    atlas_ms: Timings,
    /// With egui's layout and drawing: from a command to the finished frame.
    window_ms: Timings,
    /// Of this process with the dataset in a window, in megabytes; where the system tells.
    memory_mb: Option<f64>,
}

/// Measures and prints.
///
/// # Errors
/// If the dataset has no index, or the window cannot be made.
pub fn run(dir: &Path, gpu: &Arc<Gpu>, launch: &Launch, size: [f32; 2], json: bool) -> Result<()> {
    let mut open_ms = Timings::from([(
        "table".to_owned(),
        measure(WINDOWS, |_| Dataset::open(dir, None).map(drop).map_err(Into::into))?,
    )]);
    let dataset = examples::open(dir, None)?;
    let filter_ms = filters(&dataset)?;
    let sort_ms = sorts(&dataset)?;
    let atlas_ms = atlases(&dataset)?;
    let count = dataset.table.len();
    drop(dataset);
    open_ms.insert("first statistic".to_owned(), first_statistic(dir)?);
    open_ms.insert("browser".to_owned(), browser(gpu, launch, size)?);
    let (window_ms, memory_mb) = window(gpu, launch, size)?;
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        adapter: gpu.info.name.clone(),
        threads: rayon::current_num_threads(),
        dataset: dir.display().to_string(),
        examples: count,
        size,
        open_ms,
        filter_ms,
        sort_ms,
        atlas_ms,
        window_ms,
        memory_mb,
    };
    if json { print_json(&report) } else { report.print() }
}

/// The middle of a head's values, to cut the examples in half.
fn middle(dataset: &Dataset) -> Result<(HeadColumn, f32)> {
    let column = HeadColumn { statistic: STATISTIC.to_owned(), block: None, layer: 0, head: 0 };
    let mut values = dataset.head(&column).map_err(|why| anyhow!(why))?;
    values.retain(|value| !value.is_nan());
    values.sort_by(f32::total_cmp);
    Ok((column, values.get(values.len() / 2).copied().unwrap_or(0.0)))
}

fn filters(dataset: &Dataset) -> Result<Timings> {
    let (head, value) = middle(dataset)?;
    let queries = [
        ("word", "circle".to_owned()),
        ("regular expression", "/c[io]r?cle$|^what/".to_owned()),
        ("range", "tokens>10 size>=1".to_owned()),
        ("head", format!("{head}>{value}")),
        ("combined", format!("red -/blue/ path~[0-9] tokens>10 {head}>{value}")),
    ];
    let timed = queries.into_iter().map(|(name, query)| {
        let run = |_| {
            let filter = Filter::parse(&query)?;
            Ok(dataset.rows(&filter).map(drop)?)
        };
        Ok((name.to_owned(), measure(RUNS, run)?))
    });
    timed.collect()
}

fn sorts(dataset: &Dataset) -> Result<Timings> {
    let mut columns = BTreeMap::from([("head", format!("{STATISTIC}[0.0]"))]);
    for column in dataset.table.columns() {
        let kind = match &column.values {
            Values::Text(_) if column.name == "path" => "path",
            Values::Text(_) => "text",
            Values::Number(_) => "number",
            Values::Flag(_) => "flag",
        };
        columns.entry(kind).or_insert_with(|| column.name.clone());
    }
    let all: Vec<u32> = (0..dataset.table.len() as u32).collect();
    let timed = columns.into_iter().map(|(kind, column)| {
        let run = |number: usize| {
            let mut rows = all.clone();
            let order = Order { column: column.clone(), is_descending: number.is_multiple_of(2) };
            dataset.sort(&mut rows, &order).map_err(|why| anyhow!(why))
        };
        Ok((kind.to_owned(), measure(RUNS, run)?))
    });
    timed.collect()
}

fn atlases(dataset: &Dataset) -> Result<Timings> {
    let (head, value) = middle(dataset)?;
    let half = |sign: &str| format!("{head}{sign}{value}");
    let question = |a: String, b: Option<String>, permutations| AtlasQuestion {
        statistic: STATISTIC.to_owned(),
        block: None,
        a,
        b,
        picked: None,
        permutations,
    };
    let questions = [
        ("all", question(String::new(), None, 0), RUNS),
        ("filtered", question(half(">"), None, 0), RUNS),
        ("difference", question(half(">"), Some(half("<=")), 0), RUNS),
        ("difference, 999 permutations", question(half(">"), Some(half("<=")), 999), 1),
    ];
    let timed = questions.into_iter().map(|(name, question, runs)| {
        let run = |_| Ok(Atlas::of(dataset, &question, &|| true).map(drop)?);
        Ok((name.to_owned(), measure(runs, run)?))
    });
    timed.collect()
}

/// A statistic is read when somebody asks for it; after that it is in memory.
fn first_statistic(dir: &Path) -> Result<Timing> {
    let mut times_ms = Vec::new();
    for _ in 0..WINDOWS {
        let dataset = examples::open(dir, None)?;
        let begin = Instant::now();
        dataset.heads().context("the index holds no heads")?.values(STATISTIC)?;
        times_ms.push(milliseconds_since(begin));
    }
    Ok(Timing::of(times_ms))
}

/// From an open device to a frame that lists the examples.
fn browser(gpu: &Arc<Gpu>, launch: &Launch, size: [f32; 2]) -> Result<Timing> {
    measure(WINDOWS, |_| {
        Offscreen::open_until(gpu, launch, size, |state| state.browsing.dataset.is_some())?;
        Ok(gpu.wait()?)
    })
}

fn window(gpu: &Arc<Gpu>, launch: &Launch, size: [f32; 2]) -> Result<(Timings, Option<f64>)> {
    let mut window = Offscreen::open(gpu, launch, size, 1.0)?;
    let mut timings = Timings::new();
    let mut steps_ms = Vec::new();
    for _ in 0..STEPS {
        // Nobody steps faster than the neighbour is opened; what is measured is what is seen then.
        std::thread::sleep(std::time::Duration::from_millis(100));
        window.settle()?;
        let begin = Instant::now();
        window.apply(Command::StepExample(1));
        window.settle()?;
        gpu.wait()?;
        steps_ms.push(milliseconds_since(begin));
    }
    timings.insert("next example".to_owned(), Timing::of(steps_ms));
    let mut typed = |name: &str, commands: [DatasetCommand; 2]| -> Result<()> {
        let timing = measure(RUNS, |run| {
            window.apply(Command::Dataset(commands[run % 2].clone()));
            window.settle()?;
            Ok(gpu.wait()?)
        })?;
        timings.insert(name.to_owned(), timing);
        Ok(())
    };
    typed("filter", ["circle", "is:right"].map(|query| DatasetCommand::SetFilter(query.to_owned())))?;
    typed("sort", ["text", "tokens"].map(|column| DatasetCommand::SortBy(column.to_owned())))?;
    let frame = |_| {
        window.frame()?;
        Ok(gpu.wait()?)
    };
    timings.insert("frame".to_owned(), measure(RUNS, frame)?);
    Ok((timings, memory_mb()))
}

/// What this process holds in memory.
fn memory_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

impl Report {
    fn print(&self) -> Result<()> {
        let Self { version, adapter, threads, dataset, examples, size: [width, height], .. } = self;
        let memory = self.memory_mb.map_or_else(String::new, |memory| format!("{memory:.0} MB in memory\n"));
        terminal::print(format_args!(
            "vlscope {version}\n{adapter}, {threads} threads\n{dataset}: {examples} examples, {width}×{height} pixels\n{memory}"
        ))?;
        let parts = [
            ("open", &self.open_ms),
            ("filter", &self.filter_ms),
            ("sort", &self.sort_ms),
            ("atlas", &self.atlas_ms),
            ("window", &self.window_ms),
        ];
        let rows = parts.into_iter().flat_map(|(part, timings)| timings.iter().map(move |row| (part, row)));
        let rows: Vec<Vec<String>> = rows
            .map(|(part, (name, timing))| {
                let times = [timing.median, timing.min, timing.max].map(|time_ms| format!("{time_ms:.2}"));
                [part.to_owned(), name.clone()].into_iter().chain(times).chain([timing.n.to_string()]).collect()
            })
            .collect();
        print_rows(false, &["", "of", "median ms", "min", "max", "n"], &rows)
    }
}
