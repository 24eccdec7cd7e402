//! `vlscope render`: one view, or the whole window, as a picture; a view as an animation or as its numbers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use glam::Vec2;

use super::adapter::AdapterArguments;
use super::drawing::CropArguments;
use super::shown::ShownArguments;
use super::stats::engine;
use crate::analysis::Selection;
use crate::app::{Command, Launch, picture_of_window};
use crate::export::{Format, Play, ViewState, write_png, write_view};
use crate::gpu::Gpu;
use crate::headless::Headless;
use crate::query::{OpenTrace, Results, Solver, hidden_state};
use crate::typed::{parse_scale, parse_size};
use crate::view::{Inputs, Options, View, needs, needs_for_numbers};

const EXAMPLES: &str = "Examples:
  vlscope render trace.safetensors --view heads --statistic entropy -o heads.png
  vlscope render trace.safetensors --view image --layer 3 --head mean --token 0 --scale 2 -o image.png
  vlscope render trace.safetensors --view links --min-weight 0.1 --theme dark -o links.png
  vlscope render trace.safetensors --view thumbnails --pool mean --size 1200x1200 -o thumbnails.png
  vlscope render trace.safetensors --view overlays --layer 3 --token 2 -o overlays.png
  vlscope render trace.safetensors --view lattice --token 0 --size 1200x1200 -o lattice.png
  vlscope render trace.safetensors --view pins --pin L5H4 --pin L3H1 --token 2 -o pins.png
  vlscope render trace.safetensors --view window --size 1440x900 -o window.png
  vlscope render trace.safetensors --view matrix --caption auto -o matrix.pdf
  vlscope render trace.safetensors --view matrix --layer 3 --head 1 -o matrix.npy
  vlscope render trace.safetensors --view image --play layers --fps 2 -o layers.gif
  vlscope render --state view.json --theme dark -o dark.png";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The trace; that of the state if not given.
    #[arg(required_unless_present = "state_file")]
    pub(super) trace: Option<PathBuf>,
    /// heads, image, text, matrix, links, embedding, thumbnails, overlays, timeline, similarity, lens, lattice, pins, or window for all of them.
    #[arg(long, value_parser = shown(), required_unless_present = "state_file")]
    view: Option<Shown>,
    /// The folder of which the trace is an example: the window lists the others.
    #[arg(long, value_name = "DIR")]
    dataset: Option<PathBuf>,
    /// Of the window: the views in front of those that they share their places with, with commas between them.
    #[arg(long, value_name = "VIEWS", value_delimiter = ',', value_parser = |name: &str| name.parse::<View>().map_err(|error| error.to_string()))]
    front: Vec<View>,
    /// Where it goes: a picture (.png, .svg, .pdf), the numbers behind the view (.csv, .json, .npy); with --play .gif, or a
    /// folder of pictures.
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: PathBuf,
    /// What the window saved with Ctrl+S; options that are given as well come before it.
    #[arg(long = "state", value_name = "FILE")]
    pub(super) state_file: Option<PathBuf>,
    #[command(flatten)]
    shown: ShownArguments,
    /// Width and height in logical pixels, of which the empty edges are cut off.
    #[arg(long, value_name = "WxH", value_parser = parse_size, default_value = "900x640")]
    pub(super) size: [f32; 2],
    #[command(flatten)]
    crop: CropArguments,
    /// Pixels per logical pixel.
    #[arg(long, default_value_t = 1.0, value_parser = parse_scale)]
    pub(super) scale: f32,
    #[command(flatten)]
    pub(super) adapter: AdapterArguments,
    /// Go through all tokens, layers, heads or output tokens: one frame each.
    #[arg(long, value_enum)]
    pub(super) play: Option<Play>,
    /// Frames per second of what plays, 0.1 to 50.
    #[arg(long, value_name = "N", default_value_t = 2.0)]
    pub(super) fps: f32,
}

#[derive(Clone, Copy, Debug)]
enum Shown {
    View(View),
    Window,
}

/// The names of all views, and `window`.
fn shown() -> impl TypedValueParser<Value = Shown> {
    let names = View::all().map(View::name).into_iter().chain(["window"]);
    PossibleValuesParser::new(names).map(|name| name.parse().map_or(Shown::Window, Shown::View))
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let path = arguments.trace()?;
    let format = Format::of(&arguments.output)?;
    let is_of_window = arguments.view().is_none();
    ensure!(arguments.dataset.is_none() || is_of_window, "--dataset is for --view window, which lists its examples");
    ensure!(arguments.front.is_empty() || is_of_window, "--front is for --view window, where views lie behind others");
    ensure!(format != Format::Gif, "a .gif needs --play tokens, layers, heads or outputs");
    let open = OpenTrace::open(path)?;
    let state = arguments.view_state(&open)?;
    match state.view {
        Some(view) => write(arguments, view, &open, &state, format),
        None if format == Format::Png => write_png(&draw_window(arguments, path, state)?, &arguments.output),
        None => bail!("the window is written as .png only: {}", arguments.output.display()),
    }
}

fn write(arguments: &Arguments, view: View, open: &OpenTrace, state: &ViewState, format: Format) -> Result<()> {
    let engine = engine(&arguments.adapter)?;
    let gpu = engine.gpu();
    check_state(open, &state.selection, state.options.hidden_state)?;
    let nothing = Results::default();
    let options = Options { is_cropped: !arguments.crop.no_crop, ..state.options.clone() };
    let inputs = Inputs::new(open, &state.selection, &options, &nothing, Vec2::from(arguments.size));
    let asked = if format.is_picture() { needs(view, &inputs) } else { needs_for_numbers(view, &inputs) };
    let results = Solver::new(engine).results(open, &asked, &AtomicBool::new(false))?;
    let inputs = Inputs { results: &results, ..inputs };
    write_view(view, &inputs, &arguments.output, format, || {
        let mut headless = headless_on(gpu, &arguments.adapter)?;
        Ok(headless.draw_view(view, &inputs, arguments.scale)?)
    })
}

/// Draws on the device that computes, since a matrix may stay there, or else on one of its own.
pub(super) fn headless_on(gpu: Option<Arc<Gpu>>, adapter: &AdapterArguments) -> Result<Headless> {
    Ok(gpu.map_or_else(|| Headless::new(&adapter.choice()), |gpu| Ok(Headless::on(gpu)))?)
}

fn draw_window(arguments: &Arguments, trace: &Path, state: ViewState) -> Result<image::RgbaImage> {
    let gpu = Arc::new(Gpu::open(&arguments.adapter.choice())?);
    let launch = Launch {
        path: Some(arguments.dataset.as_deref().unwrap_or(trace).to_owned()),
        adapter: arguments.adapter.choice(),
        compute: arguments.adapter.compute(),
        gpu_memory_bytes: arguments.adapter.gpu_memory,
        screenshot_dir: None,
        is_remembered: false,
        state: None,
        index_dir: None,
    };
    // The tabs say what the titles would, and captions are for figures.
    let theme = state.options.theme.in_window();
    let options = Options { title: false, caption: None, text_scroll: Some(0.0), theme, ..state.options };
    let in_front = state.front.into_iter().map(Command::FocusView);
    let commands = [Command::SetSelection(state.selection), Command::SetOptions(Box::new(options))];
    let commands = commands.into_iter().chain(in_front).collect();
    picture_of_window(&gpu, &launch, trace, commands, arguments.size, arguments.scale)
}

impl Arguments {
    /// The trace, if the arguments can be carried out at all.
    pub(super) fn trace(&self) -> Result<&Path> {
        ensure!((0.1..=50.0).contains(&self.fps), "--fps is {}, expected 0.1 to 50", self.fps);
        self.trace.as_deref().context("no trace is given")
    }

    /// What the arguments ask for, in this trace.
    pub(super) fn view_state(&self, open: &OpenTrace) -> Result<ViewState> {
        let state = self.shown.view_state(open, self.trace.clone(), self.view())?;
        Ok(ViewState { front: self.front.clone(), ..state })
    }

    /// `None` for the window.
    pub(super) fn view(&self) -> Option<View> {
        match self.view? {
            Shown::View(view) => Some(view),
            Shown::Window => None,
        }
    }
}

/// Whether the trace has the hidden state that is asked for.
///
/// # Errors
/// If not; the message says which there are.
pub fn check_state(open: &OpenTrace, selection: &Selection, chosen: Option<usize>) -> Result<()> {
    if let (Some((hidden, _)), Some(asked)) = (hidden_state(open.document(), selection, chosen), chosen) {
        let last = open.document().hidden[hidden].states - 1;
        ensure!(asked <= last, "there is no hidden state {asked}: there are 0 to {last}");
    }
    Ok(())
}
