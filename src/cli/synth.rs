//! `vlscope synth`: writes a synthetic trace, or a folder of them.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::builder::{ArgPredicate, RangedU64ValueParser};
use clap::{Args, ValueEnum};
use indicatif::{HumanBytes, HumanCount};

use super::{progress, terminal};
use crate::trace::{Dtype, Mask, Synthetic, SyntheticDataset, SyntheticQueries, TraceError};

const EXAMPLES: &str = "Examples:
  vlscope synth --layers 4 --heads 4 --text 12 --grid 8x8 -o small.safetensors
  vlscope synth --layers 32 --heads 32 --text 64 --grid 24x24 --dtype f16 -o large.safetensors
  vlscope synth --count 1000 -o traces/
  vlscope synth --queries-keys --layers 28 --heads 28 --key-heads 4 --head-dim 128 --text 64 --frames 17 --grid 24x40 -o video.safetensors

Heads 0 to 3 of each layer have a planted pattern: a token attends to itself, to the token before it, to the
first token; text attends to the object in the picture. The same seed gives the same bytes on every machine.
With --count, text attends to the object half as much in the last layer of traces with a wrong answer.
With --queries-keys the frames stand before the text, and head 4 attends to the same patch in the frame before.";

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
    /// Queries and keys in place of weights: 16,384 tokens of 28 layers with 28 heads and 4 key heads of dim 128 are 3.8 GB.
    #[arg(long, conflicts_with = "count")]
    queries_keys: bool,
    /// Heads whose keys the heads of a layer share; as many as heads if it is not said.
    #[arg(long, value_name = "N", requires = "queries_keys", value_parser = count(1, 65_536))]
    key_heads: Option<usize>,
    /// Width of queries and keys.
    #[arg(long, value_name = "D", requires = "queries_keys", default_value_t = 64, value_parser = count(1, 65_536))]
    head_dim: usize,
    /// Which keys a query sees: full, causal, sliding:N, prefix:N, spans (each frame, and the tokens around), frames (causal,
    /// and all of its own frame), or stored (the same as a tensor). A list is gone through layer by layer, again and again.
    #[arg(long, value_name = "MASK,…", requires = "queries_keys", value_delimiter = ',', default_value = "causal", value_parser = parse_mask)]
    mask: Vec<MaskName>,
    /// The logarithm of each row's sum of exponentials as well, which takes as long as all products of queries and keys.
    #[arg(long, requires = "queries_keys")]
    log_sum_exp: bool,
    /// Frames of a video, one every half second.
    #[arg(long, value_name = "N", requires = "queries_keys", default_value_t = 1, value_parser = count(1, 65_536))]
    frames: usize,
    /// So many traces, with seeds from `--seed` on, answers and groups. A size that is not said is small: 2 layers of 4
    /// heads, 8 text tokens, 3x3 patches.
    #[arg(long, value_name = "N", value_parser = count(1, 10_000_000))]
    count: Option<usize>,
    /// Where the trace goes; with `--count`, the folder of the traces.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum DtypeName {
    F32,
    F16,
    Bf16,
}

impl DtypeName {
    pub(super) fn dtype(self) -> Dtype {
        match self {
            Self::F32 => Dtype::F32,
            Self::F16 => Dtype::F16,
            Self::Bf16 => Dtype::Bf16,
        }
    }
}

#[derive(Clone, Debug)]
enum MaskName {
    Ready(Mask),
    Spans,
    Frames,
}

fn parse_mask(text: &str) -> Result<MaskName, String> {
    let sized = text.split_once(':').and_then(|(name, size)| Some((name, size.parse().ok().filter(|size| *size > 0)?)));
    match (text, sized) {
        ("full", _) => Ok(MaskName::Ready(Mask::Full)),
        ("causal", _) => Ok(MaskName::Ready(Mask::Causal)),
        ("stored", _) => Ok(MaskName::Ready(Mask::Stored)),
        ("spans", _) => Ok(MaskName::Spans),
        ("frames", _) => Ok(MaskName::Frames),
        (_, Some(("sliding", width))) => Ok(MaskName::Ready(Mask::Sliding(width))),
        (_, Some(("prefix", width))) => Ok(MaskName::Ready(Mask::Prefix(width))),
        _ => Err(format!("`{text}` is no mask: expected full, causal, sliding:N, prefix:N, spans, frames or stored")),
    }
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
        dtype: arguments.dtype.dtype(),
        seed: arguments.seed,
    };
    if arguments.queries_keys {
        return write_queries(arguments, synthetic, quiet);
    }
    if let Some(count) = arguments.count {
        return write_many(&SyntheticDataset { each: synthetic, count }, &arguments.output, quiet);
    }
    let (tokens, path) = (synthetic.tokens(), &arguments.output);
    write_one(path, tokens, synthetic.bytes(), quiet, |on_bytes| synthetic.write(path, on_bytes))
}

fn write_queries(arguments: &Arguments, each: Synthetic, quiet: bool) -> Result<()> {
    let key_heads = arguments.key_heads.unwrap_or(each.heads);
    let (frames, head_dim) = (arguments.frames, arguments.head_dim);
    let log_sum_exp = arguments.log_sum_exp;
    let mut synthetic = SyntheticQueries { each, key_heads, head_dim, masks: Vec::new(), frames, log_sum_exp };
    let spans = (0..frames).map(|frame| synthetic.frame_tokens(frame));
    let (first, last) = (synthetic.frame_tokens(0).start, synthetic.frame_tokens(frames - 1).end);
    let around = |spans: Vec<Range<usize>>| {
        std::iter::once(0..first).chain(spans).chain(std::iter::once(last..synthetic.tokens())).collect()
    };
    let mask = |name: &MaskName| match name {
        MaskName::Ready(mask) => mask.clone(),
        MaskName::Spans => Mask::Spans(around(spans.clone().collect())),
        MaskName::Frames => Mask::CausalBut(spans.clone().collect()),
    };
    synthetic.masks = arguments.mask.iter().map(mask).collect();
    let (tokens, path) = (synthetic.tokens(), &arguments.output);
    write_one(path, tokens, synthetic.bytes(), quiet, |on_bytes| synthetic.write(path, on_bytes))
}

/// Writes under a progress bar, and says what was written.
fn write_one(
    path: &Path,
    tokens: usize,
    bytes: Option<u64>,
    quiet: bool,
    write: impl FnOnce(&mut dyn FnMut(u64)) -> Result<(), TraceError>,
) -> Result<()> {
    let bytes = bytes.unwrap_or(u64::MAX);
    let bar = progress::byte_bar(quiet, bytes, "writing");
    let written = write(&mut |bytes| bar.inc(bytes));
    bar.finish_and_clear();
    written?;
    if !quiet {
        terminal::print(format_args!("{}: {tokens} tokens, {}", path.display(), HumanBytes(bytes)))?;
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
