//! `vlscope atlas`: one statistic of all heads over the examples of a dataset, or the difference of two groups of them.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use clap::Args;
use glam::Vec2;
use serde::Serialize;

use super::adapter::AdapterArguments;
use super::drawing::{PageArguments, write_drawing};
use super::examples::open;
use super::table::{FormatArguments, Number, exact, print_json, print_rows, short};
use super::{progress, terminal};
use crate::dataset::Dataset;
use crate::export::Format;
use crate::query::{Atlas, AtlasError, AtlasQuestion, AtlasValue, PERMUTATIONS, Results};
use crate::render::Fonts;
use crate::trace::{NAME_LETTERS, shortened};
use crate::typed::parse_size;
use crate::view::{Inputs, draw_grid};

const EXAMPLES: &str = "Examples:
  vlscope atlas traces/ --statistic entropy
  vlscope atlas traces/ --statistic mass.text.image --filter is:right --against is:wrong -o difference.png
  vlscope atlas traces/ --statistic sink --filter question_type=color --against question_type=shape --value effect --csv
  vlscope atlas traces/ --statistic max --extremes 3.1

With --against, a head's difference is given as Cohen's d and with a p-value of a permutation test that is corrected for the
number of heads by the max-T method of Westfall and Young; heads with p < 0.05 are marked. Filters are those of `vlscope examples`;
an example that both keep is in neither group.";

/// Examples at either end of `--extremes`.
const EXTREMES: usize = 10;

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The dataset: a folder with an index.
    dir: PathBuf,
    /// The statistic, as `vlscope stats` names it, or a metric of the traces.
    #[arg(long, value_name = "NAME")]
    statistic: String,
    /// The attention block; the first one if not given.
    #[arg(long, value_name = "NAME")]
    block: Option<String>,
    /// Which examples; all if not given.
    #[arg(long, value_name = "QUERY", default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    filter: String,
    /// A second group, with which the first is compared.
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    against: Option<String>,
    /// mean, deviation, min, max; with --against also difference, effect, p. Mean, or difference, if not given.
    #[arg(long, value_enum)]
    value: Option<AtlasValue>,
    /// How often the examples are dealt to the groups anew; 0 for no p-values.
    #[arg(long, value_name = "N", default_value_t = PERMUTATIONS)]
    permutations: u32,
    /// List the examples with the highest and the lowest values of one head.
    #[arg(long, value_name = "LAYER.HEAD", value_parser = parse_head)]
    extremes: Option<(usize, usize)>,
    /// A picture of it: .png, .svg or .pdf.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Width and height of the picture in logical pixels.
    #[arg(long, value_name = "WxH", value_parser = parse_size, default_value = "900x640")]
    size: [f32; 2],
    #[command(flatten)]
    page: PageArguments,
    /// The folder of the index, instead of `.vlscope` in the dataset.
    #[arg(long, value_name = "DIR")]
    index_dir: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArguments,
    #[command(flatten)]
    adapter: AdapterArguments,
}

#[derive(Serialize)]
struct Report<'a> {
    statistic: &'a str,
    unit: &'static str,
    block: &'a str,
    layers: usize,
    heads: usize,
    /// Examples of the dataset.
    of: usize,
    filter: &'a str,
    /// Of group A.
    count: usize,
    against: Option<&'a str>,
    /// Of group B.
    count_against: Option<usize>,
    /// In neither group, since both filters keep them.
    in_both: usize,
    permutations: Option<u32>,
    /// `[heads]`, layer by layer.
    values: Vec<HeadReport>,
}

#[derive(Serialize)]
struct HeadReport {
    layer: usize,
    head: usize,
    count: u32,
    mean: Number,
    deviation: Number,
    min: Number,
    max: Number,
    #[serde(flatten)]
    compared: Option<Compared>,
}

#[derive(Serialize)]
struct Compared {
    count_against: u32,
    mean_against: Number,
    difference: Number,
    effect: Number,
    p: Number,
}

#[derive(Serialize)]
struct Extreme<'a> {
    end: &'static str,
    rank: usize,
    value: Number,
    path: std::borrow::Cow<'a, str>,
    id: std::borrow::Cow<'a, str>,
    text: std::borrow::Cow<'a, str>,
}

pub fn run(arguments: &Arguments, quiet: bool) -> Result<()> {
    let default = if arguments.against.is_some() { AtlasValue::Difference } else { AtlasValue::Mean };
    let value = arguments.value.unwrap_or(default);
    ensure!(
        arguments.against.is_some() || !value.compares(),
        "--value {} is of two groups: --against says which is the second",
        value.name()
    );
    let dataset = open(&arguments.dir, arguments.index_dir.as_deref())?;
    let question = AtlasQuestion {
        statistic: arguments.statistic.clone(),
        block: arguments.block.clone(),
        a: arguments.filter.clone(),
        b: arguments.against.clone(),
        picked: None,
        permutations: arguments.permutations,
    };
    let bar = match question.b {
        Some(_) => progress::bar(quiet, u64::from(question.permutations), "permutations"),
        None => progress::bar(true, 0, ""),
    };
    let goes_on = || {
        bar.inc(1);
        true
    };
    let atlas = Atlas::of(&dataset, &question, &goes_on);
    bar.finish_and_clear();
    let atlas = atlas.map_err(|error| pointing(error, &question))?;
    if let Some(path) = &arguments.output {
        draw(arguments, &atlas, value, path)?;
    }
    match arguments.extremes {
        Some((layer, head)) => print_extremes(&dataset, &atlas, layer, head, arguments.format),
        None if arguments.format.json => print_json(&report(&atlas)),
        None if arguments.format.csv => print_list(&atlas),
        None if arguments.output.is_some() => Ok(()),
        None => print_grid(&atlas, value),
    }
}

fn pointing(error: AtlasError, question: &AtlasQuestion) -> anyhow::Error {
    match (error, &question.b) {
        (AtlasError::A(error), _) => anyhow::anyhow!("--filter: {}", error.pointing(&question.a)),
        (AtlasError::B(error), Some(b)) => anyhow::anyhow!("--against: {}", error.pointing(b)),
        (other, _) => other.into(),
    }
}

fn draw(arguments: &Arguments, atlas: &Atlas, value: AtlasValue, path: &std::path::Path) -> Result<()> {
    let format = Format::of(path)?;
    if !format.is_drawing() {
        bail!(
            "the atlas is drawn as .png, .svg or .pdf, its numbers are printed by --csv and --json: {}",
            path.display()
        );
    }
    let (document, selection) = (atlas.document(), atlas.selection(None));
    let options = arguments.page.options();
    let inputs = Inputs {
        document: &document,
        images: &[],
        heads: &[],
        selection: &selection,
        shown: &selection,
        hover: None,
        options: &options,
        results: &Results::default(),
        refusal: None,
        moving: None,
        size: Vec2::from(arguments.size),
    };
    let drawing = draw_grid(&atlas.shown(value), &inputs, &mut Fonts::new()).drawing;
    write_drawing(&drawing, arguments.page.scale, path, format, &arguments.adapter)
}

fn head_reports(atlas: &Atlas) -> Vec<HeadReport> {
    let numbers = AtlasValue::ALL.map(|value| atlas.numbers(value));
    let counts = atlas.counts();
    let grid = &atlas.grid;
    let head = |cell: usize| {
        let number = |value: AtlasValue| Number(numbers[value as usize][cell]);
        HeadReport {
            layer: grid.layer_number(cell / grid.heads),
            head: cell % grid.heads,
            count: counts[cell],
            mean: number(AtlasValue::Mean),
            deviation: number(AtlasValue::Deviation),
            min: number(AtlasValue::Minimum),
            max: number(AtlasValue::Maximum),
            compared: atlas.difference.as_ref().map(|found| Compared {
                count_against: found.b.count[cell],
                mean_against: Number(found.b.mean[cell]),
                difference: number(AtlasValue::Difference),
                effect: number(AtlasValue::Effect),
                p: number(AtlasValue::P),
            }),
        }
    };
    (0..grid.layers() * grid.heads).map(head).collect()
}

fn report(atlas: &Atlas) -> Report<'_> {
    let is_compared = atlas.difference.is_some();
    Report {
        statistic: &atlas.question.statistic,
        unit: atlas.statistic().1,
        block: &atlas.grid.block,
        layers: atlas.grid.layers(),
        heads: atlas.grid.heads,
        of: atlas.examples,
        filter: &atlas.question.a,
        count: atlas.a.len(),
        against: atlas.question.b.as_deref(),
        count_against: is_compared.then_some(atlas.b.len()),
        in_both: atlas.in_both,
        permutations: atlas.difference.as_ref().map(|found| found.permutations),
        values: head_reports(atlas),
    }
}

fn print_list(atlas: &Atlas) -> Result<()> {
    let mut header = vec!["block", "layer", "head", "count", "mean", "deviation", "min", "max"];
    if atlas.difference.is_some() {
        header.extend(["count_against", "mean_against", "difference", "effect", "p"]);
    }
    let row = |found: HeadReport| {
        let mut row = vec![atlas.grid.block.clone(), found.layer.to_string(), found.head.to_string()];
        row.push(found.count.to_string());
        row.extend([found.mean, found.deviation, found.min, found.max].map(|number| exact(number.0)));
        if let Some(compared) = found.compared {
            row.push(compared.count_against.to_string());
            let numbers = [compared.mean_against, compared.difference, compared.effect, compared.p];
            row.extend(numbers.map(|number| exact(number.0)));
        }
        row
    };
    print_rows(true, &header, &head_reports(atlas).into_iter().map(row).collect::<Vec<_>>())
}

/// Layers × heads of one value; heads with a small p-value get a star.
fn print_grid(atlas: &Atlas, value: AtlasValue) -> Result<()> {
    let shown = atlas.shown(value);
    let unit =
        if shown.unit.is_empty() { String::new() } else { format!(" ({})", shown.unit.replace("a dot", "a star")) };
    let block = shortened(&atlas.grid.block, NAME_LETTERS);
    terminal::print(format_args!("{block} · {}{unit}\n{}\n", shown.label, atlas.groups()))?;
    let heads = (0..shown.heads).map(|head| format!("head {head}"));
    let header: Vec<String> = ["layer".to_owned()].into_iter().chain(heads).collect();
    let row = |layer: usize| {
        let cells = layer * shown.heads..(layer + 1) * shown.heads;
        let cell = |cell: usize| {
            let star = if shown.marked.get(cell) == Some(&true) { "*" } else { "" };
            format!("{}{star}", short(shown.values[cell]))
        };
        [shown.layer_number(layer).to_string()].into_iter().chain(cells.map(cell)).collect()
    };
    let rows: Vec<Vec<String>> = (0..shown.layers).map(row).collect();
    print_rows(false, &header.iter().map(String::as_str).collect::<Vec<_>>(), &rows)?;
    if atlas.in_both > 0 {
        terminal::print(format_args!(
            "\n{} examples are kept by both filters, and are in neither group",
            atlas.in_both
        ))?;
    }
    Ok(())
}

fn print_extremes(dataset: &Dataset, atlas: &Atlas, layer: usize, head: usize, format: FormatArguments) -> Result<()> {
    let grid = &atlas.grid;
    let place = grid.layer_index(layer).filter(|place| grid.cell(*place, head).is_some());
    let Some(layer) = place else {
        bail!("--extremes {layer}.{head}: there are layers {} of {} heads", grid.layers_in_words(), grid.heads);
    };
    let ends = ["highest", "lowest"].into_iter().zip(atlas.extremes(layer, head, EXTREMES));
    let listed = ends.flat_map(|(end, found)| {
        found.into_iter().enumerate().map(move |(rank, (row, value))| {
            let text = |column| dataset.table.value(column, row as usize).text();
            let (path, id, text) = (text("path"), text("id"), text("text"));
            Extreme { end, rank: rank + 1, value: Number(value), path, id, text }
        })
    });
    let listed: Vec<Extreme<'_>> = listed.collect();
    if format.json {
        return print_json(&listed);
    }
    let number = if format.csv { exact } else { short };
    let rows: Vec<Vec<String>> = listed
        .into_iter()
        .map(|found| {
            let place = [found.end.to_owned(), found.rank.to_string(), number(found.value.0)];
            place.into_iter().chain([found.path, found.id, found.text].map(std::borrow::Cow::into_owned)).collect()
        })
        .collect();
    print_rows(format.csv, &["end", "rank", "value", "path", "id", "text"], &rows)
}

fn parse_head(text: &str) -> Result<(usize, usize), String> {
    let place = text.split_once('.').and_then(|(layer, head)| Some((layer.parse().ok()?, head.parse().ok()?)));
    place.ok_or_else(|| format!("`{text}` is no head: expected for example 3.1, for layer 3, head 1"))
}
