//! `vlscope bench DIR`: what a user waits for on an indexed dataset.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};

use super::measurements::{Measurements, milliseconds_since};
use crate::app::{Command, DatasetCommand, Launch, Offscreen};
use crate::cli::examples;
use crate::dataset::table::{Filter, HeadColumn, Values};
use crate::dataset::{Dataset, Order};
use crate::gpu::Gpu;
use crate::query::{Atlas, AtlasQuestion};

const RUNS: usize = 9;
const WINDOWS: usize = 5;
const STEPS: usize = 20;
/// The statistic of the head atlas that is measured.
const STATISTIC: &str = "mass.text.image";

/// Measures.
///
/// # Errors
/// If the dataset has no index, or the window cannot be made.
pub fn measure_dataset(
    found: &mut Measurements,
    dir: &Path,
    gpu: &Arc<Gpu>,
    launch: &Launch,
    size: [f32; 2],
) -> Result<()> {
    found.time("open_ms", "table", WINDOWS, |_| Ok(Dataset::open(dir, None)?))?;
    let dataset = examples::open(dir, None)?;
    found.facts.push(("dataset", dir.display().to_string().into()));
    found.facts.push(("examples", dataset.table.len().into()));
    filters(found, &dataset)?;
    sorts(found, &dataset)?;
    atlases(found, &dataset)?;
    drop(dataset);
    // A statistic is read when somebody asks for it; after that it is in memory.
    let mut first_ms = Vec::new();
    for _ in 0..WINDOWS {
        let dataset = examples::open(dir, None)?;
        let begin = Instant::now();
        dataset.heads().context("the index holds no heads")?.values(STATISTIC)?;
        first_ms.push(milliseconds_since(begin));
    }
    found.put("open_ms", "first statistic", first_ms);
    found.time("open_ms", "browser", WINDOWS, |_| {
        Offscreen::open_until(gpu, launch, size, |state| state.browsing.dataset.is_some())?;
        Ok(gpu.wait()?)
    })?;
    window(found, gpu, launch, size)
}

/// The middle of a head's values, to cut the examples in half.
fn middle(dataset: &Dataset) -> Result<(HeadColumn, f32)> {
    let column = HeadColumn { statistic: STATISTIC.to_owned(), block: None, layer: 0, head: 0 };
    let mut values = dataset.head(&column).map_err(|why| anyhow!(why))?;
    values.retain(|value| !value.is_nan());
    values.sort_by(f32::total_cmp);
    Ok((column, values.get(values.len() / 2).copied().unwrap_or(0.0)))
}

fn filters(found: &mut Measurements, dataset: &Dataset) -> Result<()> {
    let (head, value) = middle(dataset)?;
    let queries = [
        ("word", "circle".to_owned()),
        ("regular expression", "/c[io]r?cle$|^what/".to_owned()),
        ("range", "tokens>10 size>=1".to_owned()),
        ("head", format!("{head}>{value}")),
        ("combined", format!("red -/blue/ path~[0-9] tokens>10 {head}>{value}")),
    ];
    for (name, query) in queries {
        found.time("filter_ms", name, RUNS, |_| Ok(dataset.rows(&Filter::parse(&query)?)?))?;
    }
    Ok(())
}

fn sorts(found: &mut Measurements, dataset: &Dataset) -> Result<()> {
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
    for (kind, column) in columns {
        found.time("sort_ms", kind, RUNS, |number| {
            let mut rows = all.clone();
            let order = Order { column: column.clone(), is_descending: number.is_multiple_of(2) };
            dataset.sort(&mut rows, &order).map_err(|why| anyhow!(why))
        })?;
    }
    Ok(())
}

fn atlases(found: &mut Measurements, dataset: &Dataset) -> Result<()> {
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
    for (name, question, runs) in questions {
        found.time("atlas_ms", name, runs, |_| Ok(Atlas::of(dataset, &question, &|| true)?))?;
    }
    Ok(())
}

fn window(found: &mut Measurements, gpu: &Arc<Gpu>, launch: &Launch, size: [f32; 2]) -> Result<()> {
    let mut window = Offscreen::open(gpu, launch, size, 1.0)?;
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
    found.put("window_ms", "next example", steps_ms);
    let filters = ["circle", "is:right"].map(|query| DatasetCommand::SetFilter(query.to_owned()));
    let sorts = ["text", "tokens"].map(|column| DatasetCommand::SortBy(column.to_owned()));
    for (name, commands) in [("filter", filters), ("sort", sorts)] {
        found.time("window_ms", name, RUNS, |run| {
            window.apply(Command::Dataset(commands[run % 2].clone()));
            window.settle()?;
            Ok(gpu.wait()?)
        })?;
    }
    found.time("window_ms", "frame", RUNS, |_| {
        window.frame()?;
        Ok(gpu.wait()?)
    })?;
    found.facts.extend(memory_mb().map(|memory| ("memory_mb", memory.into())));
    Ok(())
}

/// What this process holds in memory.
fn memory_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}
