//! `vlscope synth`: writes a synthetic trace, or a folder of them.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::builder::{ArgPredicate, RangedU64ValueParser};
use clap::{Args, ValueEnum};
use indicatif::{HumanBytes, HumanCount};

use super::{progress, terminal};
use crate::trace::{Dtype, Synthetic, SyntheticDataset};

const EXAMPLES: &str = "Examples:
  vlscope synth --layers 4 --heads 4 --text 12 --grid 8x8 -o small.safetensors
  vlscope synth --layers 32 --heads 32 --text 64 --grid 24x24 --dtype f16 -o large.safetensors
  vlscope synth --count 1000 -o traces/

Heads 0 to 3 of each layer have a planted pattern: a token attends to itself, to the token before it, to the
first token; text attends to the object in the picture. The same seed gives the same bytes on every machine.
With --count, text attends to the object half as much in the last layer of traces with a wrong answer.";

/// The most patches along a side.
const MAX_SIDE: usize = 512;

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Number of layers.
    #[arg(long, value_name = "L", required_unless_present = "count", value_parser = count(1, 4096))]
    layers: Option<usize>,
    /// Heads in each layer.
    #[arg(long, value_name = "H", required_unless_present = "count", value_parser = count(1, 65_536))]
    heads: Option<usize>,
    /// Text tokens, `[CLS]` and `[SEP]` among them.
    #[arg(long, value_name = "N", required_unless_present = "count", value_parser = count(2, 1_048_576))]
    text: Option<usize>,
    /// Patches of the picture.
    #[arg(long, value_name = "ROWSxCOLS", required_unless_present = "count", value_parser = parse_grid)]
    grid: Option<[usize; 2]>,
    /// Width of the hidden states; 0 for none.
    #[arg(long, value_name = "D", default_value = "64", default_value_if("count", ArgPredicate::IsPresent, "16"), value_parser = count(0, 1_048_576))]
    dim: usize,
    /// How attention and hidden states are stored.
    #[arg(long, value_enum, default_value_t = DtypeName::F16)]
    dtype: DtypeName,
    /// Another seed is another trace.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// So many traces, with seeds from `--seed` on, answers and groups. A size that is not said is small: 2 layers of 4
    /// heads, 8 text tokens, 3x3 patches.
    #[arg(long, value_name = "N", value_parser = count(1, 10_000_000))]
    count: Option<usize>,
    /// Where the trace goes; with `--count`, the folder of the traces.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DtypeName {
    F32,
    F16,
    Bf16,
}

fn count(least: u64, most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..=most)
}

fn parse_grid(text: &str) -> Result<[usize; 2], String> {
    let side = |text: &str| text.parse().ok().filter(|side| (1..=MAX_SIDE).contains(side));
    let sides = text.split_once(['x', 'X', '×']).and_then(|(rows, columns)| Some([side(rows)?, side(columns)?]));
    sides.ok_or_else(|| format!("`{text}` is no grid: expected for example 8x12, each side 1 to {MAX_SIDE}"))
}

pub fn run(arguments: &Arguments, quiet: bool) -> Result<()> {
    let [rows, columns] = arguments.grid.unwrap_or([3, 3]);
    let synthetic = Synthetic {
        layers: arguments.layers.unwrap_or(2),
        heads: arguments.heads.unwrap_or(4),
        text: arguments.text.unwrap_or(8),
        rows,
        columns,
        dim: arguments.dim,
        dtype: match arguments.dtype {
            DtypeName::F32 => Dtype::F32,
            DtypeName::F16 => Dtype::F16,
            DtypeName::Bf16 => Dtype::Bf16,
        },
        seed: arguments.seed,
    };
    if let Some(count) = arguments.count {
        return write_many(&SyntheticDataset { each: synthetic, count }, &arguments.output, quiet);
    }
    let bytes = synthetic.bytes().unwrap_or(u64::MAX);
    let bar = progress::byte_bar(quiet, bytes, "writing");
    let written = synthetic.write(&arguments.output, &mut |bytes| bar.inc(bytes));
    bar.finish_and_clear();
    written?;
    if !quiet {
        let tokens = synthetic.tokens();
        terminal::print(format_args!("{}: {tokens} tokens, {}", arguments.output.display(), HumanBytes(bytes)))?;
    }
    Ok(())
}

fn write_many(dataset: &SyntheticDataset, folder: &Path, quiet: bool) -> Result<()> {
    let bar = progress::bar(quiet, dataset.count as u64, "writing");
    let written = dataset.write(folder, &|| bar.inc(1));
    bar.finish_and_clear();
    written?;
    if !quiet {
        terminal::print(format_args!("{}: {} traces", folder.display(), HumanCount(dataset.count as u64)))?;
    }
    Ok(())
}
