//! `vlscope figure`: several views as one figure for a paper.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser};
use glam::Vec2;

use super::adapter::AdapterArguments;
use super::drawing::write_drawing;
use super::render::check_state;
use super::shown::ShownArguments;
use super::stats::engine;
use crate::export::{Figure, FigurePanel, Format};
use crate::query::{OpenTrace, Solver};
use crate::render::Fonts;
use crate::typed::{parse_scale, parse_size};
use crate::view::{Caption, Theme, View};

const EXAMPLES: &str = "Examples:
  vlscope figure trace.safetensors --panel 'image --layer 5 --head 4' --panel 'image --layer 2 --head 1' -o figure.pdf
  vlscope figure trace.safetensors --panel 'heads --statistic entropy' --panel 'matrix --layer 3 --head 1' \\
      --panel 'text --layer 3 --head 1' --columns 3 --caption auto -o figure.svg
  vlscope figure a.safetensors --panel 'image --token 0' --panel 'image --token 0 --trace b.safetensors' \\
      --common-scale -o figure.png

A panel is a view and the options of `vlscope render` that say what it shows and how; --size is its room, of which the empty edges are
cut off.";

/// The room of a panel that names none, in logical pixels.
const PANEL: [f32; 2] = [420.0, 340.0];

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The trace of all panels that name no other.
    trace: PathBuf,
    /// A panel: a view, and options of `vlscope render` behind it; --trace FILE for one of another trace. May be repeated: they go
    /// from left to right and then down.
    #[arg(long = "panel", value_name = "VIEW OPTIONS", required = true, value_parser = parse_panel)]
    panels: Vec<Panel>,
    /// Panels in a row; 2 if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=99))]
    columns: Option<u16>,
    /// Leave the letters a, b, c beside the panels out.
    #[arg(long)]
    no_letters: bool,
    /// Show the weights of all panels in the same colours, with one colour bar for all panels of a kind.
    #[arg(long)]
    common_scale: bool,
    /// Words beneath the figure; `auto` says of each panel what it shows.
    #[arg(long, value_name = "TEXT|auto")]
    caption: Option<Caption>,
    /// paper for print, dark for slides, light as the window is by day.
    #[arg(long, value_enum, default_value = "paper")]
    theme: Theme,
    /// Where it goes (.png, .svg, .pdf).
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Pixels of a .png per logical pixel.
    #[arg(long, default_value_t = 1.0, value_parser = parse_scale)]
    scale: f32,
    #[command(flatten)]
    adapter: AdapterArguments,
}

/// One panel as it is typed.
#[derive(Parser, Clone, Debug)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Panel {
    #[arg(value_parser = PossibleValuesParser::new(View::all().map(View::name)).try_map(|name| name.parse::<View>()))]
    view: View,
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    #[arg(long, value_name = "WxH", value_parser = parse_size)]
    size: Option<[f32; 2]>,
    #[command(flatten)]
    shown: ShownArguments,
}

fn parse_panel(text: &str) -> Result<Panel, String> {
    let words = shlex::split(text).ok_or("a quotation mark is not closed")?;
    let of_figure = |word: &&String| ["--theme", "--caption"].contains(&word.split('=').next().unwrap_or_default());
    if let Some(word) = words.iter().find(of_figure) {
        return Err(format!("{word} is of the whole figure, not of a panel"));
    }
    Panel::try_parse_from(words).map_err(|error| {
        let said = error.to_string();
        said.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
    })
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let format = Format::of(&arguments.output)?;
    ensure!(format.is_drawing(), "a figure is drawn as .png, .svg or .pdf: {}", arguments.output.display());
    let panels = (0..arguments.panels.len()).map(|place| arguments.panel(place)).collect::<Result<Vec<_>>>()?;
    let solver = Solver::new(engine(&arguments.adapter)?);
    let drawing = arguments.figure().draw(&panels, &solver, &mut Fonts::new())?;
    write_drawing(&drawing, arguments.scale, &arguments.output, format, &arguments.adapter)
}

impl Arguments {
    /// How the panels become one.
    pub(super) fn figure(&self) -> Figure {
        Figure {
            columns: self.columns.map_or(Figure::default().columns, usize::from),
            letters: !self.no_letters,
            common_scale: self.common_scale,
            caption: self.caption.clone(),
            theme: self.theme,
        }
    }

    /// What a panel shows, which its trace has.
    pub(super) fn panel(&self, place: usize) -> Result<FigurePanel> {
        let panel = &self.panels[place];
        let path = panel.trace.as_ref().unwrap_or(&self.trace);
        let of_panel = || -> Result<FigurePanel> {
            let open = OpenTrace::open(path)?;
            let state = panel.shown.view_state(&open, Some(path.clone()), Some(panel.view))?;
            check_state(&open, &state.selection, state.options.hidden_state)?;
            Ok(FigurePanel { state, size: Vec2::from(panel.size.unwrap_or(PANEL)) })
        };
        of_panel().with_context(|| format!("panel {}", place + 1))
    }
}
