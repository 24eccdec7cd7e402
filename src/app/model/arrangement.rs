//! How the panels are arranged: for a task, as the user has kept it, or one of them alone.

use crate::app::model::panel::Panel;
use crate::typed::choice;

choice! {
    /// An arrangement for a task. Each holds every panel; what the task is about is large and in front.
    #[derive(Default)]
    pub enum Preset {
        /// As at first: examples and heads, picture and text, matrix and hidden states.
        #[default]
        Usual = "usual";
        /// Picture and matrix large, the text below.
        Attention = "attention";
        /// What each generated token looks at, layer by layer, and what the states decode to.
        Generation = "generation";
        /// The states in the plane, how similar they are, and what they decode to.
        HiddenStates = "hidden-states", "hidden states";
        /// The list of examples, the atlas of heads and the atlas of tokens.
        Dataset = "dataset";
        /// All heads: by a statistic, each on the image, each as a matrix.
        Heads = "heads";
    }
}

/// An arrangement that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrangement {
    /// For a task.
    Preset(Preset),
    /// Kept by the user under this name.
    Own(String),
}

/// One wish about where the panels stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PanelCommand {
    /// Put them so.
    Arrange(Arrangement),
    /// Keep how they stand now under this name.
    Keep(String),
    /// Forget what was kept under this name.
    Forget(String),
    /// One panel alone, or all of them again; `None` for the one that has the keyboard's focus, else the one under the pointer.
    ToggleMaximised(Option<Panel>),
}

/// What the panels read of their own arrangement.
#[derive(Debug, Default)]
pub struct Arranged {
    /// The panel that is shown alone.
    pub maximised: Option<Panel>,
    /// The panel under the pointer.
    pub pointed: Option<Panel>,
    /// The names of the arrangements that the user has kept, in their order.
    pub own: Vec<String>,
}
