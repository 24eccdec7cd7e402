//! `vlscope tokens`: the hidden states of all tokens of an indexed dataset as a picture, or the nearest to one of them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use glam::Vec2;
use serde::Serialize;

use super::adapter::AdapterArguments;
use super::drawing::{PageArguments, write_drawing};
use super::examples::{filtered, open};
use super::table::{FormatArguments, Number, exact, print_json, print_rows, short};
use super::terminal;
use crate::analysis::neighbours::Metric;
use crate::dataset::Dataset;
use crate::dataset::tokens::{NearToken, NearestOptions, TokenAtlas, TokenKey, nearest, states};
use crate::export::Format;
use crate::render::Fonts;
use crate::trace::{Document, Hidden, Trace};
use crate::typed::parse_size;
use crate::view::{CloudInputs, TokenCloud, draw_token_cloud, token_names};
use crate::view::{PaintedTokens, TokenColor};

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
    #[arg(long, value_enum, default_value_t)]
    color: TokenColor,
    /// Show the tokens of the examples that this filter keeps, as in `vlscope examples`.
    #[arg(
        long,
        value_name = "FILTER",
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true,
        conflicts_with = "nearest"
    )]
    filter: String,
    /// Where the picture goes (.png, .svg, .pdf).
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
    /// Read the states of all tokens from their traces, however many there are.
    #[arg(long, requires = "nearest")]
    exact: bool,
    /// cosine or euclidean.
    #[arg(long, value_enum, default_value_t, requires = "nearest")]
    metric: Metric,
    #[command(flatten)]
    format: FormatArguments,
    /// Width and height in logical pixels.
    #[arg(long, value_name = "WxH", value_parser = parse_size, default_value = "1000x760")]
    size: [f32; 2],
    #[command(flatten)]
    page: PageArguments,
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
    /// Traces that are no longer as they were indexed, and were left out.
    unread: usize,
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
    let dataset = open(&arguments.dir, arguments.index_dir.as_deref())?;
    match (&arguments.nearest, &arguments.output) {
        (Some(token), _) => print_nearest(arguments, &dataset, token),
        (None, Some(_)) if arguments.format.csv || arguments.format.json => {
            bail!("--csv and --json print the tokens of --nearest; a picture has no numbers")
        }
        (None, Some(output)) => draw(arguments, &dataset, output, quiet),
        (None, None) => bail!("either -o or --nearest is needed"),
    }
}

/// The state that was asked for, or the last that the index and the example have (any example, if it is none in particular).
fn state_of(arguments: &Arguments, dataset: &Dataset, states_of_example: Option<usize>) -> Result<usize> {
    if let Some(state) = arguments.state {
        return Ok(state);
    }
    let index = dataset.index().context("the dataset has no index")?;
    let is_there = |state: &usize| states_of_example.is_none_or(|count| *state < count);
    states(index)?.into_iter().rev().find(is_there).with_context(|| {
        let (folder, dir) = (index.folder().display(), arguments.dir.display());
        format!("the index {folder} holds no hidden state of it: `vlscope index {dir} --hidden-states all`")
    })
}

fn draw(arguments: &Arguments, dataset: &Dataset, output: &Path, quiet: bool) -> Result<()> {
    let state = state_of(arguments, dataset, None)?;
    let index = dataset.index().context("the dataset has no index")?;
    let rows = filtered(dataset, &arguments.filter)?;
    let format = Format::of(output)?;
    ensure!(format.is_drawing(), "the tokens are drawn as .png, .svg or .pdf: {}", output.display());
    let bar = super::progress::bar(quiet, 1000, "projecting");
    let atlas = TokenAtlas::open(index, state, &mut |share| {
        bar.set_position((share * 1000.0) as u64);
        true
    })?;
    bar.finish_and_clear();
    if let Some(why) = &atlas.unkept {
        terminal::warn(format_args!("the projection is not kept: {why}"));
    }
    let options = arguments.page.options();
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
    write_drawing(&drawing, arguments.page.scale, output, format, &arguments.adapter)
}

fn print_nearest(arguments: &Arguments, dataset: &Dataset, token: &str) -> Result<()> {
    let (example, position) = token.rsplit_once(':').context("--nearest takes EXAMPLE:POSITION, such as test/17:4")?;
    let position = position.parse().with_context(|| format!("`{position}` is no place in a sequence"))?;
    let row = row_of(dataset, example)?;
    let (key, path) = (dataset.table.keys()[row], dataset.table.path(row));
    let trace = Trace::open(&path)?;
    let document = trace.document();
    let name = |hidden: &Hidden| document.sequences[hidden.sequence].name.as_str();
    let is_wanted = |hidden: &&Hidden| arguments.sequence.as_deref().is_none_or(|wanted| name(hidden) == wanted);
    let hidden = document.hidden.iter().find(is_wanted).with_context(|| match &arguments.sequence {
        Some(wanted) => format!("no sequence `{wanted}` has hidden states: {}", path.display()),
        None => format!("the trace holds no hidden states: {}", path.display()),
    })?;
    let state = state_of(arguments, dataset, Some(hidden.states))?;
    let token = TokenKey { example: key, sequence: name(hidden).to_owned(), position };
    let mut options = NearestOptions { count: arguments.count, metric: arguments.metric, ..NearestOptions::default() };
    if arguments.exact {
        options.exact_up_to = usize::MAX;
    }
    let found = nearest(dataset, state, &token, options, &|| true)?;
    if let Some(first) = found.unread.first() {
        let (count, dir) = (found.unread.len(), arguments.dir.display());
        let why = format!("{count} traces are no longer as they were indexed, the first of them {}", first.display());
        terminal::warn(format_args!("{why}; `vlscope index {dir}` brings the index up to date"));
    }
    let row = |near: &NearToken| -> Result<Row> {
        Ok(Row {
            path: dataset.table.value("path", near.row).text().into_owned(),
            sequence: near.key.sequence.clone(),
            position: near.key.position,
            token: name_in(Trace::open(&dataset.table.path(near.row))?.document(), &near.key),
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
            token: name_in(document, &token),
            state,
            metric: arguments.metric.name(),
            scanned: found.scanned,
            exact: found.is_exact,
            unread: found.unread.len(),
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
    let rows: Vec<_> = same.iter().chain(&other).map(cells).collect();
    let how = if found.is_exact { "all by their states" } else { "about: candidates by their states, --exact for all" };
    if !arguments.format.csv {
        let name = name_in(document, &token);
        let what = format!("{name}, token {position} of `{}` in {}", token.sequence, path.display());
        terminal::print(format_args!("{what}\nhidden state {state}, of {} tokens, {how}\n", found.scanned))?;
    } else if !found.is_exact {
        terminal::warn(format_args!("of {} tokens, {how}", found.scanned));
    }
    print_rows(arguments.format.csv, &header, &rows)
}

/// The example of that path, or else of that id.
fn row_of(dataset: &Dataset, example: &str) -> Result<usize> {
    let rows_with = |name: &str| -> Vec<usize> {
        (0..dataset.table.len()).filter(|&row| dataset.table.value(name, row).text() == example).collect()
    };
    let found = [rows_with("path"), rows_with("id")].into_iter().find(|rows| !rows.is_empty());
    match found.as_deref() {
        Some(&[row]) => Ok(row),
        Some(rows) => {
            const NAMED: usize = 5;
            let paths: Vec<_> = rows.iter().take(NAMED).map(|&row| dataset.table.value("path", row).text()).collect();
            bail!("{} examples have the id `{example}`, name one by its path: {}", rows.len(), paths.join(", "))
        }
        None => bail!("no example has the id or path `{example}`"),
    }
}

/// The word or the patch.
fn name_in(document: &Document, key: &TokenKey) -> String {
    let sequence = document.sequences.iter().find(|sequence| sequence.name == key.sequence);
    let names = sequence.map(|sequence| token_names(&sequence.tokens)).unwrap_or_default();
    names.get(key.position).cloned().unwrap_or_else(|| "?".to_owned())
}
