//! The trace that the shown one is compared with.

use std::path::PathBuf;
use std::sync::Arc;

use crate::query::{OpenTrace, Partner};
use crate::view::CompareView;

/// What the window compares.
#[derive(Debug, Default)]
pub struct Comparison {
    /// The trace that stands at the right; `None` before one is chosen.
    pub partner: Option<PathBuf>,
    /// Which view of both.
    pub view: CompareView,
    /// The partner and its numbers; those of the question before stay until the next are ready.
    pub shown: Option<Arc<Compared>>,
    /// Why there is no partner to show.
    pub failure: Option<String>,
    /// Whether numbers for what is selected now are on their way.
    pub waits: bool,
}

/// A partner, and what it answered.
#[derive(Debug)]
pub struct Compared {
    /// The trace.
    pub trace: Arc<OpenTrace>,
    /// What is selected in it, and its numbers.
    pub answer: Partner,
}
