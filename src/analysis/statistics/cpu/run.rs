//! A run of rows, as they are in every head of every layer.

use std::ops::Range;

use super::columns::Columns;
use super::row::{LANES, Lanes, distances};
use crate::analysis::statistics::parts::Part;
use crate::analysis::statistics::plan::{COUNTED_IMAGE, COUNTED_TEXT, VLI_PATCH, VLI_TEXT};

/// By which the sums of columns are kept apart.
const KIND: u32 = COUNTED_TEXT | COUNTED_IMAGE | VLI_TEXT | VLI_PATCH;

pub(super) struct Run {
    pub rows: Vec<Row>,
    /// The flags by which the rows' queries differ, of [`KIND`].
    pub kinds: Vec<u32>,
    /// Of image queries, where they are asked for: the distances to the keys on their image.
    distances: Vec<Lanes>,
}

/// What a query is, whatever it sees.
pub(super) struct Row {
    pub index: usize,
    /// The number of its flags in [`Run::kinds`].
    pub kind: usize,
    /// Where its distances are in [`Run::distances`].
    distances: Option<usize>,
}

impl Run {
    pub fn new(columns: &Columns<'_>, rows: Range<usize>) -> Self {
        let plan = columns.plan;
        let mut run = Self { rows: Vec::with_capacity(rows.len()), kinds: Vec::new(), distances: Vec::new() };
        for index in rows {
            let query = &plan.queries[index];
            let flags = query.flags & KIND;
            let kind = run.kinds.iter().position(|&known| known == flags).unwrap_or_else(|| {
                run.kinds.push(flags);
                run.kinds.len() - 1
            });
            let is_asked = plan.gives(Part::Distance) && query.is(COUNTED_IMAGE);
            // An image that only queries lie on has no keys to be far from.
            let on_image = columns.on_image.get(query.image as usize).filter(|_| is_asked);
            let distances = on_image.map(|on_image| run.add_distances(query.at, columns, on_image));
            run.rows.push(Row { index, kind, distances });
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
    pub fn distances(&self, row: &Row) -> Option<&[Lanes]> {
        row.distances.map(|first| &self.distances[first..])
    }
}
