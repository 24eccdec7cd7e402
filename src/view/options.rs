//! How the views show what they show.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::analysis::normalize::Normalization;
use crate::analysis::pool::Pooling;
use crate::analysis::statistics::Over;
use crate::analysis::timeline::TokenGroup;
use crate::render::colormap::Colormap;
use crate::render::{Keep, Rect, Transform};
use crate::view::{EmbeddingOptions, LinkColor, MatrixBlock, Theme, Tiles};

/// Everything that can be chosen about the views, apart from the selection.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Options {
    /// The statistic of the heads view, as on the command line.
    pub statistic: String,
    /// Whether special tokens count in vlscope's own statistics.
    pub specials: bool,
    /// Which values the statistic is compared with; `None` for its plain values.
    pub z_score: Option<Over>,
    /// What a cell of a thumbnail says of its weights.
    pub pooling: Pooling,
    /// Which hidden state is shown; `None` for the one that the selected layer put out.
    pub hidden_state: Option<usize>,
    /// `None` for each view's own.
    pub colormap: Option<Colormap>,
    /// The values at the ends of the colours of weights; `None` for 0 to the largest.
    pub range: Option<[f32; 2]>,
    /// How the weights are normalized before they are coloured.
    pub normalization: Normalization,
    /// Whether the heat over an image is interpolated between patches.
    pub smooth: bool,
    /// Of the heat over an image, from 0 to 1.
    pub opacity: f32,
    /// Whether that heat fades out where there is little attention, instead of covering all patches alike.
    pub fade: bool,
    /// Whether lines surround the fewest patches that hold half, and four fifths, of the attention on an image.
    pub contours: bool,
    /// Which image is shown; `None` for all, side by side.
    pub image: Option<usize>,
    /// The cells of the matrix in view, `min` and `max` as (key, query); `None` for all.
    pub matrix_window: Option<Rect>,
    /// Pan and zoom of the embedding on top of the fitted view, in fractions of the plot: a point at `p` in `0..1`
    /// (origin top left) is drawn at `p * scale + offset`.
    pub embedding_view: Option<Transform>,
    /// Which links are drawn; where tokens are selected, so many of theirs and so many of all others.
    pub links: Keep,
    /// Whether only links of selected tokens are candidates.
    pub links_of_selection: bool,
    /// Dark for the window, light for paper.
    pub theme: Theme,
    /// 1 for text of 12 logical pixels.
    pub font_scale: f32,
    /// Whether heatmaps have their colour bar.
    pub colour_bar: bool,
    /// Whether the drawing holds its own title line.
    pub title: bool,
    /// The hidden states view.
    pub embedding: EmbeddingOptions,
    /// What the heads view is sorted by.
    pub heads_order: HeadsOrder,
    /// The heads view dims what has a value outside; `None` dims nothing.
    pub heads_filter: Option<[f32; 2]>,
    /// Whether each thumbnail's colours end at its own maximum, or all at the largest.
    pub thumbnails_own_scale: bool,
    /// The same for a layer's heads on the image.
    pub overlays_own_scale: bool,
    /// Whether the colours of weights reach up to the largest of all heads and layers, so that pictures of them compare;
    /// a `range` goes before it.
    pub lock_scale: bool,
    /// Which grids of patches are shown where several lie over an image.
    pub tiles: Tiles,
    /// Whether the pieces of a word are shown as one word, with the sum of what they receive, or the mean of what
    /// they give.
    pub join_pieces: bool,
    /// How many rows of the text lie above its view; `None` for a text that does not scroll: what has no room is counted.
    pub text_scroll: Option<f32>,
    /// Which mass of the output tokens is shown layer by layer.
    pub timeline_group: TokenGroup,
    /// Which queries and keys the matrix holds.
    pub matrix_block: MatrixBlock,
    /// What the colour of a link says.
    pub links_color: LinkColor,
    /// Whether the links to an image's patches are drawn as one to each labelled region, or quadrant where there is none.
    pub links_bundle: bool,
    /// Words beneath the drawing.
    pub caption: Option<Caption>,
}

/// What rows and columns of the heads view are sorted by; means fall downwards and to the right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum HeadsOrder {
    /// Their numbers.
    #[default]
    #[value(name = "none")]
    Number,
    /// Layers by their mean, heads by number.
    Layers,
    /// Heads by their mean, layers by number.
    Heads,
    /// Both by their means.
    Both,
}

impl HeadsOrder {
    /// Every order, as it is offered.
    pub const ALL: [Self; 4] = [Self::Number, Self::Layers, Self::Heads, Self::Both];

    /// As it is offered.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "by number",
            Self::Layers => "layers by mean",
            Self::Heads => "heads by mean",
            Self::Both => "both by mean",
        }
    }
}

/// What is written beneath a drawing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Caption {
    /// Which trace, what of it the view shows, and what was done to it.
    Auto,
    /// These words.
    Text(String),
}

impl Options {
    /// The ends of the colours that a fixed range begins with.
    pub const FIXED_RANGE: [f32; 2] = [0.0, 0.2];
}

impl Default for Options {
    fn default() -> Self {
        Self {
            statistic: String::new(),
            specials: false,
            z_score: None,
            pooling: Pooling::default(),
            hidden_state: None,
            colormap: None,
            range: None,
            normalization: Normalization::None,
            smooth: true,
            opacity: 0.9,
            fade: true,
            contours: false,
            image: None,
            matrix_window: None,
            embedding_view: None,
            links: Keep::Strongest(200),
            links_of_selection: false,
            theme: Theme::Dark,
            font_scale: 1.0,
            colour_bar: true,
            title: true,
            heads_order: HeadsOrder::Number,
            heads_filter: None,
            thumbnails_own_scale: true,
            overlays_own_scale: false,
            lock_scale: false,
            tiles: Tiles::default(),
            join_pieces: false,
            text_scroll: None,
            timeline_group: TokenGroup::default(),
            matrix_block: MatrixBlock::default(),
            links_color: LinkColor::default(),
            links_bundle: false,
            embedding: EmbeddingOptions::default(),
            caption: None,
        }
    }
}
