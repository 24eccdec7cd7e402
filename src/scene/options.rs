//! How the views show what they show.

use serde::{Deserialize, Serialize};

use super::Theme;
use crate::render::colormap::Colormap;
use crate::render::{Keep, Rect, Transform};

/// Everything that can be chosen about the views, apart from the selection.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Options {
    /// The statistic that the evidence holds, as on the command line.
    #[serde(skip)]
    pub statistic: String,
    /// `None` for each view's own.
    pub colormap: Option<Colormap>,
    /// The values at the ends of the colours of weights; `None` for 0 to the largest.
    pub range: Option<[f32; 2]>,
    /// How the weights were normalized, as the colour bar names it; empty if they were not.
    #[serde(skip)]
    pub normalization: String,
    /// Whether the heat over an image is interpolated between patches.
    pub smooth: bool,
    /// Of the heat over an image, from 0 to 1.
    pub opacity: f32,
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
    /// A line of words beneath the drawing.
    pub caption: Option<Caption>,
}

/// What is written beneath a drawing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Caption {
    /// Which trace, and what of it: block, layer, head, tokens, direction, normalization.
    Auto,
    /// These words.
    Text(String),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            statistic: String::new(),
            colormap: None,
            range: None,
            normalization: String::new(),
            smooth: true,
            opacity: 0.75,
            image: None,
            matrix_window: None,
            embedding_view: None,
            links: Keep::Strongest(200),
            links_of_selection: false,
            theme: Theme::Dark,
            font_scale: 1.0,
            colour_bar: true,
            title: true,
            caption: None,
        }
    }
}
