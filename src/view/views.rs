//! The list of views. A view is a line here, and a folder of that name that holds everything else about it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Hands the list to a macro: what it is, its name in code, its folder (the name on the command line and in files), and what
/// its tab says.
macro_rules! list_of_views {
    ($list:ident) => {
        $list! {
            /// Layers × heads as a grid: each cell is one statistic of that head's weights.
            Heads, heads, "Heads";
            /// The picture in grey under the attention of the selected tokens: the weight of each patch.
            Image, image, "Image";
            /// The tokens as words, in the colours of the same weights.
            Text, text, "Text";
            /// Every weight of one head, or of a mean: a row for each query, a column for each key.
            Matrix, matrix, "Matrix";
            /// The strongest weights as curves between words and patches.
            Links, links, "Links";
            /// The hidden states of all tokens in the plane, by PCA, t-SNE or UMAP: near points are similar states.
            Embedding, embedding, "Hidden states";
            /// The queries and keys of a head in one plane: a query lies near the keys that it attends to.
            Joint, joint, "Queries and keys";
            /// The matrices of all heads at once, each pooled to a tile.
            Thumbnails, thumbnails, "Thumbnails";
            /// The picture under the attention of the selected tokens, once for each head of the layer.
            Overlays, overlays, "Heads on image";
            /// How much of each output token's attention goes to the image, the prompt and earlier output, layer by layer.
            Timeline, timeline, "Timeline";
            /// How similar the hidden states of every two layers are, by linear CKA; state 0 is the embedding.
            Similarity, similarity, "Similarity";
            /// What each hidden state decodes to through the model's own output layer (logit lens).
            Lens, lens, "Words";
            /// The picture under the attention of every head of every layer.
            Lattice, lattice, "All heads on image";
            /// What is pinned, side by side on one scale, and how each differs from the first.
            Pins, pins, "Pins";
        }
    };
}
pub(super) use list_of_views;

macro_rules! enumerate {
    ($($(#[doc = $says:literal])* $view:ident, $folder:ident, $title:literal;)*) => {
        /// One way to look at a trace.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum View {
            $($(#[doc = $says])* $view,)*
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

            /// What it shows, in a sentence.
            pub fn says(self) -> &'static str {
                let says = match self {
                    $(Self::$view => concat!($($says),*),)*
                };
                says.trim_start()
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
