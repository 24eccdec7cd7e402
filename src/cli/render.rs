//! `vlscope render`: one view, or the whole window, as a picture; a view as an animation or as its numbers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result, bail, ensure};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, ValueEnum};
use glam::Vec2;

use super::adapter::AdapterArguments;
use super::embedding::EmbeddingArguments;
use super::heads::{self, HeadsArguments};
use super::selection::SelectionArguments;
use super::stats::engine;
use super::values::{parse_percentile, parse_range, parse_scale, parse_share, parse_size, parse_view, parse_window};
use crate::analysis::Selection;
use crate::analysis::normalize::Normalization;
use crate::analysis::timeline::TokenGroup;
use crate::app::{Command, Launch, picture_of_window};
use crate::export::{Format, Play, ViewState, write_png, write_view};
use crate::gpu::Gpu;
use crate::headless::Headless;
use crate::query::{OpenTrace, Results, Solver};
use crate::render::colormap::Colormap;
use crate::render::{Keep, Rect, Transform};
use crate::view::{Caption, Inputs, LinkColor, MatrixBlock, Options, Theme, Tiles, View, needs, needs_for_numbers};

const EXAMPLES: &str = "Examples:
  vlscope render trace.safetensors --view heads --statistic entropy -o heads.png
  vlscope render trace.safetensors --view image --layer 3 --head mean --token 0 --scale 2 -o image.png
  vlscope render trace.safetensors --view links --min-weight 0.1 --theme dark -o links.png
  vlscope render trace.safetensors --view thumbnails --pool mean --size 1200x1200 -o thumbnails.png
  vlscope render trace.safetensors --view overlays --layer 3 --token 2 -o overlays.png
  vlscope render trace.safetensors --view window --size 1440x900 -o window.png
  vlscope render trace.safetensors --view matrix --caption auto -o matrix.svg
  vlscope render trace.safetensors --view matrix --layer 3 --head 1 -o matrix.npy
  vlscope render trace.safetensors --view image --play layers --fps 2 -o layers.gif
  vlscope render --state view.json --theme dark -o dark.png";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The trace; that of the state if not given.
    #[arg(required_unless_present = "state_file")]
    pub(super) trace: Option<PathBuf>,
    /// heads, image, text, matrix, links, embedding, thumbnails, overlays, timeline, similarity, or window for all of them.
    #[arg(long, value_parser = shown(), required_unless_present = "state_file")]
    view: Option<Shown>,
    /// The folder of which the trace is an example: the window lists the others.
    #[arg(long, value_name = "DIR")]
    dataset: Option<PathBuf>,
    /// Of the window: the views in front of those that they share their places with, with commas between them.
    #[arg(long, value_name = "VIEWS", value_delimiter = ',', value_parser = |name: &str| name.parse::<View>().map_err(|error| error.to_string()))]
    front: Vec<View>,
    /// Where it goes: a picture (.png, .svg), the numbers behind the view (.csv, .json, .npy); with --play .gif, or a
    /// folder of pictures.
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: PathBuf,
    /// What the window saved with Ctrl+S; options that are given as well come before it.
    #[arg(long = "state", value_name = "FILE")]
    pub(super) state_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
    /// The statistic of the heads view; `vlscope stats` lists them. How much text looks at the image, or another mass that the
    /// block's tokens have, if not given.
    #[arg(long, value_name = "NAME")]
    statistic: Option<String>,
    /// Count special tokens in vlscope's own statistics.
    #[arg(long)]
    specials: bool,
    /// How weights are normalized before they are coloured.
    #[arg(long, value_enum, default_value_t = NormalizationName::None)]
    normalization: NormalizationName,
    /// Where the colours of `--normalization percentile` end, above 0 and up to 100.
    #[arg(long, value_name = "P", default_value_t = 99.0, value_parser = parse_percentile)]
    percentile: f32,
    /// viridis, inferno, magma, cividis, …; each view has its own if not given.
    #[arg(long, value_name = "NAME", value_parser = |name: &str| name.parse::<Colormap>().map_err(|error| error.to_string()))]
    colormap: Option<Colormap>,
    /// Width and height in logical pixels.
    #[arg(long, value_name = "WxH", value_parser = parse_size, default_value = "900x640")]
    pub(super) size: [f32; 2],
    /// Pixels per logical pixel.
    #[arg(long, default_value_t = 1.0, value_parser = parse_scale)]
    pub(super) scale: f32,
    /// light for paper, dark for slides.
    #[arg(long, value_name = "dark|light", value_parser = |name: &str| name.parse::<Theme>().map_err(|error| error.to_string()), default_value = "light")]
    theme: Theme,
    /// How strongly the heat covers the image, from 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = Options::default().opacity, value_parser = parse_share)]
    opacity: f32,
    /// Let the heat cover all patches alike, instead of fading out where there is little attention.
    #[arg(long = "no-fade", action = ArgAction::SetFalse)]
    fade: bool,
    /// Surround the fewest patches that hold half, and (dashed) four fifths, of the attention on an image.
    #[arg(long)]
    contours: bool,
    /// Each patch a square of one colour.
    #[arg(long)]
    by_patch: bool,
    /// Which hidden state the embedding shows; the selected layer's if not given.
    #[arg(long, value_name = "N")]
    hidden_state: Option<usize>,
    /// Draw the strongest N links.
    #[arg(long, value_name = "N", default_value_t = 200, conflicts_with = "min_weight")]
    strongest: u32,
    /// Draw all links of at least this weight.
    #[arg(long, value_name = "WEIGHT")]
    min_weight: Option<f32>,
    #[command(flatten)]
    pub(super) adapter: AdapterArguments,
    #[command(flatten)]
    heads: HeadsArguments,
    #[command(flatten)]
    pub(super) embedding: EmbeddingArguments,
    /// The values at the ends of the colours of weights, for example 0:0.2; 0 and the largest if not given.
    #[arg(long, value_name = "LOW:HIGH", value_parser = parse_range, allow_hyphen_values = true)]
    range: Option<[f32; 2]>,
    /// Let the colours of weights reach up to the largest of all heads and layers, so that pictures of them compare.
    #[arg(long)]
    lock_scale: bool,
    /// Which grids of patches are shown where several lie over an image.
    #[arg(long, value_enum, default_value_t = Tiles::All)]
    tiles: Tiles,
    /// Show the pieces of a word as one word, with the sum of what they receive, or the mean of what they give.
    #[arg(long)]
    join_pieces: bool,
    /// Which mass of the output tokens the timeline shows layer by layer.
    #[arg(long, value_enum, default_value_t = TokenGroup::Image)]
    timeline_mass: TokenGroup,
    /// Which queries and keys the matrix holds.
    #[arg(long, value_enum, default_value_t = MatrixBlock::All)]
    matrix_block: MatrixBlock,
    /// What the colour of a link says.
    #[arg(long, value_enum, default_value_t = LinkColor::Selection)]
    links_color: LinkColor,
    /// Draw one link to each labelled region of an image, or quadrant where there is none, instead of one to each patch.
    #[arg(long)]
    links_bundle: bool,
    /// Show this image alone.
    #[arg(long, value_name = "N")]
    image: Option<usize>,
    /// Show these cells of the matrix: first key, first query, and those after the last ones.
    #[arg(long, value_name = "K0,Q0,K1,Q1", value_parser = parse_window)]
    matrix_window: Option<[f32; 4]>,
    /// Zoom the embedding: scale in x and y, then the shift in fractions of the plot.
    #[arg(long, value_name = "SX,SY,X,Y", value_parser = parse_view, allow_hyphen_values = true)]
    embedding_view: Option<[f32; 4]>,
    /// Draw links of selected tokens only.
    #[arg(long)]
    links_of_selection: bool,
    /// 1 for text of 12 logical pixels, 0.5 to 4.
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    font_scale: f32,
    /// Leave the colour bar out.
    #[arg(long)]
    no_colour_bar: bool,
    /// Leave the title line out.
    #[arg(long)]
    no_title: bool,
    /// Words beneath the drawing; `auto` names the trace, what of it the view shows, and what was done to it.
    #[arg(long, value_name = "TEXT|auto")]
    caption: Option<String>,
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

#[derive(Clone, Copy, Debug, ValueEnum)]
enum NormalizationName {
    None,
    MinMax,
    RowMaximum,
    Percentile,
    Log,
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
    EmbeddingArguments::check(open, &state.selection, state.options.hidden_state)?;
    let nothing = Results::default();
    let inputs = Inputs::new(open, &state.selection, &state.options, &nothing, Vec2::from(arguments.size));
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
    let options = Options { title: false, caption: None, text_scroll: Some(0.0), ..state.options };
    let in_front = state.front.into_iter().map(Command::FocusView);
    let commands = [Command::SetSelection(state.selection), Command::SetOptions(Box::new(options))];
    let commands = commands.into_iter().chain(in_front).collect();
    picture_of_window(&gpu, &launch, trace, commands, arguments.size, arguments.scale)
}

impl Arguments {
    /// The trace, if the arguments can be carried out at all.
    pub(super) fn trace(&self) -> Result<&Path> {
        ensure!((0.1..=50.0).contains(&self.fps), "--fps is {}, expected 0.1 to 50", self.fps);
        ensure!((0.5..=4.0).contains(&self.font_scale), "--font-scale is {}, expected 0.5 to 4", self.font_scale);
        self.trace.as_deref().context("no trace is given")
    }

    /// What the arguments ask for, in this trace.
    pub(super) fn view_state(&self, open: &OpenTrace) -> Result<ViewState> {
        let shows_states = matches!(self.view(), Some(View::Embedding | View::Similarity));
        if open.document().attention.is_empty() && (shows_states || matches!(self.view(), Some(View::Text) | None)) {
            let has_states = open.document().hidden.iter().any(|hidden| hidden.states > 0);
            ensure!(has_states || !shows_states, "the trace holds no hidden states: {}", open.trace.path().display());
            let selection = self.selection.without_attention(&open.trace)?;
            return Ok(self.state_of(selection, String::new()));
        }
        let selection = self.selection.resolve(&open.trace)?;
        let statistic = heads::statistic_of(open.document(), selection.block, self.statistic.as_deref())?;
        self.check(open, selection.block)?;
        Ok(self.state_of(selection, statistic))
    }

    fn state_of(&self, selection: Selection, statistic: String) -> ViewState {
        let options = Options { statistic, ..self.options() };
        let state = ViewState::new(self.trace.clone(), self.view(), selection, options);
        ViewState { front: self.front.clone(), ..state }
    }

    /// Whether the trace has the image and the cells that are asked for.
    fn check(&self, open: &OpenTrace, block: usize) -> Result<()> {
        let document = open.document();
        if let Some(image) = self.image {
            ensure!(image < document.images, "there is no image {image}: the trace has {}", document.images);
        }
        if let Some([x0, y0, x1, y1]) = self.matrix_window {
            let block = &document.attention[block];
            let [queries, keys] = [document.query_tokens(block).len(), document.key_tokens(block).len()];
            let is_inside = x0 >= 0.0 && y0 >= 0.0 && x1 <= keys as f32 && y1 <= queries as f32;
            ensure!(
                is_inside,
                "--matrix-window reaches beyond the matrix of block `{}`: {keys} keys, {queries} queries",
                block.name
            );
        }
        Ok(())
    }

    /// `None` for the window.
    pub(super) fn view(&self) -> Option<View> {
        match self.view? {
            Shown::View(view) => Some(view),
            Shown::Window => None,
        }
    }

    pub(super) fn options(&self) -> Options {
        let options = Options {
            colormap: self.colormap,
            specials: self.specials,
            normalization: self.normalization(),
            hidden_state: self.hidden_state,
            smooth: !self.by_patch,
            opacity: self.opacity,
            fade: self.fade,
            contours: self.contours,
            links: self.min_weight.map_or(Keep::Strongest(self.strongest), Keep::AtLeast),
            theme: self.theme,
            range: self.range,
            image: self.image,
            matrix_window: self
                .matrix_window
                .map(|[x0, y0, x1, y1]| Rect { min: Vec2::new(x0, y0), max: Vec2::new(x1, y1) }),
            embedding_view: self.embedding_view.map(|[scale_x, scale_y, x, y]| Transform {
                scale: Vec2::new(scale_x, scale_y),
                offset: Vec2::new(x, y),
            }),
            links_of_selection: self.links_of_selection,
            font_scale: self.font_scale,
            colour_bar: !self.no_colour_bar,
            title: !self.no_title,
            embedding: self.embedding.options(),
            lock_scale: self.lock_scale,
            tiles: self.tiles,
            join_pieces: self.join_pieces,
            timeline_group: self.timeline_mass,
            matrix_block: self.matrix_block,
            links_color: self.links_color,
            links_bundle: self.links_bundle,
            caption: self.caption.clone().map(|text| if text == "auto" { Caption::Auto } else { Caption::Text(text) }),
            ..Options::default()
        };
        self.heads.apply(options)
    }

    fn normalization(&self) -> Normalization {
        match self.normalization {
            NormalizationName::None => Normalization::None,
            NormalizationName::MinMax => Normalization::MinMax,
            NormalizationName::RowMaximum => Normalization::RowMaximum,
            NormalizationName::Percentile => Normalization::Percentile(self.percentile),
            NormalizationName::Log => Normalization::Log,
        }
    }
}
