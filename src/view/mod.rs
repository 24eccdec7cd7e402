//! The views: trace + selection + options + results → what is drawn, and what lies where for the pointer.
//!
//! Everything here is pure. A view measures text and otherwise only computes: the same inputs give the same
//! [`Scene`] in the window, headless and in a test. A view [needs] requests, and is drawn of their
//! [`Results`](crate::query::Results); nothing is analysed here.

mod caption;
mod choices;
mod common;
mod compare;
mod compose;
mod definition;
mod inputs;
mod numbers;
mod options;
mod scene;
mod summary;
mod token_cloud;
mod views;

use crate::query::{Query, StatisticGrid};
use crate::render::Fonts;
use common::sketch::Sketch;
use definition::Definition;

pub use choices::{HeadsOrder, LinkColor, MatrixBlock, PinnedView, Tiles};
pub use common::asked::{plane, projection, statistic_grid, statistics};
pub use common::theme::{Palette, Theme, contrast};
pub use common::words::{joined, token_names, word, words};
pub use common::zone::{ColourBar, Target, Zone};
pub use compare::{
    AlignedRow, Alignment, CompareView, ComparedHeads, ComparedImage, ComparedTokens, Partner, compared_image,
    compared_text, comparison_needs, draw_comparison, partner,
};
pub use compose::{ComposedPanel, compose, letter};
pub use embedding::{ColorBy, EmbeddingOptions, SizeBy};
pub use inputs::Inputs;
pub use matrix::matrix_size;
pub use numbers::{Axis, NoNumbers, Numbers};
pub use options::{Caption, Options};
pub use pins::names as pin_names;
pub use scene::Scene;
pub use summary::{summary, summary_needs};
pub use token_cloud::{
    CloudInputs, CloudScene, MOST_DISCS, PaintedTokens, TokenCloud, TokenColor, draw_token_cloud, rows_of, token_name,
};
pub use views::{UnknownView, View};

macro_rules! folders {
    ($($(#[$doc:meta])* $view:ident, $folder:ident, $title:literal;)*) => {
        $(mod $folder;)*

        const fn definition(view: View) -> &'static Definition {
            match view {
                $(View::$view => &$folder::VIEW,)*
            }
        }
    };
}

views::list_of_views!(folders);

/// Draws a view, of what is known of what it [needs].
pub fn draw(view: View, inputs: &Inputs<'_>, fonts: &mut Fonts) -> Scene {
    let mut sketch = Sketch::new(inputs, fonts);
    caption::draw(|| (definition(view).caption)(inputs), inputs, &mut sketch);
    if has_room(inputs) {
        (definition(view).draw)(inputs, &mut sketch);
    }
    let facts = sketch.facts(inputs);
    sketch.finish(facts)
}

/// Less room is a panel that is being opened or closed.
fn has_room(inputs: &Inputs<'_>) -> bool {
    inputs.size.x >= 64.0 && inputs.size.y >= 48.0
}

/// The words of an automatic caption: the trace, what of it the view shows, and what was done to it.
pub fn caption_of(view: View, inputs: &Inputs<'_>) -> String {
    caption::automatic((definition(view).caption)(inputs), inputs)
}

/// Draws layers × heads of numbers that are no statistic of one trace.
pub fn draw_grid(grid: &StatisticGrid, inputs: &Inputs<'_>, fonts: &mut Fonts) -> Scene {
    let mut sketch = Sketch::new(inputs, fonts);
    caption::draw(|| heads::words_of(inputs, grid), inputs, &mut sketch);
    if has_room(inputs) {
        heads::draw_grid(inputs, grid, None, &mut sketch);
    }
    let facts = sketch.facts(inputs);
    sketch.finish(facts)
}

/// What a view has to know to draw itself, the most urgent first. The results in the inputs play no part.
pub fn needs(view: View, inputs: &Inputs<'_>) -> Vec<Query> {
    (definition(view).needs)(inputs)
}

/// What has to be known for the numbers that a view shows.
pub fn needs_for_numbers(view: View, inputs: &Inputs<'_>) -> Vec<Query> {
    let Definition { needs, needs_for_numbers, .. } = definition(view);
    [needs(inputs), needs_for_numbers(inputs)].concat()
}

/// What a view shows, as an array.
///
/// # Errors
/// If the trace has nothing of that kind, or it is not known.
pub fn numbers_of(view: View, inputs: &Inputs<'_>) -> Result<Numbers, NoNumbers> {
    (definition(view).numbers)(inputs)
}
