//! `vlscope render`: one view, or the whole window, as a PNG.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use glam::Vec2;

use super::adapter::AdapterArguments;
use super::heads::{self, HeadsArguments};
use super::selection::SelectionArguments;
use super::stats::engine;
use crate::analysis::Selection;
use crate::analysis::normalize::Normalization;
use crate::analysis::timeline::TokenGroup;
use crate::app::{Command, Launch, picture_of_window};
use crate::evidence::{Analyst, OpenTrace, Question};
use crate::gpu::Gpu;
use crate::headless::Headless;
use crate::render::Keep;
use crate::render::colormap::Colormap;
use crate::scene::{Inputs, LinkColor, MatrixBlock, Options, Theme, Tiles, View};

const EXAMPLES: &str = "Examples:
  vlscope render trace.safetensors --view heads --statistic entropy -o heads.png
  vlscope render trace.safetensors --view image --layer 3 --head mean --token 0 --scale 2 -o image.png
  vlscope render trace.safetensors --view links --min-weight 0.1 --theme dark -o links.png
  vlscope render trace.safetensors --view thumbnails --pool mean --size 1200x1200 -o thumbnails.png
  vlscope render trace.safetensors --view overlays --layer 3 --token 2 -o overlays.png
  vlscope render trace.safetensors --view window --size 1440x900 -o window.png";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The trace.
    trace: PathBuf,
    /// heads, image, text, matrix, links, embedding, thumbnails, overlays, timeline, or window for all of them.
    #[arg(long, value_enum)]
    view: ViewName,
    /// Where the picture goes.
    #[arg(long, short, value_name = "PNG")]
    output: PathBuf,
    #[command(flatten)]
    selection: SelectionArguments,
    /// The statistic of the heads view; `vlscope stats` lists them.
    #[arg(long, value_name = "NAME", default_value = "mass.text.image")]
    statistic: String,
    /// Count special tokens in vlscope's own statistics.
    #[arg(long)]
    specials: bool,
    /// How weights are normalized before they are coloured.
    #[arg(long, value_enum, default_value_t = NormalizationName::None)]
    normalization: NormalizationName,
    /// viridis, inferno, magma, cividis, …; each view has its own if not given.
    #[arg(long, value_name = "NAME", value_parser = |name: &str| name.parse::<Colormap>().map_err(|error| error.to_string()))]
    colormap: Option<Colormap>,
    /// Width and height in logical pixels.
    #[arg(long, value_name = "WxH", value_parser = parse_size, default_value = "900x640")]
    size: [f32; 2],
    /// Pixels per logical pixel.
    #[arg(long, default_value_t = 1.0)]
    scale: f32,
    /// light for paper, dark for slides.
    #[arg(long, value_name = "dark|light", value_parser = |name: &str| name.parse::<Theme>().map_err(|error| error.to_string()), default_value = "light")]
    theme: Theme,
    /// How strongly the heat covers the image, from 0 to 1.
    #[arg(long, default_value_t = 0.75)]
    opacity: f32,
    /// Each patch a square of one colour.
    #[arg(long)]
    by_patch: bool,
    /// Which hidden state the embedding shows; the selected layer's if not given.
    #[arg(long, value_name = "N")]
    state: Option<usize>,
    /// Draw the strongest N links.
    #[arg(long, value_name = "N", default_value_t = 200, conflicts_with = "min_weight")]
    strongest: u32,
    /// Draw all links of at least this weight.
    #[arg(long, value_name = "WEIGHT")]
    min_weight: Option<f32>,
    /// The values at the ends of the colours of weights, for example 0:0.2.
    #[arg(long, value_name = "LOW:HIGH", value_parser = parse_range)]
    range: Option<[f32; 2]>,
    /// Let the colours of weights reach up to the largest of all heads and layers, so that pictures of them compare.
    #[arg(long, conflicts_with = "range")]
    lock_scale: bool,
    /// Which grids of patches are shown where several lie over an image.
    #[arg(long, value_enum, default_value_t = Tiles::All)]
    tiles: Tiles,
    /// Show the pieces of a word as one word, with the sum of their weights.
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
    #[command(flatten)]
    adapter: AdapterArguments,
    #[command(flatten)]
    heads: HeadsArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ViewName {
    Heads,
    Image,
    Text,
    Matrix,
    Links,
    Embedding,
    Window,
    Thumbnails,
    Overlays,
    Timeline,
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
    ensure!(
        (0.1..=16.0).contains(&arguments.scale),
        "--scale is {}, expected 0.1 to 16 pixels per logical pixel",
        arguments.scale
    );
    let open = OpenTrace::open(&arguments.trace)?;
    let selection = arguments.selection.resolve(&open.trace)?;
    heads::check_statistic(open.document(), selection.block, &arguments.statistic)?;
    let picture = match arguments.view {
        ViewName::Heads => draw(arguments, View::Heads, &open, selection),
        ViewName::Image => draw(arguments, View::Image, &open, selection),
        ViewName::Text => draw(arguments, View::Text, &open, selection),
        ViewName::Matrix => draw(arguments, View::Matrix, &open, selection),
        ViewName::Links => draw(arguments, View::Links, &open, selection),
        ViewName::Embedding => draw(arguments, View::Embedding, &open, selection),
        ViewName::Thumbnails => draw(arguments, View::Thumbnails, &open, selection),
        ViewName::Overlays => draw(arguments, View::Overlays, &open, selection),
        ViewName::Timeline => draw(arguments, View::Timeline, &open, selection),
        ViewName::Window => draw_window(arguments, selection),
    }?;
    write_png(&picture, &arguments.output)
}

fn draw(arguments: &Arguments, view: View, open: &OpenTrace, selection: Selection) -> Result<image::RgbaImage> {
    let mut analyst = Analyst::new(engine(&arguments.adapter)?);
    let (options, block) = (arguments.options(), selection.block);
    let question = Question {
        selection,
        statistic: options.statistic.clone(),
        specials: arguments.specials,
        normalization: arguments.normalization(),
        hidden_state: arguments.state,
        z_score: arguments.heads.z_score(),
        thumbnails: (view == View::Thumbnails)
            .then(|| (arguments.heads.side(&open.trace, block, Vec2::from(arguments.size)), arguments.heads.pooling())),
        per_head: view == View::Overlays,
        lock_scale: arguments.lock_scale,
        links_by_head: arguments.links_color == LinkColor::Head,
    };
    let evidence = analyst.answer(open, &question, &AtomicBool::new(false))?;
    let inputs = Inputs {
        document: open.document(),
        images: &open.images,
        selection: &question.selection,
        hover: None,
        options: &options,
        evidence: &evidence,
        size: Vec2::from(arguments.size),
    };
    let mut headless = Headless::new(&arguments.adapter.choice())?;
    Ok(headless.draw_view(view, &inputs, arguments.scale)?)
}

fn draw_window(arguments: &Arguments, selection: Selection) -> Result<image::RgbaImage> {
    let gpu = Arc::new(Gpu::open(&arguments.adapter.choice())?);
    let launch = Launch {
        path: Some(arguments.trace.clone()),
        adapter: arguments.adapter.choice(),
        compute: arguments.adapter.compute(),
        screenshot_dir: None,
        is_remembered: false,
    };
    let options = Options { title: false, text_scroll: Some(0.0), ..arguments.options() };
    let commands = vec![
        Command::SetNormalization(arguments.normalization()),
        Command::CountSpecials(arguments.specials),
        Command::SetHiddenState(arguments.state),
        Command::SetSelection(selection),
        Command::SetZScore(arguments.heads.z_score()),
        Command::SetPooling(arguments.heads.pooling()),
        // A z-score lets go of the filter.
        Command::SetOptions(Box::new(options)),
    ];
    picture_of_window(&gpu, &launch, commands, arguments.size, arguments.scale)
}

impl Arguments {
    fn options(&self) -> Options {
        let options = Options {
            statistic: self.statistic.clone(),
            colormap: self.colormap,
            normalization: self.normalization().label().to_owned(),
            smooth: !self.by_patch,
            opacity: self.opacity.clamp(0.0, 1.0),
            links: self.min_weight.map_or(Keep::Strongest(self.strongest), Keep::AtLeast),
            theme: self.theme,
            range: self.range,
            lock_scale: self.lock_scale,
            tiles: self.tiles,
            join_pieces: self.join_pieces,
            timeline_group: self.timeline_mass,
            matrix_block: self.matrix_block,
            links_color: self.links_color,
            links_bundle: self.links_bundle,
            ..Options::default()
        };
        self.heads.apply(options)
    }

    fn normalization(&self) -> Normalization {
        match self.normalization {
            NormalizationName::None => Normalization::None,
            NormalizationName::MinMax => Normalization::MinMax,
            NormalizationName::RowMaximum => Normalization::RowMaximum,
            NormalizationName::Percentile => Normalization::Percentile(99.0),
            NormalizationName::Log => Normalization::Log,
        }
    }
}

/// From `WxH`.
pub fn parse_size(text: &str) -> Result<[f32; 2], String> {
    let sides = text.split_once(['x', 'X', '×']).and_then(|(width, height)| {
        let side = |text: &str| text.parse::<u16>().ok().filter(|side| *side >= 16);
        Some([f32::from(side(width)?), f32::from(side(height)?)])
    });
    sides.ok_or_else(|| format!("`{text}` is no size: expected for example 900x640, at least 16x16"))
}

fn parse_range(text: &str) -> Result<[f32; 2], String> {
    let ends = text.split_once(':').and_then(|(low, high)| Some([low.parse::<f32>().ok()?, high.parse().ok()?]));
    ends.filter(|[low, high]| low < high && low.is_finite() && high.is_finite())
        .ok_or_else(|| format!("`{text}` is no range: expected for example 0:0.2, the lower end first"))
}

fn write_png(picture: &image::RgbaImage, path: &Path) -> Result<()> {
    picture.save_with_format(path, image::ImageFormat::Png).with_context(|| format!("cannot write {}", path.display()))
}
