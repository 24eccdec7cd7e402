//! What the shown trace is compared with, and what came of it.

use std::sync::Arc;

use crate::app::model::comparison::{Compared, Comparison};
use crate::app::model::state::State;

impl State {
    /// The partner has answered.
    pub fn set_compared(&mut self, answer: Result<Arc<Compared>, String>) {
        self.comparison.waits = false;
        match answer {
            Ok(compared) => (self.comparison.shown, self.comparison.failure) = (Some(compared), None),
            Err(why) => (self.comparison.shown, self.comparison.failure) = (None, Some(why)),
        }
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
