//! A run of rows, as they are in every head.

use std::ops::Range;

use super::columns::Columns;
use super::row::{LANES, Lanes, distances};
use crate::analysis::statistics::parts::Part;
use crate::analysis::statistics::plan::{COUNTED_IMAGE, COUNTED_TEXT, Place, VLI_PATCH, VLI_TEXT};
use crate::analysis::statistics::sums::{SLOTS, Sums};

/// By which the sums of columns are kept apart.
const KIND: u32 = COUNTED_TEXT | COUNTED_IMAGE | VLI_TEXT | VLI_PATCH;

pub(super) struct Run<'a> {
    pub rows: Vec<Row<'a>>,
    /// The flags by which the rows' queries differ, of [`KIND`].
    pub kinds: Vec<u32>,
    /// In how many means the rows are if all are finite.
    pub counts: Sums,
    /// Of image queries, where they are asked for: the distances to the keys on their image.
    distances: Vec<Lanes>,
}

/// What a query is in every head.
pub(super) struct Row<'a> {
    pub index: usize,
    pub query: &'a Place,
    /// The number of its flags in [`Run::kinds`].
    pub kind: usize,
    /// How many keys it sees.
    pub seen: usize,
    /// Where its distances are in [`Run::distances`].
    distances: Option<usize>,
    pub ln_visible: f32,
    pub root_visible: f32,
}

impl<'a> Run<'a> {
    pub fn new(columns: &Columns<'a>, rows: Range<usize>) -> Self {
        let plan = columns.plan;
        let (kinds, distances) = (Vec::new(), Vec::new());
        let mut run = Self { rows: Vec::with_capacity(rows.len()), kinds, counts: [0.0; SLOTS], distances };
        for index in rows {
            let query = &plan.queries[index];
            query.count_row(&mut run.counts, 1.0);
            let flags = query.flags & KIND;
            let kind = run.kinds.iter().position(|&known| known == flags).unwrap_or_else(|| {
                run.kinds.push(flags);
                run.kinds.len() - 1
            });
            let is_asked = plan.gives(Part::Distance) && query.is(COUNTED_IMAGE);
            // An image that only queries lie on has no keys to be far from.
            let on_image = columns.on_image.get(query.image as usize).filter(|_| is_asked);
            let distances = on_image.map(|on_image| run.add_distances(query.at, columns, on_image));
            let visible = query.visible as f32;
            let (ln_visible, root_visible) = (visible.ln(), visible.sqrt());
            run.rows.push(Row { index, query, kind, seen: plan.seen(index), distances, ln_visible, root_visible });
        }
        run
    }

    fn add_distances(&mut self, from: [f32; 2], columns: &Columns<'_>, on_image: &[Lanes]) -> usize {
        let first = self.distances.len();
        self.distances.resize(first + columns.vectors(), [0.0; LANES]);
        distances(from, [&columns.x, &columns.y], on_image, &mut self.distances[first..]);
        first
    }

    /// Whose rows they are.
    pub fn queries(&self) -> Range<usize> {
        self.rows.first().map_or(0..0, |first| first.index..first.index + self.rows.len())
    }

    /// The distances of a row.
    pub fn distances(&self, row: &Row<'_>) -> Option<&[Lanes]> {
        row.distances.map(|first| &self.distances[first..])
    }
}
