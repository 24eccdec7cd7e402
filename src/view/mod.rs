//! The views: trace + selection + options + evidence → what is drawn, and what lies where for the pointer.
//!
//! Everything here is pure. A view measures text and otherwise only computes: the same inputs give the same
//! [`Scene`] in the window, headless and in a test. Numbers come in as [`Evidence`]; nothing is analysed here.

mod caption;
mod choices;
mod common;
mod compare;
mod embedding;
mod evidence;
mod heads;
mod image;
mod inputs;
mod links;
mod matrix;
mod options;
mod overlays;
mod scene;
mod similarity;
mod summary;
mod text;
mod thumbnails;
mod timeline;
mod token_cloud;
mod views;

use self::common::sketch::Sketch;
use self::common::tip::Facts;
use crate::render::Fonts;

pub use choices::{LinkColor, MatrixBlock, Tiles};
pub use common::theme::{Palette, Theme, contrast};
pub use common::words::{joined, token_names, word, words};
pub use common::zone::{ColourBar, Target, Zone};
pub use compare::{
    AlignedRow, Alignment, CompareView, ComparedHeads, ComparedImage, ComparedTokens, compared_image, compared_text,
    draw_comparison, partner_selection,
};
pub use embedding::{ColorBy, EmbeddingOptions, SizeBy};
pub use evidence::{Evidence, NearTokens, Neighbours, Projection, StatisticGrid, Thumbnails};
pub use inputs::Inputs;
pub use matrix::matrix_size;
pub use options::{Caption, HeadsOrder, Options};
pub use scene::Scene;
pub use summary::summary;
pub use thumbnails::{gap as thumbnail_gap, side as thumbnail_side};
pub use token_cloud::{CloudInputs, CloudScene, MOST_DISCS, TokenCloud, draw_token_cloud};
pub use views::{UnknownView, View};

/// Draws a view.
pub fn draw(view: View, inputs: &Inputs<'_>, fonts: &mut Fonts) -> Scene {
    let mut sketch = Sketch::new(inputs, fonts);
    caption::draw(view, inputs, &mut sketch);
    match view {
        // A panel that is being opened or closed.
        _ if inputs.size.x < 64.0 || inputs.size.y < 48.0 => {}
        View::Heads => heads::draw(inputs, &mut sketch),
        View::Image => image::draw(inputs, &mut sketch),
        View::Text => text::draw(inputs, &mut sketch),
        View::Matrix => matrix::draw(inputs, &mut sketch),
        View::Links => links::draw(inputs, &mut sketch),
        View::Embedding => embedding::draw(inputs, &mut sketch),
        View::Thumbnails => thumbnails::draw(inputs, &mut sketch),
        View::Overlays => overlays::draw(inputs, &mut sketch),
        View::Timeline => timeline::draw(inputs, &mut sketch),
        View::Similarity => similarity::draw(inputs, &mut sketch),
    }
    let said = sketch.said.take();
    sketch.finish(Facts::new(inputs, said))
}
