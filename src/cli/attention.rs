//! `vlscope attention`: the weights of a selection, as the image and text views colour them.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::adapter::AdapterArguments;
use super::selection::{SelectionArguments, SelectionReport};
use super::stats::engine;
use super::table::{FormatArguments, Number, exact, print_json, print_rows, short};
use crate::analysis::{Direction, SinkTreatment};
use crate::query::{BlockSinks, OpenTrace, Solver, Weights};
use crate::view::token_names;

const EXAMPLES: &str = "Examples:
  vlscope attention trace.safetensors --layer 3 --head 1 --token 0
  vlscope attention trace.safetensors --layer mean --token 2 --token 3 --direction from --csv
  vlscope attention trace.safetensors --segment question --rollout --sinks hide
  vlscope attention trace.safetensors --block cross --json | jq .weights";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The trace.
    trace: PathBuf,
    #[command(flatten)]
    selection: SelectionArguments,
    #[command(flatten)]
    format: FormatArguments,
    #[command(flatten)]
    adapter: AdapterArguments,
}

#[derive(Serialize)]
struct Report<'a> {
    /// Name of the query sequence.
    query: &'a str,
    /// Name of the key sequence.
    key: &'a str,
    selection: SelectionReport<'a>,
    /// One per token of the side that was not selected.
    weights: Vec<Number>,
    tokens: Vec<String>,
    /// The keys that are sinks; not searched where they are shown like all others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sinks: Vec<usize>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let open = OpenTrace::open(&arguments.trace)?;
    let trace = &open.trace;
    let selection = arguments.selection.resolve(trace)?;
    let solver = Solver::new(engine(&arguments.adapter)?);
    let stop = AtomicBool::new(false);
    let sinks = match BlockSinks::treated(&selection) {
        Some(request) => solver.solve(&open, &request, &stop)?.tokens(),
        None => Vec::new(),
    };
    let weights = solver.solve(&open, &Weights::of(&selection), &stop)?;
    let document = trace.document();
    let block = &document.attention[selection.block];
    let other = match selection.direction {
        Direction::AttendsTo => block.key,
        Direction::AttendedBy => block.query,
    };
    let tokens: Vec<String> = token_names(&document.sequences[other].tokens);
    if arguments.format.json {
        let [query, key] = [block.query, block.key].map(|sequence| document.sequences[sequence].name.as_str());
        let weights = weights.iter().copied().map(Number).collect();
        return print_json(&Report {
            query,
            key,
            selection: SelectionReport::new(trace, &selection),
            weights,
            tokens,
            sinks,
        });
    }
    let number = if arguments.format.csv { exact } else { short };
    // Sinks are keys: where the rows are queries, none is marked.
    let marks = selection.sinks != SinkTreatment::Show && selection.direction == Direction::AttendsTo;
    let mut header = vec!["position", "token", "weight"];
    header.extend(marks.then_some("sink"));
    let row = |(place, (token, weight)): (usize, (String, f32))| {
        let mark = marks.then(|| if sinks.contains(&place) { "sink" } else { "" }.to_owned());
        [place.to_string(), token, number(weight)].into_iter().chain(mark).collect()
    };
    let rows: Vec<Vec<String>> = tokens.into_iter().zip(weights.iter().copied()).enumerate().map(row).collect();
    print_rows(arguments.format.csv, &header, &rows)
}
