//! The token atlas in the window: what it shows, and what can be asked of it.

use std::sync::Arc;

use crate::dataset::tokens::{Nearest, TokenAtlas};
use crate::render::{Color, Transform};
use crate::view::TokenCloud;
use crate::view::TokenColor;

/// One wish about the token atlas.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenCommand {
    /// Bring it to the front.
    Focus,
    /// Show this hidden state.
    SetState(usize),
    /// What colours say.
    SetColor(TokenColor),
    /// Zoom and pan; `None` shows all.
    SetView(Option<Transform>),
    /// Whether a drag draws a lasso rather than pans.
    SetLasso(bool),
    /// Open the example of this token with the token selected, and look for the nearest.
    Open(usize),
    /// Look for no nearest tokens any more.
    Forget,
    /// Give up the projection that is being computed.
    Cancel,
}

/// What the panel shows.
#[derive(Debug, Default)]
pub struct TokenPanel {
    /// `None` for the last one of the index.
    pub state: Option<usize>,
    /// What colours say.
    pub color: TokenColor,
    /// Zoom and pan on top of the fitted view.
    pub view: Option<Transform>,
    /// Whether a drag draws a lasso.
    pub lasso: bool,
    /// The tokens on screen; those of the choice before stay until the next are ready.
    pub shown: Option<Arc<ShownTokens>>,
    /// The token that was clicked and those nearest to it.
    pub near: Option<Arc<NearTokens>>,
    /// Why there is nothing new to show.
    pub failure: Option<String>,
    /// How far the projection is, from 0 to 1, while one is computed.
    pub progress: Option<f32>,
    /// Counts the changes that the picture shows.
    pub version: u64,
    /// Whether the projection that is computed was given up.
    pub is_cancelled: bool,
}

/// Projected and painted.
#[derive(Debug)]
pub struct ShownTokens {
    /// The hidden states that the index has.
    pub states: Vec<usize>,
    /// All tokens.
    pub atlas: Arc<TokenAtlas>,
    /// Those that the filter keeps, as points.
    pub cloud: TokenCloud,
    /// What colours mean.
    pub legend: Vec<(String, Color)>,
    /// How many there are.
    pub note: String,
    /// The row of each of the tokens' examples.
    pub rows: Vec<Option<usize>>,
}

/// A token and those that are near.
#[derive(Debug)]
pub struct NearTokens {
    /// Which, among all tokens.
    pub token: usize,
    /// What was found, or why nothing was.
    pub found: Result<Nearest, String>,
    /// The token itself and the found ones, among all tokens, for the picture.
    pub places: Vec<usize>,
}
