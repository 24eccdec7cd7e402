//! `vlscope tokens`: the hidden states of all tokens of an indexed dataset as a picture, or the nearest to one of them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use glam::Vec2;
use serde::Serialize;

use super::adapter::AdapterArguments;
use super::drawing::write_drawing;
use super::embedding::parse_metric;
use super::examples::filtered;
use super::table::{FormatArguments, Number, exact, print_json, print_rows, short};
use super::values::parse_size;
use crate::analysis::neighbours::Metric;
use crate::dataset::Dataset;
use crate::dataset::tokens::{NearToken, NearestOptions, TokenAtlas, TokenKey, nearest, states};
use crate::evidence::{PaintedTokens, TokenColor};
use crate::export::Format;
use crate::render::Fonts;
use crate::scene::{CloudInputs, Options, Theme, TokenCloud, draw_token_cloud, token_names};
use crate::trace::Trace;

const EXAMPLES: &str = "Examples:
  vlscope index traces/
  vlscope tokens traces/ -o tokens.png
  vlscope tokens traces/ --state 12 --color right --theme dark -o tokens.png
  vlscope tokens traces/ --nearest easy-vqa/test/17:4 -n 10
  vlscope tokens traces/ --nearest sub/trace.safetensors:0 --sequence decoder --csv";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The dataset, which `vlscope index` has indexed.
    dir: PathBuf,
    /// The folder of the index, instead of `.vlscope` in the dataset.
    #[arg(long, value_name = "DIR")]
    index_dir: Option<PathBuf>,
    /// Which hidden state, of those that the index holds; the last one if not given.
    #[arg(long, value_name = "N")]
    state: Option<usize>,
    /// What the colour of a token says.
    #[arg(long, value_name = "modality|segment|norm|right", value_parser = |name: &str| name.parse::<TokenColor>().map_err(|error| error.to_string()), default_value = "modality")]
    color: TokenColor,
    /// Show the tokens of the examples that this filter keeps, as in `vlscope examples`.
    #[arg(long, value_name = "FILTER", default_value = "", hide_default_value = true, conflicts_with = "nearest")]
    filter: String,
    /// Where the picture goes (.png, .svg).
    #[arg(long, short, value_name = "FILE", required_unless_present = "nearest")]
    output: Option<PathBuf>,
    /// The tokens nearest to this one: an example by id or path, and a place in its sequence.
    #[arg(long, value_name = "EXAMPLE:POSITION", conflicts_with = "output")]
    nearest: Option<String>,
    /// The sequence of that place, by name; the first one with hidden states if not given.
    #[arg(long, value_name = "NAME", requires = "nearest")]
    sequence: Option<String>,
    /// How many of each modality.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20, requires = "nearest")]
    count: usize,
    /// cosine or euclidean.
    #[arg(long, value_name = "METRIC", value_parser = parse_metric, default_value = "cosine", requires = "nearest")]
    metric: Metric,
    #[command(flatten)]
    format: FormatArguments,
    /// Width and height in logical pixels.
    #[arg(long, value_name = "WxH", value_parser = parse_size, default_value = "1000x760")]
    size: [f32; 2],
    /// Pixels per logical pixel.
    #[arg(long, default_value_t = 1.0)]
    scale: f32,
    /// light for paper, dark for slides.
    #[arg(long, value_name = "dark|light", value_parser = |name: &str| name.parse::<Theme>().map_err(|error| error.to_string()), default_value = "light")]
    theme: Theme,
    #[command(flatten)]
    adapter: AdapterArguments,
}

#[derive(Serialize)]
struct Report<'a> {
    example: &'a str,
    sequence: &'a str,
    position: usize,
    token: String,
    state: usize,
    metric: &'static str,
    /// How many tokens were looked at.
    scanned: usize,
    /// Whether the states of all were read, not only those of candidates.
    exact: bool,
    /// Of the same modality, the nearest first.
    same: Vec<Row>,
    other: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    path: String,
    sequence: String,
    position: usize,
    token: String,
    modality: &'static str,
    distance: Number,
}

pub fn run(arguments: &Arguments, quiet: bool) -> Result<()> {
    let scale = arguments.scale;
    ensure!((0.1..=16.0).contains(&scale), "--scale is {scale}, expected 0.1 to 16 pixels per logical pixel");
    let dataset = Dataset::open(&arguments.dir, arguments.index_dir.as_deref())?;
    let index = dataset.index().context("the dataset has no index")?;
    let known = states(index)?;
    let state = arguments.state.or(known.last().copied());
    let state = state.with_context(|| {
        format!("the index {} holds no hidden states: `vlscope index --hidden-states`", index.folder().display())
    })?;
    match (&arguments.nearest, &arguments.output) {
        (Some(token), _) => print_nearest(arguments, &dataset, state, token),
        (None, Some(output)) => draw(arguments, &dataset, state, output, quiet),
        (None, None) => bail!("either -o or --nearest is needed"),
    }
}

fn draw(arguments: &Arguments, dataset: &Dataset, state: usize, output: &Path, quiet: bool) -> Result<()> {
    let index = dataset.index().context("the dataset has no index")?;
    let rows = filtered(dataset, &arguments.filter)?;
    let format = Format::of(output)?;
    ensure!(matches!(format, Format::Png | Format::Svg), "the tokens are drawn as .png or .svg: {}", output.display());
    let bar = super::progress::bar(quiet, 1000, "projecting");
    let atlas = TokenAtlas::open(index, state, &mut |share| {
        bar.set_position((share * 1000.0) as u64);
        true
    })?;
    bar.finish_and_clear();
    if let Some(why) = &atlas.unkept {
        eprintln!("vlscope: the projection is not kept: {why}");
    }
    let options = Options { theme: arguments.theme, ..Options::default() };
    let painted = PaintedTokens::of(&atlas, dataset, &rows, arguments.color, options.theme);
    let cloud = TokenCloud::new(painted.places, |token| painted.colors[token]);
    let inputs = CloudInputs {
        cloud: &cloud,
        legend: &painted.legend,
        title: &atlas.title(),
        note: &painted.note,
        marked: &[],
        hover: None,
        view: None,
        options: &options,
        size: Vec2::from(arguments.size),
    };
    let drawing = draw_token_cloud(&inputs, &mut Fonts::new()).scene.drawing;
    write_drawing(&drawing, arguments.scale, output, format, &arguments.adapter)
}

fn print_nearest(arguments: &Arguments, dataset: &Dataset, state: usize, token: &str) -> Result<()> {
    let (example, position) = token.rsplit_once(':').context("--nearest takes EXAMPLE:POSITION, such as test/17:4")?;
    let position = position.parse().with_context(|| format!("`{position}` is no place in a sequence"))?;
    let is_it = |row: &usize| ["id", "path"].iter().any(|name| dataset.table.value(name, *row).text() == example);
    let row = (0..dataset.table.len()).find(is_it);
    let row = row.with_context(|| format!("no example has the id or path `{example}`"))?;
    let (key, path) = (dataset.table.keys()[row], dataset.table.path(row));
    let sequence = match &arguments.sequence {
        Some(sequence) => sequence.clone(),
        None => {
            let trace = Trace::open(&path)?;
            let document = trace.document();
            let hidden = document.hidden.first();
            let hidden = hidden.with_context(|| format!("the trace holds no hidden states: {}", path.display()))?;
            document.sequences[hidden.sequence].name.clone()
        }
    };
    let token = TokenKey { example: key, sequence, position };
    let options = NearestOptions { count: arguments.count, metric: arguments.metric, ..NearestOptions::default() };
    let found = nearest(dataset, state, &token, options, &|| true)?;
    let row = |near: &NearToken| -> Result<Row> {
        Ok(Row {
            path: dataset.table.value("path", near.row).text().into_owned(),
            sequence: near.key.sequence.clone(),
            position: near.key.position,
            token: name_of(&dataset.table.path(near.row), &near.key)?,
            modality: if near.is_image { "image" } else { "text" },
            distance: Number(near.distance),
        })
    };
    let same = found.same.iter().map(row).collect::<Result<Vec<_>>>()?;
    let other = found.other.iter().map(row).collect::<Result<Vec<_>>>()?;
    if arguments.format.json {
        return print_json(&Report {
            example,
            sequence: &token.sequence,
            position,
            token: name_of(&path, &token)?,
            state,
            metric: arguments.metric.name(),
            scanned: found.scanned,
            exact: found.is_exact,
            same,
            other,
        });
    }
    let number = if arguments.format.csv { exact } else { short };
    let cells = |row: &Row| {
        let distance = number(row.distance.0);
        let place = [row.path.clone(), row.sequence.clone(), row.position.to_string(), row.token.clone()];
        place.into_iter().chain([row.modality.to_owned(), distance]).collect::<Vec<_>>()
    };
    let header = ["path", "sequence", "position", "token", "modality", "distance"];
    print_rows(arguments.format.csv, &header, &same.iter().chain(&other).map(cells).collect::<Vec<_>>())
}

/// The word or the patch.
fn name_of(path: &Path, key: &TokenKey) -> Result<String> {
    let trace = Trace::open(path)?;
    let document = trace.document();
    let sequence = document.sequences.iter().find(|sequence| sequence.name == key.sequence);
    let names = sequence.map(|sequence| token_names(&sequence.tokens)).unwrap_or_default();
    Ok(names.get(key.position).cloned().unwrap_or_else(|| "?".to_owned()))
}
