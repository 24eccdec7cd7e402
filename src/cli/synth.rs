//! `vlscope synth`: writes a synthetic trace of any size.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use super::progress;
use crate::trace::{Dtype, Synthetic};

#[derive(Args, Debug)]
pub struct Arguments {
    /// Number of layers.
    #[arg(long, value_name = "L")]
    layers: usize,
    /// Heads a layer.
    #[arg(long, value_name = "H")]
    heads: usize,
    /// Text tokens, [CLS] and [SEP] included.
    #[arg(long, value_name = "N")]
    text: usize,
    /// The grid of patches.
    #[arg(long, value_name = "ROWSxCOLS", value_parser = parse_grid)]
    grid: (usize, usize),
    /// Dimension of the hidden states; 0 for none.
    #[arg(long, value_name = "D", default_value_t = 64)]
    dim: usize,
    /// How numbers are stored.
    #[arg(long, value_enum, default_value_t = DtypeName::F16)]
    dtype: DtypeName,
    /// Equal seeds give equal files.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Where the trace goes.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DtypeName {
    F32,
    F16,
    Bf16,
}

pub fn run(arguments: &Arguments, quiet: bool) -> Result<()> {
    ensure!(arguments.layers > 0, "--layers is 0, expected at least 1");
    ensure!(arguments.heads > 0, "--heads is 0, expected at least 1");
    ensure!(arguments.text >= 2, "--text is {}, expected at least 2: [CLS] and [SEP]", arguments.text);
    let (rows, columns) = arguments.grid;
    let synthetic = Synthetic {
        layers: arguments.layers,
        heads: arguments.heads,
        text: arguments.text,
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
    let bar = progress::byte_bar(quiet, synthetic.bytes(), "synth");
    synthetic.write(&arguments.output, &mut |bytes| bar.inc(bytes))?;
    bar.finish_and_clear();
    Ok(())
}

fn parse_grid(text: &str) -> Result<(usize, usize), String> {
    let sides = text.split_once(['x', 'X', '×']).and_then(|(rows, columns)| {
        let side = |text: &str| text.parse().ok().filter(|side| (1..=4096).contains(side));
        Some((side(rows)?, side(columns)?))
    });
    sides.ok_or_else(|| format!("`{text}` is no grid: expected for example 24x24"))
}
