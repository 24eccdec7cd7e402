//! What the folder of a view says about it.

use super::common::sketch::Sketch;
use super::inputs::Inputs;
use super::numbers::{NoNumbers, Numbers};
use crate::query::Query;

/// All that there is to know of a view besides its line in the [list](super::views).
pub(super) struct Definition {
    /// What it has to know to draw itself, the most urgent first. The results in the inputs play no part.
    pub needs: fn(&Inputs<'_>) -> Vec<Query>,
    /// Draws it of what is known of that.
    pub draw: fn(&Inputs<'_>, &mut Sketch<'_>),
    /// What a caption says of it, in parts.
    pub caption: fn(&Inputs<'_>) -> Vec<String>,
    /// What has to be known for its numbers besides what it needs.
    pub needs_for_numbers: fn(&Inputs<'_>) -> Vec<Query>,
    /// What it shows, as an array.
    pub numbers: fn(&Inputs<'_>) -> Result<Numbers, NoNumbers>,
}
