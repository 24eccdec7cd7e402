//! Which views show two traces, and what they are called.

use crate::typed::choice;
use crate::view::View;

choice! {
    /// A view that shows two traces.
    #[derive(Default)]
    pub enum CompareView {
        /// Layers × heads.
        #[default]
        Heads = "heads";
        /// The pictures.
        Image = "image";
        /// The tokens.
        Text = "text";
    }
}

impl CompareView {
    /// The view that shows each of the two.
    pub(super) fn of_one(self) -> View {
        match self {
            Self::Heads => View::Heads,
            Self::Image => View::Image,
            Self::Text => View::Text,
        }
    }
}
