//! The list of views. A view is a line here, and a folder of that name that holds everything else about it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Hands the list to a macro: what it is, its name in code, its folder (the name on the command line and in files), and what
/// its tab says.
macro_rules! list_of_views {
    ($list:ident) => {
        $list! {
            /// Layers × heads, one statistic.
            Heads, heads, "Heads";
            /// The picture under the selection's attention.
            Image, image, "Image";
            /// The tokens in the colours of the selection's attention.
            Text, text, "Text";
            /// Queries × keys of one head.
            Matrix, matrix, "Matrix";
            /// Curves between words and patches.
            Links, links, "Links";
            /// Hidden states in two dimensions.
            Embedding, embedding, "Hidden states";
            /// Queries and keys of heads in two dimensions.
            Joint, joint, "Queries and keys";
            /// The matrices of all heads.
            Thumbnails, thumbnails, "Thumbnails";
            /// The picture under the attention of each head of a layer.
            Overlays, overlays, "Heads on image";
            /// What each output token attends to, layer by layer.
            Timeline, timeline, "Timeline";
            /// The similarity of the hidden states.
            Similarity, similarity, "Similarity";
            /// What the hidden states decode to.
            Lens, lens, "Words";
            /// The picture under the attention of every head of every layer.
            Lattice, lattice, "All heads on image";
            /// Pinned parts beside each other and their differences.
            Pins, pins, "Pins";
        }
    };
}
pub(super) use list_of_views;

macro_rules! enumerate {
    ($($(#[$doc:meta])* $view:ident, $folder:ident, $title:literal;)*) => {
        /// One way to look at a trace.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum View {
            $($(#[$doc])* $view,)*
        }

        /// In the order in which they are listed.
        const VIEWS: [View; [$($title),*].len()] = [$(View::$view),*];

        impl View {
            /// The name on the command line and in files.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$view => stringify!($folder),)*
                }
            }

            /// As a tab names it.
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$view => $title,)*
                }
            }
        }
    };
}

list_of_views!(enumerate);

impl View {
    /// Every view, in the order in which they are listed.
    pub const fn all() -> [Self; VIEWS.len()] {
        VIEWS
    }
}

impl fmt::Display for View {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The name is not one of [`View::all`].
#[derive(Debug, thiserror::Error)]
#[error("no view is called '{0}': it is {names}", names = names())]
pub struct UnknownView(String);

/// `heads, image or text`.
fn names() -> String {
    let names = VIEWS.map(View::name);
    names.split_last().map_or_else(String::new, |(last, others)| format!("{} or {last}", others.join(", ")))
}

impl FromStr for View {
    type Err = UnknownView;

    fn from_str(name: &str) -> Result<Self, UnknownView> {
        VIEWS.into_iter().find(|view| view.name() == name).ok_or_else(|| UnknownView(name.to_owned()))
    }
}
