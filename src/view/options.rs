//! How the views show what they show. An option is one field here: its words, its parser and its name are those of the command
//! line, `serde` writes and reads it in files, and `export::render_flags` types it again.

use clap::{ArgAction, Args};
use glam::Vec2;
use serde::{Deserialize, Serialize};

use crate::analysis::normalize::Normalization;
use crate::analysis::pool::Pooling;
use crate::analysis::statistics::{Over, ZScore};
use crate::analysis::timeline::TokenGroup;
use crate::analysis::{NamedTokens, Pin};
use crate::dataset::notes::HeadLabel;
use crate::render::colormap::Colormap;
use crate::render::{Keep, Rect, Transform};
use crate::typed::{parse_filter, parse_font_scale, parse_numbers, parse_range, parse_share, typed_as};
use crate::view::{EmbeddingOptions, HeadsOrder, LinkColor, MatrixBlock, PinnedView, Theme, Tiles};

/// Everything that can be chosen about the views, apart from the selection.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, Args)]
#[serde(default)]
pub struct Options {
    /// The statistic of the heads view; `vlscope stats` lists them. How much text looks at the image, or another mass that the
    /// block's tokens have, if not given.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub statistic: String,
    /// Colour heads, in place of the statistic, by how much of the selected tokens' attention goes to these (or comes from them,
    /// with --direction from): N, N-M, image, image:N, text, region:LABEL or segment:NAME, or a list of such.
    #[arg(long, value_name = "TOKENS,…")]
    pub to: Option<NamedTokens>,
    /// Count special tokens in vlscope's own statistics.
    #[arg(long)]
    pub specials: bool,
    /// Statistics in standard deviations from the mean: of each head over the layers, of each layer over its heads, or
    /// of all.
    #[arg(long, default_value = "none", value_parser = Over::or_none())]
    pub z_score: ZScore,
    /// What a cell of a thumbnail says of its weights.
    #[arg(long = "pool", value_enum, default_value_t)]
    pub pooling: Pooling,
    /// Which hidden state the embedding shows; the one that the selected layer put out if not given.
    #[arg(long, value_name = "N")]
    pub hidden_state: Option<usize>,
    /// The colours of heat; each view has its own if not given.
    #[arg(long, value_name = "NAME", value_enum, ignore_case = true)]
    pub colormap: Option<Colormap>,
    /// The values at the ends of the colours of weights, for example 0:0.2; 0 and the largest if not given.
    #[arg(long, value_name = "LOW:HIGH", value_parser = parse_range, allow_hyphen_values = true)]
    pub range: Option<[f32; 2]>,
    /// How the weights are normalized before they are coloured.
    #[command(flatten)]
    pub normalization: Normalization,
    /// Each patch of an image a square of one colour, instead of heat that is blended between patches.
    #[arg(long = "by-patch", action = ArgAction::SetFalse)]
    pub smooth: bool,
    /// How strongly the heat covers the image, from 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = Self::default().opacity, value_parser = parse_share)]
    pub opacity: f32,
    /// Let the heat cover all patches alike, instead of fading out where there is little attention.
    #[arg(long = "no-fade", action = ArgAction::SetFalse)]
    pub fade: bool,
    /// Surround the fewest patches that hold half, and (dashed) four fifths, of the attention on an image.
    #[arg(long)]
    pub contours: bool,
    /// Show this image alone.
    #[arg(long, value_name = "N")]
    pub image: Option<usize>,
    /// Show these cells of the matrix: first key, first query, and those after the last ones.
    #[arg(long, value_name = "K0,Q0,K1,Q1", value_parser = parse_window)]
    pub matrix_window: Option<Rect>,
    /// Show this part of the images: its left, upper, right and lower edge, in fractions of what all images take.
    #[arg(long, value_name = "X0,Y0,X1,Y1", value_parser = parse_part)]
    pub image_window: Option<Rect>,
    /// Zoom the embedding: scale in x and y, then the shift in fractions of the plot. A point at `p` of the fitted view in
    /// `0..1` (origin top left) is drawn at `p * scale + shift`.
    #[arg(long, value_name = "SX,SY,X,Y", value_parser = parse_view, allow_hyphen_values = true)]
    pub embedding_view: Option<Transform>,
    /// Zoom the small pictures of all heads, in the same way.
    #[arg(long, value_name = "SX,SY,X,Y", value_parser = parse_view, allow_hyphen_values = true)]
    pub lattice_view: Option<Transform>,
    /// What the pins view shows beside the selection, the first one being what all others are compared with: heads such as L5H4, tokens
    /// (T3,7-9), a direction (to, from) and weights (norm-weighted), with colons between them; what is missing is as selected. May
    /// be repeated.
    #[arg(long = "pin", value_name = "PIN")]
    pub pins: Vec<Pin>,
    /// What is shown of each pin.
    #[arg(long, value_enum, default_value_t)]
    pub pins_as: PinnedView,
    /// Zoom queries and keys in the same way.
    #[arg(long, value_name = "SX,SY,X,Y", value_parser = parse_view, allow_hyphen_values = true)]
    pub joint_view: Option<Transform>,
    /// Which links are drawn; where tokens are selected, so many of theirs and so many of all others.
    #[command(flatten)]
    pub links: Keep,
    /// Draw links of selected tokens only.
    #[arg(long)]
    pub links_of_selection: bool,
    /// paper for print, dark for slides, light as the window is by day.
    #[arg(long, value_enum, default_value = "paper")]
    pub theme: Theme,
    /// Whether it is a figure that stands alone: what there is begins at its left upper corner, and the edges that are empty are
    /// cut off. In a panel it lies in the middle.
    #[arg(skip)]
    #[serde(skip)]
    pub is_cropped: bool,
    /// 1 for text of 12 logical pixels, 0.5 to 4.
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = parse_font_scale)]
    pub font_scale: f32,
    /// Leave the colour bar out.
    #[arg(long = "no-colour-bar", action = ArgAction::SetFalse)]
    pub colour_bar: bool,
    /// Leave the title line out.
    #[arg(long = "no-title", action = ArgAction::SetFalse)]
    pub title: bool,
    /// The hidden states view.
    #[command(flatten)]
    pub embedding: EmbeddingOptions,
    /// What the rows and columns of the heads view are sorted by.
    #[arg(long = "sort", value_enum, default_value_t)]
    pub heads_order: HeadsOrder,
    /// Dim the heads of the heads view whose values lie outside.
    #[arg(long, value_name = "LOW,HIGH", value_parser = parse_filter, allow_hyphen_values = true)]
    pub heads_filter: Option<[f32; 2]>,
    /// End the colours of all thumbnails at the largest maximum, instead of each thumbnail's at its own.
    #[arg(long = "thumbnails-shared-scale", action = ArgAction::SetFalse)]
    pub thumbnails_own_scale: bool,
    /// End the colours of all heads of all layers on the image at the largest maximum, instead of each head's at its own.
    #[arg(long = "lattice-shared-scale", action = ArgAction::SetFalse)]
    pub lattice_own_scale: bool,
    /// End the colours of each head of a layer on the image at its own maximum, instead of all at the largest.
    #[arg(long)]
    pub overlays_own_scale: bool,
    /// Let the colours of weights reach up to the largest of all heads and layers, so that pictures of them compare; a
    /// `--range` goes before it.
    #[arg(long)]
    pub lock_scale: bool,
    /// Colour tokens by the probability that they decode to this word, where the trace holds words of hidden states.
    #[arg(long, value_name = "WORD")]
    pub decodes_to: Option<String>,
    /// Which grids of patches are shown where several lie over an image.
    #[arg(long, value_enum, default_value_t)]
    pub tiles: Tiles,
    /// Show the pieces of a word as one word, with the sum of what they receive, or the mean of what they give.
    #[arg(long)]
    pub join_pieces: bool,
    /// How many rows of the text lie above its view; `None` for a text that does not scroll: what has no room is counted.
    #[arg(skip)]
    pub text_scroll: Option<f32>,
    /// What people wrote down about heads: their names have it beside them.
    #[arg(skip)]
    #[serde(skip)]
    pub head_labels: Vec<HeadLabel>,
    /// Which mass of the output tokens the timeline shows layer by layer.
    #[arg(long = "timeline-mass", value_enum, default_value_t)]
    pub timeline_group: TokenGroup,
    /// Which queries and keys the matrix holds.
    #[arg(long, value_enum, default_value_t)]
    pub matrix_block: MatrixBlock,
    /// What the colour of a link says.
    #[arg(long, value_enum, default_value_t)]
    pub links_color: LinkColor,
    /// Draw one link to each labelled region of an image, or quadrant where there is none, instead of one to each patch.
    #[arg(long)]
    pub links_bundle: bool,
    /// Words beneath the drawing; `auto` names the trace, what of it the view shows, and what was done to it.
    #[arg(long, value_name = "TEXT|auto")]
    pub caption: Option<Caption>,
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

impl From<&str> for Caption {
    fn from(text: &str) -> Self {
        if text == "auto" { Self::Auto } else { Self::Text(text.to_owned()) }
    }
}

/// Links as they are typed.
#[derive(Args)]
struct TypedLinks {
    /// Draw the strongest N links.
    #[arg(long, value_name = "N", default_value_t = 200, conflicts_with = "at-least")]
    strongest: u32,
    /// Draw all links of at least this weight.
    #[arg(id = "at-least", long = "min-weight", value_name = "WEIGHT")]
    at_least: Option<f32>,
}

typed_as!(Keep, TypedLinks);

impl From<TypedLinks> for Keep {
    fn from(typed: TypedLinks) -> Self {
        typed.at_least.map_or(Self::Strongest(typed.strongest), Self::AtLeast)
    }
}

/// The scale in x and y, and the shift.
fn parse_view(text: &str) -> Result<Transform, String> {
    let [scale_x, scale_y, x, y] = parse_numbers(text)?;
    match scale_x > 0.0 && scale_y > 0.0 {
        true => Ok(Transform { scale: Vec2::new(scale_x, scale_y), offset: Vec2::new(x, y) }),
        false => Err(format!("`{text}` shows nothing: both scales are above 0")),
    }
}

/// The first and the last corner of a part of the matrix.
fn parse_window(text: &str) -> Result<Rect, String> {
    let [x0, y0, x1, y1] = parse_numbers(text)?;
    match x0 < x1 && y0 < y1 {
        true => Ok(Rect { min: Vec2::new(x0, y0), max: Vec2::new(x1, y1) }),
        false => Err(format!("`{text}` holds no cell: K0 < K1 and Q0 < Q1")),
    }
}

/// A part of a square whose sides are 1.
fn parse_part(text: &str) -> Result<Rect, String> {
    let [x0, y0, x1, y1] = parse_numbers(text)?;
    let is_part = 0.0 <= x0 && x0 < x1 && x1 <= 1.0 && 0.0 <= y0 && y0 < y1 && y1 <= 1.0;
    match is_part {
        true => Ok(Rect { min: Vec2::new(x0, y0), max: Vec2::new(x1, y1) }),
        false => Err(format!("`{text}` is no part of an image: 0 ≤ X0 < X1 ≤ 1 and 0 ≤ Y0 < Y1 ≤ 1")),
    }
}

impl Options {
    /// The ends of the colours that a fixed range begins with.
    pub const FIXED_RANGE: [f32; 2] = [0.0, 0.2];
}

impl Default for Options {
    fn default() -> Self {
        Self {
            statistic: String::new(),
            to: None,
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
            image_window: None,
            embedding_view: None,
            lattice_view: None,
            pins: Vec::new(),
            pins_as: PinnedView::default(),
            joint_view: None,
            links: Keep::Strongest(200),
            links_of_selection: false,
            theme: Theme::Dark,
            is_cropped: false,
            font_scale: 1.0,
            colour_bar: true,
            title: true,
            heads_order: HeadsOrder::default(),
            heads_filter: None,
            thumbnails_own_scale: true,
            overlays_own_scale: false,
            lattice_own_scale: true,
            lock_scale: false,
            decodes_to: None,
            tiles: Tiles::default(),
            join_pieces: false,
            text_scroll: None,
            head_labels: Vec::new(),
            timeline_group: TokenGroup::default(),
            matrix_block: MatrixBlock::default(),
            links_color: LinkColor::default(),
            links_bundle: false,
            embedding: EmbeddingOptions::default(),
            caption: None,
        }
    }
}
