//! `vlscope compare`: two traces side by side, and what is different, as a picture or as numbers.

use std::borrow::Cow;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use anyhow::{Result, bail};
use clap::Args;
use glam::Vec2;
use serde::Serialize;

use super::adapter::AdapterArguments;
use super::drawing::{PageArguments, write_drawing};
use super::selection::{SelectionArguments, SelectionReport};
use super::statistic::statistic_of;
use super::stats::engine;
use super::table::{FormatArguments, Number, exact, print_json, print_rows, short};
use super::terminal;
use crate::export::Format;
use crate::query::{OpenTrace, Results, Solver};
use crate::render::Fonts;
use crate::typed::{parse_range, parse_size};
use crate::view::{
    CompareView, ComparedHeads, ComparedTokens, Inputs, Options, compared_image, compared_text, draw_comparison,
};
use crate::view::{comparison_needs, partner};

const EXAMPLES: &str = "Examples:
  vlscope compare a.safetensors b.safetensors --view heads -o heads.png
  vlscope compare base.safetensors tuned.safetensors --view image --layer 3 --token 0 --size 1280x480 -o image.svg
  vlscope compare a.safetensors b.safetensors --view text --join-pieces --theme dark -o text.png
  vlscope compare a.safetensors b.safetensors --view heads --statistic entropy --csv > entropy.csv";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The trace that the selection is of.
    a: PathBuf,
    /// The trace that it is compared with: another example, or the same one through another model.
    b: PathBuf,
    /// heads, image or text.
    #[arg(long, value_enum, value_name = "heads|image|text")]
    view: CompareView,
    /// Where the picture goes (.png, .svg, .pdf).
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArguments,
    #[command(flatten)]
    selection: SelectionArguments,
    /// The statistic of the heads; `vlscope stats` lists them. How much text looks at the image, or another mass that the tokens of
    /// A have, if not given.
    #[arg(long, value_name = "NAME")]
    statistic: Option<String>,
    /// Count special tokens in vlscope's own statistics.
    #[arg(long)]
    specials: bool,
    /// Compare whole words, with the sum of the weights of their pieces.
    #[arg(long)]
    join_pieces: bool,
    /// The values at the ends of the colours of A's and B's weights, for example 0:0.2; 0 and the larger peak if not given.
    #[arg(long, value_name = "LOW:HIGH", value_parser = parse_range, allow_hyphen_values = true)]
    range: Option<[f32; 2]>,
    /// Width and height in logical pixels.
    #[arg(long, value_name = "WxH", value_parser = parse_size, default_value = "1080x480")]
    size: [f32; 2],
    #[command(flatten)]
    page: PageArguments,
    #[command(flatten)]
    adapter: AdapterArguments,
}

#[derive(Serialize)]
struct Report<'a> {
    view: &'static str,
    a: Side<'a>,
    b: Side<'a>,
    /// What is compared: a statistic, or what the weights are.
    quantity: &'a str,
    selection: SelectionReport<'a>,
    values: Vec<Row>,
    /// What has no partner.
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Side<'a> {
    id: Option<&'a str>,
    model: Option<&'a str>,
    prediction: Option<&'a serde_json::Value>,
    correct: Option<&'a serde_json::Value>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Row {
    Head { layer: usize, head: usize, a: Number, b: Number, difference: Number },
    Tokens { token: String, a_positions: Vec<usize>, b_positions: Vec<usize>, a: Number, b: Number, difference: Number },
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let format = arguments.output.as_deref().map(Format::of).transpose()?;
    if let (Some(output), Some(format)) = (&arguments.output, format)
        && !format.is_drawing()
    {
        bail!(
            "two traces are drawn as .png, .svg or .pdf, and --csv or --json print their numbers: {}",
            output.display()
        );
    }
    let (a, b) = (OpenTrace::open(&arguments.a)?, OpenTrace::open(&arguments.b)?);
    let selection = arguments.selection.resolve(&a.trace)?;
    let statistic = statistic_of(a.document(), selection.block, arguments.statistic.as_deref())?;
    let partner = partner(a.document(), &b, &selection);
    let options = Options {
        statistic,
        specials: arguments.specials,
        join_pieces: arguments.join_pieces,
        range: arguments.range,
        ..arguments.page.options()
    };
    let solver = Solver::new(engine(&arguments.adapter)?);
    let (nothing, stop, size) = (Results::default(), AtomicBool::new(false), Vec2::from(arguments.size));
    let of_a = Inputs::new(&a, &selection, &options, &nothing, size);
    let of_b =
        Inputs { refusal: partner.lacks.as_deref(), ..Inputs::new(&b, &partner.selection, &options, &nothing, size) };
    let results_a = solver.results(&a, &comparison_needs(arguments.view, &of_a), &stop)?;
    let results_b = solver.results(&b, &comparison_needs(arguments.view, &of_b), &stop)?;
    let (of_a, of_b) = (Inputs { results: &results_a, ..of_a }, Inputs { results: &results_b, ..of_b });
    if let (Some(output), Some(format)) = (&arguments.output, format) {
        let drawing = draw_comparison(arguments.view, &of_a, &of_b, &mut Fonts::new()).drawing;
        write_drawing(&drawing, arguments.page.scale, output, format, &arguments.adapter)?;
        if !(arguments.format.json || arguments.format.csv) {
            return Ok(());
        }
    }
    print(arguments, &a, &of_a, &of_b)
}

/// What is compared, as numbers.
fn print(arguments: &Arguments, open: &OpenTrace, a: &Inputs<'_>, b: &Inputs<'_>) -> Result<()> {
    let mut notes: Vec<String> = b.refusal.map(str::to_owned).into_iter().collect();
    let values = match arguments.view {
        CompareView::Heads => {
            let compared = ComparedHeads::of_inputs(a, b);
            notes.extend_from_slice(&compared.notes);
            head_rows(&compared)
        }
        CompareView::Image => {
            let mut rows = Vec::new();
            for image in 0..a.document.images {
                let found = compared_image(a, b, image);
                rows.extend(found.patches.iter().map(token_row));
                notes.extend(found.note.map(|note| format!("image {image}: {note}")));
            }
            rows
        }
        CompareView::Text => compared_text(a, b).iter().map(token_row).collect(),
    };
    if arguments.format.json {
        let quantity: Cow<'_, str> = match arguments.view {
            CompareView::Heads => a.options.statistic.as_str().into(),
            CompareView::Image | CompareView::Text => a.shown.weights.quantity(),
        };
        let selection = SelectionReport::new(&open.trace, a.selection);
        let view = arguments.view.name();
        return print_json(&Report { view, a: side(a), b: side(b), quantity: &quantity, selection, values, notes });
    }
    for note in notes {
        terminal::warn(note);
    }
    let number = if arguments.format.csv { exact } else { short };
    let places = |places: &[usize]| places.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
    let cells = |row: &Row| match row {
        Row::Head { layer, head, a, b, difference } => {
            let place = [layer.to_string(), head.to_string()];
            place.into_iter().chain([a, b, difference].map(|value| number(value.0))).collect::<Vec<_>>()
        }
        Row::Tokens { token, a_positions, b_positions, a, b, difference } => {
            let place = [token.clone(), places(a_positions), places(b_positions)];
            place.into_iter().chain([a, b, difference].map(|value| number(value.0))).collect()
        }
    };
    let header: &[&str] = match arguments.view {
        CompareView::Heads => &["layer", "head", "a", "b", "difference"],
        CompareView::Image | CompareView::Text => &["token", "a_positions", "b_positions", "a", "b", "difference"],
    };
    print_rows(arguments.format.csv, header, &values.iter().map(cells).collect::<Vec<_>>())
}

fn side<'a>(inputs: &Inputs<'a>) -> Side<'a> {
    let document = inputs.document;
    Side {
        id: document.id.as_deref(),
        model: document.model.get("name").and_then(serde_json::Value::as_str),
        prediction: document.outputs.get("prediction"),
        correct: document.outputs.get("correct"),
    }
}

fn head_rows(compared: &ComparedHeads) -> Vec<Row> {
    let values = compared.a.iter().zip(&compared.b).enumerate();
    values
        .map(|(place, (&a, &b))| Row::Head {
            layer: compared.layers[place / compared.heads],
            head: place % compared.heads,
            a: Number(a),
            b: Number(b),
            difference: Number(a - b),
        })
        .collect()
}

fn token_row(tokens: &ComparedTokens) -> Row {
    let positions = |tokens: &Range<usize>| tokens.clone().collect();
    Row::Tokens {
        token: tokens.name.clone(),
        a_positions: positions(&tokens.a),
        b_positions: positions(&tokens.b),
        a: Number(tokens.values[0]),
        b: Number(tokens.values[1]),
        difference: Number(tokens.difference()),
    }
}
