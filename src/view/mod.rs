//! The views: trace + selection + options + results → what is drawn, and what lies where for the pointer.
//!
//! Everything here is pure. A view measures text and otherwise only computes: the same inputs give the same
//! [`Scene`] in the window, headless and in a test. A view
//! [needs] requests, and is drawn of their [`Results`]; nothing is analysed here.

mod caption;
mod choices;
mod common;
mod compare;
mod numbers;
mod options;
mod summary;
mod token_cloud;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use glam::Vec2;
use serde::{Deserialize, Serialize};

use crate::analysis::Selection;
use crate::query::{OpenTrace, Projection, Query, Results, StatisticGrid};
use crate::render::{Drawing, Fonts, Pixels, Rect};
use crate::trace::Document;

pub use choices::{LinkColor, MatrixBlock, Tiles};
pub use common::colour_bar::ColourBar;
pub use common::theme::{Palette, Theme, contrast};
pub use common::words::{joined, token_names, word, words};
pub use common::zone::{Target, Zone};
pub use compare::{
    AlignedRow, Alignment, CompareView, ComparedHeads, ComparedImage, ComparedTokens, compared_image, compared_text,
    comparison_needs, draw_comparison, partner, Partner,
};
pub use embedding::{ColorBy, EmbeddingOptions, SizeBy};
pub use matrix::matrix_size;
pub use numbers::{Axis, NoNumbers, Numbers};
pub use options::{Caption, HeadsOrder, Options};
pub use summary::summary;
pub use token_cloud::{
    CloudInputs, CloudScene, MOST_DISCS, PaintedTokens, TokenCloud, TokenColor, UnknownTokenColor, draw_token_cloud, rows_of,
    token_name,
};

/// What there is to know of a view: everything about it stands in its folder.
struct Definition {
    /// On the command line, and in files.
    name: &'static str,
    /// On the tab of its panel.
    title: &'static str,
    /// What it has to know to draw itself, the most urgent first.
    needs: fn(&Inputs<'_>) -> Vec<Query>,
    draw: fn(&Inputs<'_>, &mut common::sketch::Sketch<'_>),
    /// What a caption says of it, in parts.
    caption: fn(&Inputs<'_>) -> Vec<String>,
    /// What else has to be known for [`Numbers`]; they are made of that and of what it needs.
    needs_for_numbers: fn(&Inputs<'_>) -> Vec<Query>,
    /// What it shows, as an array.
    numbers: fn(&Inputs<'_>) -> Result<Numbers, NoNumbers>,
}

/// The list of views. A view is a line here, and a folder of that name.
macro_rules! views {
    ($($(#[$doc:meta])* $view:ident = $folder:ident,)*) => {
        $(mod $folder;)*

        /// One way to look at a trace.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum View {
            $($(#[$doc])* $view,)*
        }

        const VIEWS: &[View] = &[$(View::$view,)*];

        impl View {
            const fn definition(self) -> &'static Definition {
                match self {
                    $(Self::$view => &$folder::VIEW,)*
                }
            }
        }
    };
}

views! {
    /// Layers × heads, one statistic.
    Heads = heads,
    /// The picture under the selection's attention.
    Image = image,
    /// The tokens in the colours of the selection's attention.
    Text = text,
    /// Queries × keys of one head.
    Matrix = matrix,
    /// Curves between words and patches.
    Links = links,
    /// Hidden states in two dimensions.
    Embedding = embedding,
    /// The matrices of all heads.
    Thumbnails = thumbnails,
    /// The picture under the attention of each head of a layer.
    Overlays = overlays,
    /// What each output token attends to, layer by layer.
    Timeline = timeline,
    /// The similarity of the hidden states.
    Similarity = similarity,
}

/// All that a view may look at.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The trace without its tensors.
    pub document: &'a Document,
    /// The trace's images, in its order.
    pub images: &'a [Arc<Pixels>],
    /// The most heads in a layer, by attention block.
    pub heads: &'a [usize],
    /// What the user looks at.
    pub selection: &'a Selection,
    /// What is under the pointer, in whichever view.
    pub hover: Option<Target>,
    /// How it is shown.
    pub options: &'a Options,
    /// What is known of what the view needs.
    pub results: &'a Results,
    /// Why the selection cannot be shown, where that is known before anything is computed.
    pub refusal: Option<&'a str>,
    /// Hidden states on their way from one state's places to the next one's, in place of those that are asked for.
    pub moving: Option<&'a Projection>,
    /// Of the drawing, in logical pixels.
    pub size: Vec2,
}

/// A view's drawing, and what lies where in it.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What is drawn.
    pub drawing: Drawing,
    /// What the pointer can meet; of overlapping zones the later one wins.
    pub zones: Vec<Zone>,
    /// The part that zooms and pans (matrix, embedding), or simply holds the content.
    pub content: Rect,
    /// The colour bar, if there is one.
    pub bar: Option<ColourBar>,
    /// How many rows of text lie beyond the view: how far it scrolls.
    pub rows_beyond: f32,
    facts: common::tip::Facts,
}

impl<'a> Inputs<'a> {
    /// What a trace's views look at while nothing is under the pointer.
    pub fn new(
        open: &'a OpenTrace,
        selection: &'a Selection,
        options: &'a Options,
        results: &'a Results,
        size: Vec2,
    ) -> Self {
        let (document, images, heads) = (open.document(), open.images.as_slice(), open.heads.as_slice());
        Self { document, images, heads, selection, hover: None, options, results, refusal: None, moving: None, size }
    }
}

/// Draws layers × heads of numbers that are no statistic of one trace.
pub fn draw_grid(grid: &StatisticGrid, inputs: &Inputs<'_>, fonts: &mut Fonts) -> Scene {
    let mut sketch = common::sketch::Sketch::new(inputs, fonts);
    heads::draw_grid(inputs, grid, None, &mut sketch);
    let facts = common::tip::Facts::new(inputs, &mut sketch);
    sketch.finish(facts)
}

/// Draws a view, of what is known of what it [needs](needs).
pub fn draw(view: View, inputs: &Inputs<'_>, fonts: &mut Fonts) -> Scene {
    let mut sketch = common::sketch::Sketch::new(inputs, fonts);
    caption::draw(view, inputs, &mut sketch);
    // Less room is a panel that is being opened or closed.
    if inputs.size.x >= 64.0 && inputs.size.y >= 48.0 {
        (view.definition().draw)(inputs, &mut sketch);
    }
    let facts = common::tip::Facts::new(inputs, &mut sketch);
    sketch.finish(facts)
}

/// What a view has to know to draw itself, the most urgent first. The results in the inputs play no part.
pub fn needs(view: View, inputs: &Inputs<'_>) -> Vec<Query> {
    (view.definition().needs)(inputs)
}

/// What has to be known for the numbers that a view shows.
pub fn needs_for_numbers(view: View, inputs: &Inputs<'_>) -> Vec<Query> {
    let mut needs = needs(view, inputs);
    needs.extend((view.definition().needs_for_numbers)(inputs));
    needs
}

/// What a view shows, as an array.
///
/// # Errors
/// If the trace has nothing of that kind, or it is not known.
pub fn numbers(view: View, inputs: &Inputs<'_>) -> Result<Numbers, NoNumbers> {
    (view.definition().numbers)(inputs)
}

impl Scene {
    /// What lies at a place in logical pixels.
    pub fn at(&self, pointer: Vec2) -> Option<Target> {
        self.zones.iter().rev().find_map(|zone| zone.at(pointer))
    }

    /// The tokens of a sequence whose middles lie in a rectangle, as (sequence, tokens), ascending; of several sequences that
    /// of the first. `None` if there is no such token.
    pub fn tokens_in(&self, rect: Rect) -> Option<(usize, Vec<usize>)> {
        let inside = |zone: &Zone| match zone {
            Zone::Area { rect: area, target: Target::Token { sequence, token } } if rect.contains(area.center()) => {
                Some((*sequence, *token))
            }
            _ => None,
        };
        let found: Vec<(usize, usize)> = self.zones.iter().filter_map(inside).collect();
        let sequence = found.first()?.0;
        let mut tokens: Vec<usize> =
            found.into_iter().filter(|&(of, _)| of == sequence).map(|(_, token)| token).collect();
        tokens.sort_unstable();
        tokens.dedup();
        Some((sequence, tokens))
    }

    /// A line of text about a target: its name, its value and the unit.
    pub fn tip(&self, target: Target) -> String {
        self.facts.tip(target)
    }
}

impl View {
    /// Every view, in the order in which they are listed.
    pub const fn all() -> [Self; VIEWS.len()] {
        let mut all = [Self::Heads; VIEWS.len()];
        all.copy_from_slice(VIEWS);
        all
    }

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        self.definition().name
    }

    /// As a tab names it.
    pub const fn title(self) -> &'static str {
        self.definition().title
    }
}

impl fmt::Display for View {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The name is not one of [`View::all`].
#[derive(Debug, thiserror::Error)]
#[error("no view is called '{0}': it is {names}", names = names_of_views())]
pub struct UnknownView(String);

/// `heads, image or text`.
fn names_of_views() -> String {
    let names: Vec<&str> = View::all().into_iter().map(View::name).collect();
    names.split_last().map_or_else(String::new, |(last, others)| format!("{} or {last}", others.join(", ")))
}

impl FromStr for View {
    type Err = UnknownView;

    fn from_str(name: &str) -> Result<Self, UnknownView> {
        Self::all().into_iter().find(|view| view.name() == name).ok_or_else(|| UnknownView(name.to_owned()))
    }
}
