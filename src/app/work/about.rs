//! What is asked of a dataset.

use std::sync::Arc;

use crate::dataset::Dataset;

/// A question, and the dataset that it is about. Two are equal if the questions are, and the datasets are the same one.
#[derive(Clone, Debug)]
pub struct About<Q> {
    /// The dataset.
    pub subject: Arc<Dataset>,
    /// Tells datasets apart: one that is read again is another one.
    pub serial: u64,
    /// What is asked of it.
    pub question: Q,
}

impl<Q> About<Q> {
    /// A question about the dataset of this number.
    pub fn new(dataset: &Arc<Dataset>, serial: u64, question: Q) -> Self {
        Self { subject: Arc::clone(dataset), serial, question }
    }
}

impl<Q: PartialEq> PartialEq for About<Q> {
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial && self.question == other.question
    }
}
