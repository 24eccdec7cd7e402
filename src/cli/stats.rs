//! `vlscope stats`: every statistic of every head of every block.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{panic, thread};

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::adapter::AdapterArguments;
use super::heads::ZScoreArguments;
use super::progress;
use super::table::{FormatArguments, Number, exact, print_json, print_rows, short};
use super::terminal;
use super::wanted::WantedStatistics;
use crate::analysis::statistics::{self, HeadStatistics};
use crate::analysis::{Compute, Engine, EngineError};
use crate::gpu::Gpu;
use crate::trace::{NAME_LETTERS, Trace, shortened};

const EXAMPLES: &str = "Examples:
  vlscope stats trace.safetensors
  vlscope stats trace.safetensors --csv > heads.csv
  vlscope stats trace.safetensors --z-score head --top 10
  vlscope stats trace.safetensors --statistic 'mass.*' --statistic sink
  vlscope stats trace.safetensors --json | jq '.attention[0].statistics[] | select(.name == \"entropy\").values'";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The trace.
    trace: PathBuf,
    #[command(flatten)]
    format: FormatArguments,
    #[command(flatten)]
    adapter: AdapterArguments,
    #[command(flatten)]
    statistics: WantedStatistics,
    /// Count special tokens in vlscope's own statistics.
    #[arg(long)]
    specials: bool,
    #[command(flatten)]
    z_score: ZScoreArguments,
    /// Print the N highest heads of each statistic alone.
    #[arg(long, value_name = "N")]
    top: Option<usize>,
}

#[derive(Serialize)]
struct Report<'a> {
    id: Option<&'a str>,
    attention: Vec<BlockReport<'a>>,
}

#[derive(Serialize)]
struct BlockReport<'a> {
    name: &'a str,
    layers: usize,
    heads: usize,
    statistics: Vec<StatisticReport>,
}

#[derive(Serialize)]
struct StatisticReport {
    name: String,
    unit: &'static str,
    /// `[layers][heads]`.
    values: Vec<Vec<Number>>,
    /// `[layers]`.
    layer_mean: Vec<Number>,
    /// `[heads]`.
    head_mean: Vec<Number>,
    /// With `--top` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    strongest: Option<Vec<HeadReport>>,
}

#[derive(Serialize)]
struct HeadReport {
    layer: usize,
    head: usize,
    value: Number,
}

/// Of a z-score.
const Z_UNIT: &str = "standard deviations";

pub fn run(arguments: &Arguments, quiet: bool) -> Result<()> {
    let trace = Trace::open(&arguments.trace)?;
    let document = trace.document();
    let parts = arguments.statistics.parts(document)?;
    let options = statistics::Options { specials: arguments.specials, parts };
    let layers: usize = document.attention.iter().map(|block| block.layers).sum();
    let bar = progress::bar(quiet, layers as u64, "statistics");
    let mut compute = |engine: &Engine, goes_on: &dyn Fn() -> bool| {
        bar.set_position(0);
        let mut on_layer = |_, _| {
            bar.inc(1);
            goes_on()
        };
        let blocks = 0..document.attention.len();
        blocks.map(|block| engine.statistics(&trace, block, &options, &mut on_layer)).collect()
    };
    let mut blocks: Vec<_> = by_who_is_first(&arguments.adapter, &mut compute)?;
    for (block, found) in blocks.iter_mut().enumerate() {
        found.extend(statistics::head_metrics(&trace, block));
        found.retain(|statistic| arguments.statistics.has(&statistic.name));
        if let Some(over) = arguments.z_score.over() {
            *found = found.iter().map(|statistic| statistic.z_scored(over)).collect();
        }
    }
    let is_scored = arguments.z_score.over().is_some();
    let unit = |name: &str| if is_scored { Z_UNIT } else { unit(name) };
    bar.finish_and_clear();
    if arguments.format.json {
        let attention = document.attention.iter().zip(&blocks).enumerate();
        let attention = attention
            .map(|(index, (block, found))| BlockReport {
                name: &block.name,
                layers: block.layers,
                heads: trace.max_heads(index),
                statistics: found
                    .iter()
                    .map(|found| statistic_report(found, unit(&found.name), arguments.top))
                    .collect(),
            })
            .collect();
        return print_json(&Report { id: document.id.as_deref(), attention });
    }
    match arguments.top {
        Some(count) => print_strongest(&trace, &blocks, count, arguments.format.csv, unit),
        None if arguments.format.csv => print_list(&trace, &blocks, unit),
        None => print_grids(&trace, &blocks, unit),
    }
}

/// The highest heads of each statistic.
fn print_strongest(
    trace: &Trace,
    blocks: &[Vec<HeadStatistics>],
    count: usize,
    csv: bool,
    unit: impl Fn(&str) -> &'static str,
) -> Result<()> {
    let number = if csv { exact } else { short };
    let mut rows = Vec::new();
    for (block, found) in trace.document().attention.iter().zip(blocks) {
        for statistic in found {
            for (rank, (layer, head, value)) in statistic.strongest(count).into_iter().enumerate() {
                let place = [rank + 1, layer, head].map(|number| number.to_string());
                let value = [number(value), unit(&statistic.name).to_owned()];
                let name = [block.name.clone(), statistic.name.to_string()];
                rows.push(name.into_iter().chain(place).chain(value).collect());
            }
        }
    }
    print_rows(csv, &["block", "statistic", "rank", "layer", "head", "value", "unit"], &rows)
}

/// One row a value.
fn print_list(trace: &Trace, blocks: &[Vec<HeadStatistics>], unit: impl Fn(&str) -> &'static str) -> Result<()> {
    let mut rows = Vec::new();
    for (block, found) in trace.document().attention.iter().zip(blocks) {
        for statistic in found {
            for layer in 0..statistic.layers {
                for head in 0..statistic.heads {
                    let place = [block.name.clone(), statistic.name.to_string(), layer.to_string(), head.to_string()];
                    let value = [exact(statistic.value(layer, head)), unit(&statistic.name).to_owned()];
                    rows.push(place.into_iter().chain(value).collect());
                }
            }
        }
    }
    print_rows(true, &["block", "statistic", "layer", "head", "value", "unit"], &rows)
}

/// For each statistic its layers × heads.
fn print_grids(trace: &Trace, blocks: &[Vec<HeadStatistics>], unit: impl Fn(&str) -> &'static str) -> Result<()> {
    for (block, found) in trace.document().attention.iter().zip(blocks) {
        for statistic in found {
            let unit = unit(&statistic.name);
            let unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
            let block = shortened(&block.name, NAME_LETTERS);
            terminal::print(format_args!("{block} · {}{unit}", statistic.name))?;
            let heads = (0..statistic.heads).map(|head| format!("head {head}"));
            let header: Vec<String> =
                ["layer".to_owned()].into_iter().chain(heads).chain(["mean".to_owned()]).collect();
            let row = |layer: usize| {
                let values = (0..statistic.heads).map(|head| statistic.value(layer, head));
                let values = values.chain([statistic.layer_mean[layer]]).map(short);
                [layer.to_string()].into_iter().chain(values).collect()
            };
            let rows: Vec<Vec<String>> = (0..statistic.layers).map(row).collect();
            print_rows(false, &header.iter().map(String::as_str).collect::<Vec<_>>(), &rows)?;
            terminal::print("")?;
        }
    }
    Ok(())
}

/// Work for an engine, for as long as the function says so.
type Work<'a, T> = &'a mut dyn FnMut(&Engine, &dyn Fn() -> bool) -> Result<T, EngineError>;

/// Where nobody says who computes, the processor begins while a device is opened, which takes longer than many a trace.
/// If that is a real one, and there before the processor is done, it begins anew.
fn by_who_is_first<T>(arguments: &AdapterArguments, work: Work<'_, T>) -> Result<T> {
    if arguments.compute() != Compute::Auto {
        return Ok(work(&engine(arguments)?, &|| true)?);
    }
    let has_shaders = AtomicBool::new(false);
    thread::scope(|scope| {
        let opening = scope.spawn(|| {
            let engine = engine(arguments)?;
            has_shaders.store(engine.runs_shaders(), Ordering::Relaxed);
            anyhow::Ok(engine)
        });
        let by_processor = work(&Engine::cpu(), &|| !has_shaders.load(Ordering::Relaxed));
        let engine = opening.join().unwrap_or_else(|panic| panic::resume_unwind(panic))?;
        match by_processor {
            Err(EngineError::Cancelled) => Ok(work(&engine, &|| true)?),
            done => Ok(done?),
        }
    })
}

/// The engine that was asked for; a device is opened only where one may be used.
pub fn engine(arguments: &AdapterArguments) -> Result<Engine> {
    let gpu = match arguments.compute() {
        Compute::Cpu => None,
        Compute::Gpu => Some(Gpu::open(&arguments.choice())?),
        Compute::Auto => match Gpu::open_hardware(&arguments.choice()) {
            // Without a wish for a GPU, the processor needs no adapter.
            Err(_) if arguments.adapter.is_none() => None,
            gpu => gpu?,
        },
    };
    let Some(gpu) = gpu else { return Ok(Engine::cpu()) };
    let budget_bytes = arguments.budget_bytes(&gpu);
    Ok(Engine::new(Some(Arc::new(gpu)), arguments.compute(), budget_bytes)?)
}

fn statistic_report(statistic: &HeadStatistics, unit: &'static str, top: Option<usize>) -> StatisticReport {
    let numbers = |values: &[f32]| values.iter().copied().map(Number).collect();
    let strongest = |count| {
        let listed = statistic.strongest(count).into_iter();
        listed.map(|(layer, head, value)| HeadReport { layer, head, value: Number(value) }).collect()
    };
    StatisticReport {
        name: statistic.name.to_string(),
        unit,
        values: statistic.values.chunks(statistic.heads.max(1)).map(numbers).collect(),
        layer_mean: numbers(&statistic.layer_mean),
        head_mean: numbers(&statistic.head_mean()),
        strongest: top.map(strongest),
    }
}

fn unit(name: &str) -> &'static str {
    statistics::statistic(name).map_or("", |entry| entry.unit)
}
