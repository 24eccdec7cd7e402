//! Choices among a few ways to show something.

use crate::trace::{Modality, Token};
use crate::typed::choice;

choice! {
    /// Which of several grids of patches over one image are shown where they overlap.
    #[derive(Default)]
    pub enum Tiles {
        /// Every one, the finer above the coarser.
        #[default]
        All = "all", "all tiles";
        /// Where they overlap, the one with the larger patches: an overview.
        Coarse = "coarse", "coarse tiles";
        /// Where they overlap, the one with the smaller patches: tiles.
        Fine = "fine", "fine tiles";
    }
}

choice! {
    /// What is shown of each pin.
    #[derive(Default)]
    pub enum PinnedView {
        /// The picture under its attention.
        #[default]
        Image = "image";
        /// The tokens in the colours of its attention.
        Text = "text";
        /// The matrix of its heads.
        Matrix = "matrix";
    }
}

choice! {
    /// Which queries and keys the matrix holds.
    #[derive(Default)]
    pub enum MatrixBlock {
        /// Every one.
        #[default]
        All = "all";
        /// Text queries, text keys.
        TextText = "text-text", "text–text";
        /// Text queries, image keys.
        TextImage = "text-image", "text–image";
        /// Image queries, text keys.
        ImageText = "image-text", "image–text";
        /// Image queries, image keys.
        ImageImage = "image-image", "image–image";
    }
}

choice! {
    /// What the colour of a link says.
    #[derive(Default)]
    pub enum LinkColor {
        /// Whether it belongs to a selected token.
        #[default]
        Selection = "selection", "by selection";
        /// Which head it is of; every selected head has links of its own.
        Head = "head", "by head";
        /// Whether text attends to the image or the image to text; both are shown.
        Direction = "direction", "by direction";
    }
}

choice! {
    /// What rows and columns of the heads view are sorted by; means fall downwards and to the right.
    #[derive(Default)]
    pub enum HeadsOrder {
        /// Their numbers.
        #[default]
        Number = "none" | "number", "by number";
        /// Layers by their mean, heads by number.
        Layers = "layers", "layers by mean";
        /// Heads by their mean, layers by number.
        Heads = "heads", "heads by mean";
        /// Both by their means.
        Both = "both", "both by mean";
    }
}

impl MatrixBlock {
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
