//! `vlscope convert`: a trace as another.

use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use indicatif::HumanBytes;

use super::progress;
use super::selection::parse_range;
use super::synth::DtypeName;
use super::terminal;
use crate::analysis::{LayerWeights, RowBuffers};
use crate::trace::convert::{Conversion, convert, converted_bytes};
use crate::trace::{Block, Document, Stored, Trace};

const EXAMPLES: &str = "Examples:
  vlscope convert queries.safetensors weights.safetensors --stored weights
  vlscope convert large.safetensors small.safetensors --dtype f16 --layers 20-27 --heads 0-3,9
  vlscope convert trace.safetensors question.safetensors --stored weights --tokens 580-640

The new file is in the first version of the format that can hold it. Heads are counted anew; layers keep their numbers.
Rows that lose keys sum to less than 1, and say so. Queries and keys lose only tokens that no other sees.";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// A trace.
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Where the new trace goes.
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// What is stored of attention: weights are computed where queries and keys are stored.
    #[arg(long, value_enum)]
    stored: Option<StoredName>,
    /// How attention and hidden states are stored; as they are if it is not said.
    #[arg(long, value_enum)]
    dtype: Option<DtypeName>,
    /// The layers that stay, by the model's own numbers, in every block.
    #[arg(long, value_name = "N|N-M,…", value_delimiter = ',', value_parser = parse_range)]
    layers: Vec<RangeInclusive<usize>>,
    /// The heads that stay, in every layer.
    #[arg(long, value_name = "N|N-M,…", value_delimiter = ',', value_parser = parse_range)]
    heads: Vec<RangeInclusive<usize>>,
    /// The tokens that stay.
    #[arg(long, value_name = "N|N-M,…", value_delimiter = ',', value_parser = parse_range)]
    tokens: Vec<RangeInclusive<usize>>,
    /// The sequence whose tokens are cut; the only one if there is one.
    #[arg(long, value_name = "NAME", requires = "tokens")]
    sequence: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StoredName {
    Weights,
    QueriesKeys,
}

pub fn run(arguments: &Arguments, quiet: bool) -> Result<()> {
    let trace = Trace::open(&arguments.input)?;
    let document = trace.document();
    let is_weights = |block: &Block| block.stored == Stored::Weights;
    if matches!(arguments.stored, Some(StoredName::QueriesKeys)) {
        let block = document.attention.iter().find(|block| is_weights(block));
        let name = block.map(|block| block.name.as_str()).unwrap_or_default();
        ensure!(block.is_none(), "block `{name}` stores weights: queries and keys cannot be made of them");
    }
    // What is not there is refused by name; this bounds how much is listed.
    let numbers = document.attention.iter().map(|block| block.layer_number(block.layers.saturating_sub(1)));
    let layers = listed(&arguments.layers, numbers.max(), "layer")?;
    let most = (0..document.attention.len()).map(|block| trace.max_heads(block)).max().unwrap_or(0);
    let heads = listed(&arguments.heads, most.checked_sub(1), "head")?;
    let conversion = Conversion {
        weights: matches!(arguments.stored, Some(StoredName::Weights)),
        dtype: arguments.dtype.map(DtypeName::dtype),
        layers,
        heads,
        tokens: tokens(arguments, document)?,
    };
    let bytes = converted_bytes(&trace, &conversion)?;
    let bar = progress::byte_bar(quiet, bytes, "converting");
    let rows = |block: usize, layer: usize, head: usize, queries: Range<usize>, out: &mut [f32]| {
        let queries: Vec<usize> = queries.collect();
        LayerWeights::of(&trace, block, layer).read(head..head + 1, &queries, &mut RowBuffers::default(), out);
    };
    let converted = convert(&trace, &conversion, &arguments.output, &rows, &mut |bytes| bar.inc(bytes));
    bar.finish_and_clear();
    converted?;
    if !quiet {
        terminal::print(format_args!("{}: {}", arguments.output.display(), HumanBytes(bytes)))?;
    }
    Ok(())
}

fn tokens(arguments: &Arguments, document: &Document) -> Result<Option<(usize, Vec<usize>)>> {
    if arguments.tokens.is_empty() {
        return Ok(None);
    }
    let names: Vec<&str> = document.sequences.iter().map(|sequence| sequence.name.as_str()).collect();
    let sequence = match &arguments.sequence {
        Some(name) => names.iter().position(|known| known == name),
        None => Some(0).filter(|_| names.len() == 1),
    };
    let sequence = sequence.with_context(|| match &arguments.sequence {
        Some(name) => format!("there is no sequence `{name}`: the trace has {}", names.join(", ")),
        None => format!("--tokens needs --sequence: the trace has {}", names.join(", ")),
    })?;
    let last = document.sequences[sequence].tokens.len().checked_sub(1);
    Ok(listed(&arguments.tokens, last, "token")?.map(|tokens| (sequence, tokens)))
}

/// The numbers of ranges, ascending, each once.
fn listed(ranges: &[RangeInclusive<usize>], last: Option<usize>, what: &str) -> Result<Option<Vec<usize>>> {
    let mut numbers = BTreeSet::new();
    for range in ranges {
        let end = *range.end();
        let highest = last.with_context(|| format!("there is no {what}"))?;
        ensure!(end <= highest, "there is no {what} {end}: the last is {highest}");
        numbers.extend(range.clone());
    }
    Ok((!ranges.is_empty()).then(|| numbers.into_iter().collect()))
}
