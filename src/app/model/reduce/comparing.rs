//! What the shown trace is compared with, and what came of it.

use std::sync::Arc;

use crate::analysis::Selection;
use crate::app::model::comparison::{Compared, Comparison};
use crate::app::model::state::State;
use crate::query::{OpenTrace, Results};
use crate::view::Partner;

impl State {
    /// The partner was read, or cannot be.
    pub fn set_partner(&mut self, trace: Result<OpenTrace, String>) {
        let compared = |trace| {
            let partner = Partner { selection: Selection::default(), lacks: None };
            Arc::new(Compared { trace: Arc::new(trace), partner, results: Results::default() })
        };
        (self.comparison.shown, self.comparison.failure) = match trace {
            Ok(trace) => (Some(compared(trace)), None),
            Err(why) => (None, Some(why)),
        };
        self.comparison.of = None;
        self.comparison.waits = self.comparison.shown.is_some();
        self.version += 1;
    }

    /// Compares with an example of the list, or with the one that is shown; whether there is one.
    pub(in crate::app) fn compare_with(&mut self, example: Option<usize>) -> bool {
        let path = match example {
            Some(example) => self.examples.get(example).cloned(),
            None => self.trace.as_ref().map(|trace| trace.trace.path().to_owned()),
        };
        let is_there = path.is_some();
        let view = self.comparison.view;
        self.comparison = Comparison { partner: path, view, ..Comparison::default() };
        is_there
    }
}
