//! The trace that the shown one is compared with.

use std::path::PathBuf;
use std::sync::Arc;

use crate::analysis::Selection;
use crate::query::{OpenTrace, Results};
use crate::view::{CompareView, Partner};

/// What the window compares.
#[derive(Debug, Default)]
pub struct Comparison {
    /// The trace that stands at the right; `None` before one is chosen.
    pub partner: Option<PathBuf>,
    /// Which view of both.
    pub view: CompareView,
    /// The partner and its numbers.
    pub shown: Option<Arc<Compared>>,
    /// Of which trace and which selection in it the partner's selection was made, and for which partner.
    pub of: Option<(u64, u64, Selection)>,
    /// Why there is no partner to show.
    pub failure: Option<String>,
    /// Whether numbers for what is selected now are on their way.
    pub waits: bool,
}

/// A partner, and what is known of it.
#[derive(Debug)]
pub struct Compared {
    /// The trace.
    pub trace: Arc<OpenTrace>,
    /// What is selected in it while something is selected in the shown trace.
    pub partner: Partner,
    /// What is known of what the comparison needs of it.
    pub results: Results,
}
