//! What is chosen about heads and their statistics: options of `render` and `stats`.

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::analysis::pool::Pooling;
use crate::analysis::statistics::{self, Over};
use crate::trace::Document;
use crate::view::{HeadsOrder, Options};

/// How the views of all heads look.
#[derive(Args, Clone, Debug)]
pub struct HeadsArguments {
    #[command(flatten)]
    z_score: ZScoreArguments,
    /// What the rows and columns of the heads view are sorted by: their numbers, or layers, heads or both by mean.
    #[arg(long, value_enum, default_value_t)]
    sort: HeadsOrder,
    /// Dim the heads of the heads view whose values lie outside.
    #[arg(long, value_name = "LOW,HIGH", value_parser = parse_range, allow_hyphen_values = true)]
    heads_filter: Option<[f32; 2]>,
    /// What a cell of a thumbnail says of its weights.
    #[arg(long, value_enum, default_value_t)]
    pool: Pooling,
    /// Whether the colours of a thumbnail or an overlay end at its own maximum, or at that of all; thumbnails: own,
    /// overlays: shared if not given.
    #[arg(long, value_enum, value_name = "own|shared")]
    head_scale: Option<ScaleName>,
}

/// What statistics are compared with.
#[derive(Args, Clone, Copy, Debug)]
pub struct ZScoreArguments {
    /// Statistics in standard deviations from the mean: of each head over the layers, of each layer over its heads, or
    /// of all.
    #[arg(long, value_enum, default_value_t = ZScoreName::None)]
    z_score: ZScoreName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ZScoreName {
    None,
    Head,
    Layer,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ScaleName {
    Own,
    Shared,
}

impl ZScoreArguments {
    /// Which values are compared with each other.
    pub fn over(self) -> Option<Over> {
        match self.z_score {
            ZScoreName::None => None,
            ZScoreName::Head => Some(Over::Layers),
            ZScoreName::Layer => Some(Over::Heads),
            ZScoreName::All => Some(Over::Everything),
        }
    }
}

impl HeadsArguments {
    /// The options with what was chosen here.
    pub fn apply(&self, options: Options) -> Options {
        let is_own = self.head_scale.map(|scale| scale == ScaleName::Own);
        Options {
            z_score: self.z_score.over(),
            pooling: self.pool,
            heads_order: self.sort,
            heads_filter: self.heads_filter,
            thumbnails_own_scale: is_own.unwrap_or(options.thumbnails_own_scale),
            overlays_own_scale: is_own.unwrap_or(options.overlays_own_scale),
            ..options
        }
    }
}

/// The statistic of a block that is called so, or the metric that has this name or title; without a name the one that the block
/// is first shown by.
///
/// # Errors
/// If there is none; the message lists what there is.
pub fn statistic_of(document: &Document, block: usize, name: Option<&str>) -> Result<String> {
    let Some(name) = name else { return Ok(statistics::first_choice(document, block).to_owned()) };
    if statistics::statistic(name).is_some() {
        return Ok(name.to_owned());
    }
    let mut metrics = statistics::metric_names(document, block);
    if let Some((metric, _)) = metrics.find(|(metric, title)| metric == name || *title == name) {
        return Ok(metric);
    }
    let metrics = statistics::metric_names(document, block).map(|(metric, title)| format!("{metric} ({title})"));
    let all: Vec<String> = statistics::TABLE.iter().map(|entry| entry.name.to_owned()).chain(metrics).collect();
    bail!("no statistic is called `{name}`: there are {}", all.join(", "))
}

fn parse_range(text: &str) -> Result<[f32; 2], String> {
    let ends = text.split_once(',').and_then(|(low, high)| Some([low.parse().ok()?, high.parse().ok()?]));
    let sound = ends.filter(|[low, high]: &[f32; 2]| low <= high);
    sound.ok_or_else(|| format!("`{text}` is no range: expected for example 0.2,0.8"))
}
