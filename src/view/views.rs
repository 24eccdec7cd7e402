//! The list of views, and what they are called.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One way to look at a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// Layers × heads, one statistic.
    Heads,
    /// The picture under the selection's attention.
    Image,
    /// The tokens in the colours of the selection's attention.
    Text,
    /// Queries × keys of one head.
    Matrix,
    /// Curves between words and patches.
    Links,
    /// Hidden states in two dimensions.
    Embedding,
    /// The matrices of all heads.
    Thumbnails,
    /// The picture under the attention of each head of a layer.
    Overlays,
    /// What each output token attends to, layer by layer.
    Timeline,
    /// How alike the hidden states are.
    Similarity,
}

impl View {
    /// Every view, in the order in which they are listed.
    pub const fn all() -> [Self; 10] {
        [
            Self::Heads,
            Self::Image,
            Self::Text,
            Self::Matrix,
            Self::Links,
            Self::Embedding,
            Self::Thumbnails,
            Self::Overlays,
            Self::Timeline,
            Self::Similarity,
        ]
    }

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Heads => "heads",
            Self::Image => "image",
            Self::Text => "text",
            Self::Matrix => "matrix",
            Self::Links => "links",
            Self::Embedding => "embedding",
            Self::Thumbnails => "thumbnails",
            Self::Overlays => "overlays",
            Self::Timeline => "timeline",
            Self::Similarity => "similarity",
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The name is not one of [`View::all`].
#[derive(Debug, thiserror::Error)]
#[error(
    "no view is called '{0}': it is heads, image, text, matrix, links, embedding, thumbnails, overlays, timeline or \
     similarity"
)]
pub struct UnknownView(String);

impl FromStr for View {
    type Err = UnknownView;

    fn from_str(name: &str) -> Result<Self, UnknownView> {
        Self::all().into_iter().find(|view| view.name() == name).ok_or_else(|| UnknownView(name.to_owned()))
    }
}
