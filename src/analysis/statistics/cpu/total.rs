//! What the rows of one head add up to, run by run.

use super::columns::Columns;
use super::row::Lanes;
use crate::analysis::statistics::sums::{self, SLOTS, Sums};

/// What the rows of one head add.
pub(super) struct Total {
    pub sums: Sums,
    /// What each key receives; empty where nobody asks.
    received: Vec<f64>,
}

impl Total {
    pub fn new() -> Self {
        Self { sums: [0.0; SLOTS], received: Vec::new() }
    }

    pub fn add(&mut self, part: &Self) {
        self.sums.iter_mut().zip(&part.sums).for_each(|(sum, part)| *sum += part);
        self.received.resize(part.received.len().max(self.received.len()), 0.0);
        self.received.iter_mut().zip(&part.received).for_each(|(sum, part)| *sum += part);
    }

    pub fn add_received(&mut self, received: &[Lanes]) {
        let received = received.as_flattened();
        self.received.resize(received.len(), 0.0);
        self.received.iter_mut().zip(received).for_each(|(sum, &more)| *sum += f64::from(more));
    }

    /// The sums, when all rows are added; the columns go.
    pub fn close(&mut self, columns: &Columns<'_>) -> Sums {
        let counted = columns.counted.as_flattened();
        let received = std::mem::take(&mut self.received);
        let strongest =
            received.iter().zip(counted).map(|(sum, &counted)| sum * f64::from(counted)).fold(0.0, f64::max);
        self.sums[sums::STRONGEST] = strongest.max(self.sums[sums::STRONGEST]);
        self.sums
    }
}
