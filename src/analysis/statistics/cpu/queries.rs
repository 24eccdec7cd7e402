//! The queries of a layer, as its mask has them.

use std::ops::Range;

use crate::analysis::statistics::plan::{Place, Plan};
use crate::analysis::statistics::sums::{SLOTS, Sums};
use crate::trace::{LayerMask, MaskRow};

pub(super) struct Queries<'a> {
    mask: LayerMask<'a>,
    each: Vec<Query>,
    /// Whether one of them does not see all keys.
    pub hides_any: bool,
}

pub(super) struct Query {
    pub place: Place,
    pub ln_visible: f32,
    pub root_visible: f32,
}

impl<'a> Queries<'a> {
    pub fn new(plan: &Plan, mask: LayerMask<'a>) -> Self {
        let query = |place: Place| {
            let visible = place.visible as f32;
            Query { place, ln_visible: visible.ln(), root_visible: visible.sqrt() }
        };
        let each = plan.queries_under(&mask).into_iter().map(query).collect();
        Self { mask, each, hides_any: mask.hides_any(plan.queries.len()) }
    }

    pub fn get(&self, index: usize) -> &Query {
        &self.each[index]
    }

    /// The keys that a query sees.
    pub fn seen(&self, index: usize) -> MaskRow<'a> {
        self.mask.row(index)
    }

    /// In how many means these rows are if all are finite.
    pub fn counts(&self, rows: Range<usize>) -> Sums {
        let mut counts = [0.0; SLOTS];
        self.each[rows].iter().for_each(|query| query.place.count_row(&mut counts, 1.0));
        counts
    }
}
