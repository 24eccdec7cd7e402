//! `vlscope neighbours`: the tokens nearest to others among the hidden states.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use serde::Serialize;

use super::table::{FormatArguments, Number, exact, print_json, print_rows, short};
use crate::analysis::neighbours::{Metric, neighbours, why_none};
use crate::trace::Trace;
use crate::view::token_names;

const EXAMPLES: &str = "Examples:
  vlscope neighbours trace.safetensors --token 2
  vlscope neighbours trace.safetensors --token 2 --token 3 --state 0 --metric euclidean --csv
  vlscope neighbours trace.safetensors --sequence decoder --token 1 --json | jq .neighbours[0]";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The trace.
    trace: PathBuf,
    /// A token, by its place in the sequence; may be repeated: then the mean of their states counts.
    #[arg(long = "token", value_name = "N", required = true)]
    tokens: Vec<usize>,
    /// The sequence, by name; the first one with hidden states if not given.
    #[arg(long, value_name = "NAME")]
    sequence: Option<String>,
    /// Which hidden state: 0 is the embedding; the last one if not given.
    #[arg(long, value_name = "N")]
    state: Option<usize>,
    /// cosine or euclidean.
    #[arg(long, value_enum, default_value_t)]
    metric: Metric,
    /// How many; all if not given.
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    #[command(flatten)]
    format: FormatArguments,
}

#[derive(Serialize)]
struct Report<'a> {
    sequence: &'a str,
    state: usize,
    metric: &'static str,
    tokens: &'a [usize],
    /// The nearest first.
    neighbours: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    position: usize,
    token: &'a str,
    modality: &'static str,
    distance: Number,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let trace = Trace::open(&arguments.trace)?;
    let document = trace.document();
    let names = || document.hidden.iter().map(|hidden| document.sequences[hidden.sequence].name.as_str());
    let wanted = arguments.sequence.as_deref();
    let hidden = names().position(|name| wanted.is_none_or(|wanted| wanted == name));
    let hidden = hidden.with_context(|| match wanted {
        Some(wanted) => {
            format!(
                "no sequence with hidden states is called `{wanted}`: there are {}",
                names().collect::<Vec<_>>().join(", ")
            )
        }
        None => format!("the trace holds no hidden states: {}", trace.path().display()),
    })?;
    let states = document.hidden[hidden].states;
    ensure!(states > 0, "the trace holds no hidden states: {}", trace.path().display());
    let state = arguments.state.unwrap_or(states - 1);
    ensure!(state < states, "there is no hidden state {state}: there are 0 to {}", states - 1);
    let sequence = &document.sequences[document.hidden[hidden].sequence];
    let count = sequence.tokens.len();
    for &token in &arguments.tokens {
        ensure!(token < count, "there is no token {token}: sequence `{}` has {count}", sequence.name);
    }
    let view = trace.hidden(hidden, state);
    let mut found = neighbours(&view, &arguments.tokens, arguments.metric);
    trace.check_unchanged()?;
    if found.is_empty() {
        let why = why_none(&view, &arguments.tokens, arguments.metric);
        bail!("nothing is near in hidden state {state}: {why}");
    }
    found.truncate(arguments.count.unwrap_or(usize::MAX));
    let names = token_names(&sequence.tokens);
    let modality = |token: usize| sequence.tokens[token].modality().name();
    if arguments.format.json {
        let row = |found: &crate::analysis::neighbours::Neighbour| Row {
            position: found.token,
            token: &names[found.token],
            modality: modality(found.token),
            distance: Number(found.distance),
        };
        return print_json(&Report {
            sequence: &sequence.name,
            state,
            metric: arguments.metric.name(),
            tokens: &arguments.tokens,
            neighbours: found.iter().map(row).collect(),
        });
    }
    let number = if arguments.format.csv { exact } else { short };
    let row = |token: usize, distance| {
        vec![token.to_string(), names[token].clone(), modality(token).to_owned(), number(distance)]
    };
    let rows: Vec<_> = found.iter().map(|found| row(found.token, found.distance)).collect();
    print_rows(arguments.format.csv, &["position", "token", "modality", "distance"], &rows)
}
