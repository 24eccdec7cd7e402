//! Traces that are open though they are not shown: the neighbours of the one that is, and those that were before.

use std::path::Path;
use std::sync::Arc;

use crate::app::work::stamp::stamp;
use crate::query::OpenTrace;

/// How many are kept. A trace that is open costs its header and its images; its values stay in the file.
const KEPT: usize = 6;

/// The traces, those that were kept last at the end, each with the state of its file.
#[derive(Debug, Default)]
pub struct Preloaded(Vec<(Arc<OpenTrace>, Option<[i64; 2]>)>);

impl Preloaded {
    /// The trace of that file, unless the file has changed.
    pub fn get(&self, path: &Path) -> Option<Arc<OpenTrace>> {
        let (trace, at) = self.0.iter().find(|(trace, _)| trace.trace.path() == path)?;
        (at.is_some() && stamp(path) == *at).then(|| Arc::clone(trace))
    }

    /// Keeps it, and lets that go which was kept first.
    pub fn keep(&mut self, trace: Arc<OpenTrace>) {
        self.0.retain(|(kept, _)| kept.trace.path() != trace.trace.path());
        if self.0.len() == KEPT {
            self.0.remove(0);
        }
        let at = stamp(trace.trace.path());
        self.0.push((trace, at));
    }
}
