//! `vlscope heads`: which heads look from some tokens to others, in a trace or over a dataset.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use serde::Serialize;

use super::adapter::AdapterArguments;
use super::progress;
use super::stats::engine;
use super::table::{FormatArguments, Number, exact, print_json, print_rows, short};
use super::terminal;
use crate::analysis::statistics::strongest;
use crate::analysis::{NamedTokens, Selection};
use crate::dataset::traces_in;
use crate::query::{HeadShares, OpenTrace, Solver};
use crate::trace::Document;

const EXAMPLES: &str = "Examples:
  vlscope heads trace.safetensors --to image
  vlscope heads trace.safetensors --to region:cat --from segment:answer
  vlscope heads traces/ --to region:object --top 20 --csv

Tokens are named by their places (N, N-M), as image, image:N or text, or by a label: region:LABEL, segment:NAME. Of a folder, the
shares are means over its traces; those without such tokens are left out and counted.";

/// Traces that are left out and named one by one.
const NAMED: usize = 3;

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// A trace, or a folder of traces.
    #[arg(value_name = "TRACE|DIR")]
    path: PathBuf,
    /// The keys whose share of attention is told.
    #[arg(long, value_name = "TOKENS,…")]
    to: NamedTokens,
    /// The queries that it is the attention of; all that are neither special nor among the keys if not given, or
    /// the special ones where none else are left.
    #[arg(long, value_name = "TOKENS,…")]
    from: Option<NamedTokens>,
    /// The attention block, by name; the first one that has the tokens if not given.
    #[arg(long, value_name = "NAME")]
    block: Option<String>,
    /// So many of the highest heads; 0 for all.
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: usize,
    #[command(flatten)]
    format: FormatArguments,
    #[command(flatten)]
    adapter: AdapterArguments,
}

/// Shares of the heads of a block, added up over traces.
struct Shares {
    /// The model's own number of each layer.
    layers: Vec<usize>,
    heads: usize,
    /// `[layers, heads]`: sum, sum of squares, and how many traces have a value.
    sums: Vec<[f64; 3]>,
}

#[derive(Serialize)]
struct Report<'a> {
    block: &'a str,
    from: Option<String>,
    to: String,
    traces: usize,
    left_out: usize,
    heads: &'a [HeadReport],
}

#[derive(Serialize)]
struct HeadReport {
    rank: usize,
    layer: usize,
    head: usize,
    share: Number,
    /// Over the traces; null of one.
    standard_deviation: Number,
}

pub fn run(arguments: &Arguments, quiet: bool) -> Result<()> {
    let path = &arguments.path;
    let found = traces_in(path).with_context(|| format!("cannot read {}", path.display()))?;
    for (folder, error) in &found.unread {
        terminal::warn(format_args!("cannot read {}: {error}", folder.display()));
    }
    ensure!(!found.files.is_empty(), "there are no traces in {}", path.display());
    let solver = Solver::new(engine(&arguments.adapter)?);
    let bar = progress::bar(quiet, found.files.len() as u64, "traces");
    let mut total: Option<(String, Shares)> = None;
    let (mut traces, mut left_out) = (0, Vec::new());
    for file in &found.files {
        match of_trace(arguments, file, &solver) {
            Ok((block, shares)) => {
                match &mut total {
                    Some((_, total)) => total.add(&shares).with_context(|| file.display().to_string())?,
                    None => total = Some((block, shares)),
                }
                traces += 1;
            }
            // Of one trace, or where it is none, that is the answer.
            Err(error) if found.files.len() == 1 => return Err(error),
            Err(error) => left_out.push(format!("{}: {error:#}", file.display())),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    left_out.iter().take(NAMED).for_each(terminal::warn);
    if left_out.len() > NAMED {
        terminal::warn(format_args!("and {} more traces are left out", left_out.len() - NAMED));
    }
    let Some((block, shares)) = total else { bail!("none of {} traces has such tokens", found.files.len()) };
    print(arguments, &shares.ranked(arguments.top), &block, [traces, left_out.len()])
}

/// The shares in one trace, with the name of the block.
fn of_trace(arguments: &Arguments, file: &Path, solver: &Solver) -> Result<(String, Shares)> {
    let open = OpenTrace::open(file)?;
    let document = open.document();
    let names = || document.attention.iter().map(|block| block.name.as_str()).collect::<Vec<_>>().join(", ");
    let index = match &arguments.block {
        Some(name) => {
            document.block_index(name).with_context(|| format!("no block is called `{name}`: there are {}", names()))?
        }
        // A model's first block is often its vision tower, which has no text.
        None => (0..document.attention.len()).find(|&index| has_tokens(arguments, document, index)).unwrap_or(0),
    };
    let block =
        document.attention.get(index).with_context(|| format!("the trace holds no attention: {}", file.display()))?;
    let tokens = match &arguments.from {
        Some(from) => from.find(document, block.query).map_err(anyhow::Error::msg)?,
        None => Vec::new(),
    };
    let selection = Selection { block: index, tokens, ..Selection::default() };
    let known = solver.solve(&open, &HeadShares::of(&selection, &arguments.to), &AtomicBool::new(false))?;
    let found = known.all.first().context("there are no heads")?;
    let sums = found.values.iter().map(|&value| match value.is_finite() {
        true => [f64::from(value), f64::from(value).powi(2), 1.0],
        false => [0.0; 3],
    });
    let layers = (0..block.layers).map(|layer| block.layer_number(layer)).collect();
    Ok((block.name.clone(), Shares { layers, heads: found.heads, sums: sums.collect() }))
}

/// Whether a block has the tokens that are named, each on its side.
fn has_tokens(arguments: &Arguments, document: &Document, index: usize) -> bool {
    let block = &document.attention[index];
    let is_from_here = |from: &NamedTokens| from.find(document, block.query).is_ok();
    arguments.from.as_ref().is_none_or(is_from_here) && arguments.to.find(document, block.key).is_ok()
}

impl Shares {
    fn add(&mut self, other: &Self) -> Result<()> {
        ensure!(
            (&self.layers, self.heads) == (&other.layers, other.heads),
            "{} layers of {} heads, but those before have {} of {}",
            other.layers.len(),
            other.heads,
            self.layers.len(),
            self.heads
        );
        for (sum, other) in self.sums.iter_mut().zip(&other.sums) {
            sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
        }
        Ok(())
    }

    fn ranked(&self, top: usize) -> Vec<HeadReport> {
        let means: Vec<f32> = self.sums.iter().map(|[sum, _, count]| (sum / count) as f32).collect();
        let count = if top == 0 { means.len() } else { top };
        let report = |(rank, (layer, head, share)): (usize, (usize, usize, f32))| {
            let [sum, squares, count] = self.sums[layer * self.heads + head];
            let variance = (squares - sum * sum / count).max(0.0) / (count - 1.0);
            let deviation = Number(variance.sqrt() as f32);
            HeadReport {
                rank: rank + 1,
                layer: self.layers[layer],
                head,
                share: Number(share),
                standard_deviation: deviation,
            }
        };
        strongest(&means, self.heads, count).into_iter().enumerate().map(report).collect()
    }
}

fn print(arguments: &Arguments, ranked: &[HeadReport], block: &str, [traces, left_out]: [usize; 2]) -> Result<()> {
    if arguments.format.json {
        let from = arguments.from.as_ref().map(NamedTokens::to_string);
        let to = arguments.to.to_string();
        return print_json(&Report { block, from, to, traces, left_out, heads: ranked });
    }
    let csv = arguments.format.csv;
    let number = |number: Number| if csv { exact(number.0) } else { short(number.0) };
    let has_many = traces > 1;
    let mut header = vec!["rank", "layer", "head", "share"];
    header.extend(has_many.then_some("standard_deviation"));
    let row = |head: &HeadReport| {
        let place = [head.rank, head.layer, head.head].map(|place| place.to_string());
        let spread = has_many.then(|| number(head.standard_deviation));
        place.into_iter().chain([number(head.share)]).chain(spread).collect()
    };
    if !csv {
        let from = arguments.from.as_ref().map_or("all other tokens".to_owned(), NamedTokens::words);
        let over = if has_many { format!(" · mean of {traces} traces") } else { String::new() };
        terminal::print(format_args!("{block} · attention of {from} to {}{over}", arguments.to.words()))?;
    }
    print_rows(csv, &header, &ranked.iter().map(row).collect::<Vec<_>>())
}
