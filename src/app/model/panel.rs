//! Which panels there are.

use serde::{Deserialize, Serialize};

use crate::view::View;

/// Something that stands in the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Panel {
    /// The dataset.
    Examples,
    /// Layers × heads.
    Heads,
    /// The picture.
    Image,
    /// Curves between words and patches.
    Links,
    /// The tokens.
    Text,
    /// Queries × keys.
    Matrix,
    /// Hidden states.
    Embedding,
    /// The matrices of all heads.
    Thumbnails,
    /// The picture under each head of a layer.
    Overlays,
    /// Output tokens.
    Timeline,
    /// Hidden states compared.
    Similarity,
    /// A statistic of the heads over the dataset.
    Atlas,
    /// Two traces.
    Compare,
    /// The tokens of the dataset.
    Tokens,
}

impl Panel {
    /// Every one, as the default layout has them.
    pub const ALL: [Self; 14] = [
        Self::Examples,
        Self::Tokens,
        Self::Heads,
        Self::Thumbnails,
        Self::Atlas,
        Self::Image,
        Self::Overlays,
        Self::Links,
        Self::Compare,
        Self::Text,
        Self::Timeline,
        Self::Matrix,
        Self::Similarity,
        Self::Embedding,
    ];

    /// What is written on its tab.
    pub fn title(self) -> &'static str {
        match self {
            Self::Examples => "Examples",
            Self::Heads => "Heads",
            Self::Image => "Image",
            Self::Links => "Links",
            Self::Text => "Text",
            Self::Matrix => "Matrix",
            Self::Embedding => "Hidden states",
            Self::Thumbnails => "Thumbnails",
            Self::Overlays => "Heads on image",
            Self::Timeline => "Timeline",
            Self::Similarity => "Similarity",
            Self::Atlas => "Head atlas",
            Self::Compare => "Compare",
            Self::Tokens => "Token atlas",
        }
    }

    /// The view that it shows.
    pub fn view(self) -> Option<View> {
        Some(match self {
            Self::Examples | Self::Atlas | Self::Compare | Self::Tokens => return None,
            Self::Heads => View::Heads,
            Self::Image => View::Image,
            Self::Links => View::Links,
            Self::Text => View::Text,
            Self::Matrix => View::Matrix,
            Self::Embedding => View::Embedding,
            Self::Thumbnails => View::Thumbnails,
            Self::Overlays => View::Overlays,
            Self::Timeline => View::Timeline,
            Self::Similarity => View::Similarity,
        })
    }
}
