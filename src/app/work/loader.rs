//! Opens traces in a thread of its own. Only the one that was asked for last arrives.

use std::path::PathBuf;

use anyhow::Result;

use crate::app::work::worker::Worker;
use crate::query::OpenTrace;

/// At most one trace is awaited.
pub struct Loader {
    worker: Worker<PathBuf, (PathBuf, Result<OpenTrace>)>,
    awaited: Option<PathBuf>,
}

impl Loader {
    /// `wake` asks for a frame when a trace is there.
    pub fn new(wake: impl Fn() + Send + 'static) -> Self {
        let open = |path: PathBuf, _: &_| {
            let trace = OpenTrace::open(&path);
            Some((path, trace))
        };
        Self { worker: Worker::start(open, wake), awaited: None }
    }

    /// Opens this one, in the place of any that is awaited.
    pub fn ask(&mut self, path: PathBuf) {
        self.awaited = Some(path.clone());
        self.worker.ask(path);
    }

    /// What is awaited is not wanted any more.
    pub fn forget(&mut self) {
        self.awaited = None;
    }

    /// Whether a trace is awaited.
    pub fn is_waiting(&self) -> bool {
        self.awaited.is_some()
    }

    /// The trace that was asked for last, once it is there, or why it cannot be opened.
    pub fn take(&mut self) -> Option<Result<OpenTrace>> {
        let (_, trace) = self.worker.answers().filter(|(path, _)| self.awaited.as_ref() == Some(path)).last()?;
        self.awaited = None;
        Some(trace)
    }
}
