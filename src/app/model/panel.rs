//! Which panels there are: one of each view, and five more.

use serde::{Deserialize, Serialize};

use crate::view::View;

/// Something that stands in the layout. In files it is its name, whose letters may be large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Panel {
    /// The dataset.
    Examples,
    /// The tokens of the dataset.
    Tokens,
    /// A statistic of the heads over the dataset.
    Atlas,
    /// Two traces.
    Compare,
    /// What was written down.
    Notes,
    /// A view of the trace.
    View(View),
}

impl Panel {
    /// How many there are.
    pub const COUNT: usize = View::all().len() + 5;

    /// Every one.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Examples, Self::Tokens, Self::Atlas, Self::Compare, Self::Notes]
            .into_iter()
            .chain(View::all().map(Self::View))
    }

    /// Its place among [`Self::all`].
    pub fn index(self) -> usize {
        match self {
            Self::Examples => 0,
            Self::Tokens => 1,
            Self::Atlas => 2,
            Self::Compare => 3,
            Self::Notes => 4,
            Self::View(view) => 5 + view as usize,
        }
    }

    /// In files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Examples => "examples",
            Self::Tokens => "tokens",
            Self::Atlas => "atlas",
            Self::Compare => "compare",
            Self::Notes => "notes",
            Self::View(view) => view.name(),
        }
    }

    /// What is written on its tab.
    pub fn title(self) -> &'static str {
        match self {
            Self::Examples => "Examples",
            Self::Tokens => "Token atlas",
            Self::Atlas => "Head atlas",
            Self::Compare => "Compare",
            Self::Notes => "Notes",
            Self::View(view) => view.title(),
        }
    }

    /// What it shows, in a sentence.
    pub fn says(self) -> &'static str {
        match self {
            Self::Examples => "The traces of the folder: filter, sort, and open one by a click.",
            Self::Tokens => "The hidden states of all tokens of the dataset in the plane; near points are similar.",
            Self::Atlas => {
                "A statistic of every head over the filtered examples, or the difference of two groups of them."
            }
            Self::Compare => "Two traces side by side on one scale, and what is different.",
            Self::Notes => "Bookmarks with a line of text, and labels of heads and examples.",
            Self::View(view) => view.says(),
        }
    }

    /// The view that it shows.
    pub fn view(self) -> Option<View> {
        if let Self::View(view) = self { Some(view) } else { None }
    }
}

impl From<Panel> for String {
    fn from(panel: Panel) -> Self {
        panel.name().to_owned()
    }
}

impl TryFrom<String> for Panel {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let found = Self::all().find(|panel| panel.name().eq_ignore_ascii_case(&name));
        found.ok_or_else(|| format!("there is no panel `{name}`"))
    }
}
