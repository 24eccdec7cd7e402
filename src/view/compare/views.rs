//! Which views show two traces, and what they are called.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::view::View;

/// A view that shows two traces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompareView {
    /// Layers × heads.
    #[default]
    Heads,
    /// The pictures.
    Image,
    /// The tokens.
    Text,
}

impl CompareView {
    /// In the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Heads, Self::Image, Self::Text];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Heads => "heads",
            Self::Image => "image",
            Self::Text => "text",
        }
    }

    /// The view that shows each of the two.
    pub(super) fn of_one(self) -> View {
        match self {
            Self::Heads => View::Heads,
            Self::Image => View::Image,
            Self::Text => View::Text,
        }
    }
}

impl fmt::Display for CompareView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The name is not one of [`CompareView::ALL`].
#[derive(Debug, thiserror::Error)]
#[error("no view of two traces is called '{0}': it is heads, image or text")]
pub struct UnknownCompareView(String);

impl FromStr for CompareView {
    type Err = UnknownCompareView;

    fn from_str(name: &str) -> Result<Self, UnknownCompareView> {
        Self::ALL.into_iter().find(|view| view.name() == name).ok_or_else(|| UnknownCompareView(name.to_owned()))
    }
}
