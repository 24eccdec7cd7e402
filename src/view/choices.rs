//! Choices among a few ways to show something, with their names on the command line.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::trace::{Modality, Token};

/// Which of several grids of patches over one image are shown where they overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Tiles {
    /// Every one, the finer above the coarser.
    #[default]
    All,
    /// Where they overlap, the one with the larger patches: an overview.
    Coarse,
    /// Where they overlap, the one with the smaller patches: tiles.
    Fine,
}

/// Which queries and keys the matrix holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum MatrixBlock {
    /// Every one.
    #[default]
    All,
    /// Text queries, text keys.
    TextText,
    /// Text queries, image keys.
    TextImage,
    /// Image queries, text keys.
    ImageText,
    /// Image queries, image keys.
    ImageImage,
}

/// What the colour of a link says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LinkColor {
    /// Whether it belongs to a selected token.
    #[default]
    Selection,
    /// Which head it is of; every selected head has links of its own.
    Head,
    /// Whether text attends to the image or the image to text; both are shown.
    Direction,
}

impl Tiles {
    /// In the order of a list.
    pub const ALL: [Self; 3] = [Self::All, Self::Coarse, Self::Fine];

    /// As a list shows it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::All => "all tiles",
            Self::Coarse => "coarse tiles",
            Self::Fine => "fine tiles",
        }
    }
}

impl MatrixBlock {
    /// In the order of a list.
    pub const ALL: [Self; 5] = [Self::All, Self::TextText, Self::TextImage, Self::ImageText, Self::ImageImage];

    /// As a list shows it: query–key.
    pub const fn label(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::TextText => "text–text",
            Self::TextImage => "text–image",
            Self::ImageText => "image–text",
            Self::ImageImage => "image–image",
        }
    }

    /// Of queries and of keys; `None` for both.
    pub const fn modalities(self) -> Option<[Modality; 2]> {
        match self {
            Self::All => None,
            Self::TextText => Some([Modality::Text, Modality::Text]),
            Self::TextImage => Some([Modality::Text, Modality::Image]),
            Self::ImageText => Some([Modality::Image, Modality::Text]),
            Self::ImageImage => Some([Modality::Image, Modality::Image]),
        }
    }

    /// The queries, or the keys (side 1), that it holds, of all on that side.
    pub fn tokens(self, side: usize, tokens: &[Token]) -> Vec<usize> {
        let modality = self.modalities().and_then(|both| both.get(side).copied());
        (0..tokens.len()).filter(|&token| modality.is_none_or(|only| tokens[token].modality() == only)).collect()
    }
}

impl LinkColor {
    /// In the order of a list.
    pub const ALL: [Self; 3] = [Self::Selection, Self::Head, Self::Direction];

    /// As a list shows it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Selection => "by selection",
            Self::Head => "by head",
            Self::Direction => "by direction",
        }
    }
}
