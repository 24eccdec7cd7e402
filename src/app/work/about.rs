//! What is asked of a trace or a dataset.

use std::sync::Arc;

use crate::dataset::Dataset;
use crate::query::OpenTrace;

/// A question, and what it is about. Two are equal if the questions are, and the subjects are the same one.
#[derive(Debug)]
pub struct About<S, Q> {
    /// The trace, or the dataset.
    pub subject: Arc<S>,
    /// Tells subjects apart: a file that is read again is another one.
    pub serial: u64,
    /// What is asked of it.
    pub question: Q,
}

impl<Q> About<OpenTrace, Q> {
    /// A question about a trace.
    pub fn trace(open: &Arc<OpenTrace>, question: Q) -> Self {
        Self { subject: Arc::clone(open), serial: open.trace.serial(), question }
    }
}

impl<Q> About<Dataset, Q> {
    /// A question about the dataset of this number.
    pub fn dataset(dataset: &Arc<Dataset>, serial: u64, question: Q) -> Self {
        Self { subject: Arc::clone(dataset), serial, question }
    }
}

impl<S, Q: PartialEq> PartialEq for About<S, Q> {
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial && self.question == other.question
    }
}

impl<S, Q: Clone> Clone for About<S, Q> {
    fn clone(&self) -> Self {
        Self { subject: Arc::clone(&self.subject), serial: self.serial, question: self.question.clone() }
    }
}
