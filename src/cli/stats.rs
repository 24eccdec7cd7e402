//! `vlscope stats`: every statistic of every head of every block.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::adapter::AdapterArguments;
use super::progress;
use super::table::{FormatArguments, Number, exact, print_json, print_rows, short};
use super::terminal;
use super::wanted::WantedStatistics;
use crate::analysis::statistics::{self, HeadStatistics, Over, ZScore};
use crate::analysis::{Compute, Engine};
use crate::gpu::Gpu;
use crate::trace::{Block, NAME_LETTERS, Trace, shortened};

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
    /// Statistics in standard deviations from the mean: of each head over the layers, of each layer over its heads, or
    /// of all.
    #[arg(long, default_value = "none", value_parser = Over::or_none())]
    z_score: ZScore,
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
    /// The model's own, in the order of the values.
    layer_numbers: Vec<usize>,
    heads: usize,
    /// `[layers][heads]`: how many rows are in no statistic, since a weight of them is not finite.
    rows_left_out: Vec<Vec<u32>>,
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
    rows_left_out: Option<u32>,
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
    // A pass that reads each weight once takes the processor no longer than to bring the weights to a device; so it is not
    // left to which of the two is ready first.
    let is_open = arguments.adapter.compute() == Compute::Auto && arguments.adapter.adapter.is_none();
    let engine = if is_open { Engine::cpu() } else { engine(&arguments.adapter)? };
    let mut on_layer = |done, _| {
        bar.inc(u64::from(done > 0));
        true
    };
    let blocks = 0..document.attention.len();
    let blocks = blocks.map(|block| engine.statistics(&trace, block, &options, &mut on_layer));
    let mut blocks = blocks.collect::<Result<Vec<_>, _>>()?;
    let rows_left_out: Vec<_> =
        blocks.iter().map(|found| found.first().map(|first| Arc::clone(&first.rows_left_out))).collect();
    for (block, found) in blocks.iter_mut().enumerate() {
        found.extend(statistics::head_metrics(&trace, block));
        found.retain(|statistic| arguments.statistics.has(&statistic.name));
        if let Some(over) = arguments.z_score {
            *found = found.iter().map(|statistic| statistic.z_scored(over)).collect();
        }
    }
    // The author's metrics were read behind the engine's own look.
    trace.check_unchanged()?;
    let is_scored = arguments.z_score.is_some();
    let unit = |name: &str| if is_scored { Z_UNIT } else { unit(name) };
    bar.finish_and_clear();
    if arguments.format.json {
        let attention = document.attention.iter().zip(&blocks).enumerate();
        let attention = attention
            .map(|(index, (block, found))| BlockReport {
                name: &block.name,
                layers: block.layers,
                layer_numbers: (0..block.layers).map(|layer| block.layer_number(layer)).collect(),
                heads: trace.max_heads(index),
                rows_left_out: by_layer(&rows_left_out[index], trace.max_heads(index)),
                statistics: found
                    .iter()
                    .map(|found| statistic_report(block, found, unit(&found.name), arguments.top))
                    .collect(),
            })
            .collect();
        return print_json(&Report { id: document.id.as_deref(), attention });
    }
    match arguments.top {
        Some(count) => print_strongest(&trace, &blocks, count, arguments.format.csv, unit),
        None if arguments.format.csv => print_list(&trace, &blocks, unit),
        None => {
            print_left_out(&trace, &blocks)?;
            print_grids(&trace, &blocks, unit)
        }
    }
}

/// Which heads have fewer rows than others.
fn print_left_out(trace: &Trace, blocks: &[Vec<HeadStatistics>]) -> Result<()> {
    let mut rows = Vec::new();
    for (block, found) in trace.document().attention.iter().zip(blocks) {
        let Some(counted) = found.iter().find(|statistic| !statistic.rows_left_out.is_empty()) else { continue };
        for (at, &count) in counted.rows_left_out.iter().enumerate().filter(|(_, count)| **count > 0) {
            let layer = block.layer_number(at / counted.heads);
            let place = [layer, at % counted.heads].map(|number| number.to_string());
            rows.push([block.name.clone()].into_iter().chain(place).chain([count.to_string()]).collect::<Vec<_>>());
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    terminal::print(format_args!("Rows left out of all statistics: a weight of each is NaN or infinite"))?;
    print_rows(false, &["block", "layer", "head", "rows_left_out"], &rows)?;
    Ok(terminal::print("")?)
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
                let place = [rank + 1, block.layer_number(layer), head].map(|number| number.to_string());
                let left_out = as_text(statistic.rows_left_out(layer, head));
                let value = [number(value), unit(&statistic.name).to_owned(), left_out];
                let name = [block.name.clone(), statistic.name.to_string()];
                rows.push(name.into_iter().chain(place).chain(value).collect());
            }
        }
    }
    print_rows(csv, &["block", "statistic", "rank", "layer", "head", "value", "unit", "rows_left_out"], &rows)
}

/// One row a value.
fn print_list(trace: &Trace, blocks: &[Vec<HeadStatistics>], unit: impl Fn(&str) -> &'static str) -> Result<()> {
    let mut rows = Vec::new();
    for (block, found) in trace.document().attention.iter().zip(blocks) {
        for statistic in found {
            for layer in 0..statistic.layers {
                for head in 0..statistic.heads {
                    let number = block.layer_number(layer).to_string();
                    let place = [block.name.clone(), statistic.name.to_string(), number, head.to_string()];
                    let left_out = as_text(statistic.rows_left_out(layer, head));
                    let value = [exact(statistic.value(layer, head)), unit(&statistic.name).to_owned(), left_out];
                    rows.push(place.into_iter().chain(value).collect());
                }
            }
        }
    }
    print_rows(true, &["block", "statistic", "layer", "head", "value", "unit", "rows_left_out"], &rows)
}

/// For each statistic its layers × heads.
fn print_grids(trace: &Trace, blocks: &[Vec<HeadStatistics>], unit: impl Fn(&str) -> &'static str) -> Result<()> {
    for (block, found) in trace.document().attention.iter().zip(blocks) {
        for statistic in found {
            let unit = unit(&statistic.name);
            let unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
            let name = shortened(&block.name, NAME_LETTERS);
            terminal::print(format_args!("{name} · {}{unit}", statistic.name))?;
            let heads = (0..statistic.heads).map(|head| format!("head {head}"));
            let header: Vec<String> =
                ["layer".to_owned()].into_iter().chain(heads).chain(["mean".to_owned()]).collect();
            let row = |layer: usize| {
                let values = (0..statistic.heads).map(|head| statistic.value(layer, head));
                let values = values.chain([statistic.layer_mean[layer]]).map(short);
                [block.layer_number(layer).to_string()].into_iter().chain(values).collect()
            };
            let rows: Vec<Vec<String>> = (0..statistic.layers).map(row).collect();
            print_rows(false, &header.iter().map(String::as_str).collect::<Vec<_>>(), &rows)?;
            terminal::print("")?;
        }
    }
    Ok(())
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

fn statistic_report(
    block: &Block,
    statistic: &HeadStatistics,
    unit: &'static str,
    top: Option<usize>,
) -> StatisticReport {
    let numbers = |values: &[f32]| values.iter().copied().map(Number).collect();
    let strongest = |count| {
        let listed = statistic.strongest(count).into_iter();
        let report = |(layer, head, value)| HeadReport {
            layer: block.layer_number(layer),
            head,
            value: Number(value),
            rows_left_out: statistic.rows_left_out(layer, head),
        };
        listed.map(report).collect()
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

fn by_layer(rows_left_out: &Option<Arc<[u32]>>, heads: usize) -> Vec<Vec<u32>> {
    rows_left_out.iter().flat_map(|counts| counts.chunks(heads.max(1)).map(<[u32]>::to_vec)).collect()
}

fn as_text(count: Option<u32>) -> String {
    count.map_or_else(String::new, |count| count.to_string())
}

fn unit(name: &str) -> &'static str {
    statistics::statistic(name).map_or("", |entry| entry.unit)
}
