//! `vlscope render`: one view, or the whole window, as a PNG.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use glam::Vec2;

use super::adapter::AdapterArguments;
use super::embedding::EmbeddingArguments;
use super::selection::SelectionArguments;
use super::stats::engine;
use crate::analysis::Selection;
use crate::analysis::normalize::Normalization;
use crate::analysis::statistics;
use crate::app::{Command, Launch, picture_of_window};
use crate::evidence::{Analyst, OpenTrace, Question};
use crate::gpu::Gpu;
use crate::headless::Headless;
use crate::render::Keep;
use crate::render::colormap::Colormap;
use crate::scene::{Inputs, Options, Theme, View};

const EXAMPLES: &str = "Examples:
  vlscope render trace.safetensors --view heads --statistic entropy -o heads.png
  vlscope render trace.safetensors --view image --layer 3 --head mean --token 0 --scale 2 -o image.png
  vlscope render trace.safetensors --view links --min-weight 0.1 --theme dark -o links.png
  vlscope render trace.safetensors --view window --size 1440x900 -o window.png";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The trace.
    trace: PathBuf,
    /// heads, image, text, matrix, links, embedding, similarity, or window for all of them.
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
    #[command(flatten)]
    adapter: AdapterArguments,
    #[command(flatten)]
    embedding: EmbeddingArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ViewName {
    Heads,
    Image,
    Text,
    Matrix,
    Links,
    Embedding,
    Similarity,
    Window,
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
    ensure!(
        statistics::statistic(&arguments.statistic).is_some(),
        "no statistic is called `{}`: there are {}",
        arguments.statistic,
        statistics::TABLE.map(|entry| entry.name).join(", ")
    );
    let open = OpenTrace::open(&arguments.trace)?;
    let selection = arguments.selection.resolve(&open.trace)?;
    let picture = match arguments.view {
        ViewName::Heads => draw(arguments, View::Heads, &open, selection),
        ViewName::Image => draw(arguments, View::Image, &open, selection),
        ViewName::Text => draw(arguments, View::Text, &open, selection),
        ViewName::Matrix => draw(arguments, View::Matrix, &open, selection),
        ViewName::Links => draw(arguments, View::Links, &open, selection),
        ViewName::Embedding => draw(arguments, View::Embedding, &open, selection),
        ViewName::Similarity => draw(arguments, View::Similarity, &open, selection),
        ViewName::Window => draw_window(arguments, selection),
    }?;
    write_png(&picture, &arguments.output)
}

fn draw(arguments: &Arguments, view: View, open: &OpenTrace, selection: Selection) -> Result<image::RgbaImage> {
    let mut analyst = Analyst::new(engine(&arguments.adapter)?);
    let options = arguments.options();
    let question = Question {
        selection,
        statistic: options.statistic.clone(),
        specials: arguments.specials,
        normalization: arguments.normalization(),
        hidden_state: arguments.state,
    };
    let mut evidence = analyst.answer(open, &question, &AtomicBool::new(false))?;
    arguments.embedding.complete(view, open, &question, &mut evidence)?;
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
    let options = Options { title: false, ..arguments.options() };
    let commands = vec![
        Command::SetOptions(Box::new(options)),
        Command::SetNormalization(arguments.normalization()),
        Command::CountSpecials(arguments.specials),
        Command::SetHiddenState(arguments.state),
        Command::SetSelection(selection),
    ];
    picture_of_window(&gpu, &launch, commands, arguments.size, arguments.scale)
}

impl Arguments {
    fn options(&self) -> Options {
        Options {
            statistic: self.statistic.clone(),
            colormap: self.colormap,
            normalization: self.normalization().label().to_owned(),
            smooth: !self.by_patch,
            opacity: self.opacity.clamp(0.0, 1.0),
            links: self.min_weight.map_or(Keep::Strongest(self.strongest), Keep::AtLeast),
            theme: self.theme,
            embedding: self.embedding.options(),
            ..Options::default()
        }
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

fn parse_size(text: &str) -> Result<[f32; 2], String> {
    let sides = text.split_once(['x', 'X', '×']).and_then(|(width, height)| {
        let side = |text: &str| text.parse::<u16>().ok().filter(|side| *side >= 16);
        Some([f32::from(side(width)?), f32::from(side(height)?)])
    });
    sides.ok_or_else(|| format!("`{text}` is no size: expected for example 900x640, at least 16x16"))
}

fn write_png(picture: &image::RgbaImage, path: &Path) -> Result<()> {
    picture.save_with_format(path, image::ImageFormat::Png).with_context(|| format!("cannot write {}", path.display()))
}
