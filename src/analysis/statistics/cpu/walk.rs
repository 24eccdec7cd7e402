//! What the rows of a run add in one head.

use std::ops::Range;

use super::columns::Columns;
use super::queries::{Queries, Query};
use super::row::{LANES, Lanes, Shape, Walk, add, two_dots, walk};
use super::run::{Row, Run};
use super::total::Total;
use crate::analysis::statistics::parts::Part;
use crate::analysis::statistics::plan::{HAS_PREVIOUS, HAS_SELF, VLI_PATCH, VLI_TEXT, modality_of};
use crate::analysis::statistics::sums::{self, Sums};
use crate::trace::{MaskRow, TensorView};

/// The rows of a run, as the mask of a layer has them.
pub(super) struct Rows<'a> {
    pub run: &'a Run,
    pub queries: &'a Queries<'a>,
    /// In how many means they are if all are finite.
    pub counts: Sums,
}

/// What a task uses for one head after the other. What a key receives is apart for each kind of query.
pub(super) struct Buffers {
    decoded: Vec<Lanes>,
    /// The unmasked weights of a row, with zeros between them.
    unmasked: Vec<Lanes>,
    /// What each key receives from queries that see it, from far patches alone where VL-InterpreT is asked for,
    received: Vec<Lanes>,
    /// what those that are near add,
    near: Vec<Lanes>,
    /// and what it receives from queries that do not see it, where there is a mask.
    masked: Vec<Lanes>,
}

impl Buffers {
    pub fn new(columns: &Columns<'_>, rows: &Rows<'_>) -> Self {
        let zeros = |rows: usize| vec![[0.0; LANES]; rows * columns.vectors()];
        let (kinds, masked) = (rows.run.kinds.len(), usize::from(rows.queries.hides_any));
        let near = if columns.plan.gives(Part::VlInterpret) { kinds } else { 0 };
        Self {
            decoded: zeros(1),
            unmasked: zeros(masked),
            received: zeros(kinds),
            near: zeros(near),
            masked: zeros(masked * kinds),
        }
    }

    fn clear(&mut self) {
        for columns in [&mut self.received, &mut self.near, &mut self.masked] {
            columns.fill([0.0; LANES]);
        }
    }
}

/// Adds the rows of a run, with which `weights` begin. Those that have a weight that is not finite are left out and counted. They show in the sums of
/// columns only, and then the run is walked again without them: one that is sound is walked once.
pub(super) fn add_rows(
    columns: &Columns<'_>,
    rows: &Rows<'_>,
    weights: &TensorView<'_>,
    buffers: &mut Buffers,
    total: &mut Total,
) {
    let run = rows.run;
    let mut walked = Walked::over(columns, rows, weights, buffers, None);
    let is_finite = walked.add_columns_of_all(columns, run, buffers);
    if !is_finite {
        let left_out: Vec<bool> = (0..run.rows.len()).map(|at| !is_row_finite(columns, at, weights, buffers)).collect();
        walked = Walked::over(columns, rows, weights, buffers, Some(&left_out));
        walked.add_columns_of_all(columns, run, buffers);
    }
    walked.add_unmasked_columns(columns, run, buffers, total);
    total.sums.iter_mut().zip(&walked.sums).for_each(|(total, sum)| *total += sum);
}

/// Of row number `at` of a run.
fn is_row_finite(columns: &Columns<'_>, at: usize, weights: &TensorView<'_>, buffers: &mut Buffers) -> bool {
    let keys = columns.plan.keys.len();
    let decoded = &mut buffers.decoded.as_flattened_mut()[..keys];
    weights.decoded(at * keys, decoded).iter().all(|weight| weight.is_finite())
}

/// What a walk over the rows of a run finds, besides the columns.
struct Walked {
    sums: Sums,
    /// VL-InterpreT: what patches give themselves and their two neighbours.
    on_near: f64,
}

impl Walked {
    /// Walks over all rows but those that are left out. Where some may be, no vector ends with what comes after a row.
    fn over(
        columns: &Columns<'_>,
        rows: &Rows<'_>,
        stored: &TensorView<'_>,
        buffers: &mut Buffers,
        left_out: Option<&[bool]>,
    ) -> Self {
        let keys = columns.plan.keys.len();
        let vectors = columns.vectors();
        let mut walked = Self { sums: rows.counts, on_near: 0.0 };
        buffers.clear();
        for (at, row) in rows.run.rows.iter().enumerate() {
            let query = rows.queries.get(row.index);
            if left_out.is_some_and(|left_out| left_out[at]) {
                query.place.count_row(&mut walked.sums, -1.0);
                walked.sums[sums::ROWS_LEFT_OUT] += 1.0;
                continue;
            }
            let first = at * keys;
            let has_more = first + vectors * LANES <= stored.len();
            let weights = if has_more && left_out.is_none() {
                // The last vector ends with what comes next, which no column counts; if that is not finite,
                // the run is walked again.
                stored.decoded(first, buffers.decoded.as_flattened_mut())
            } else {
                let (decoded, behind) = buffers.decoded.as_flattened_mut().split_at_mut(keys);
                behind.fill(0.0);
                stored.read(first, decoded);
                buffers.decoded.as_flattened()
            };
            let next = stored.bytes_of(first + keys, keys);
            walked.add_single_weights(row.index, query, weights);
            let of_kind = row.kind * vectors..(row.kind + 1) * vectors;
            let received = &mut buffers.received[of_kind.clone()];
            let near = Near::of(columns, query, received);
            let seen = rows.queries.seen(row.index);
            let (mut in_vectors, mut part) = (weights.as_chunks().0, 0..vectors);
            if seen != MaskRow::Run(0..keys) {
                let masked = &mut buffers.masked[of_kind.clone()];
                let near = Near::of(columns, query, masked);
                part = divide(&seen, &weights[..keys], &mut buffers.unmasked, masked.as_flattened_mut());
                near.restore(masked);
                in_vectors = &buffers.unmasked[part.clone()];
            }
            walked.add_row(columns, rows.run, (row, query), (in_vectors, part), next, received);
            near.restore(received);
            if !near.columns.is_empty() {
                let sums = buffers.near[of_kind].as_flattened_mut();
                for &column in near.columns {
                    walked.on_near += f64::from(weights[column]);
                    sums[column] += if seen.allows(column) { weights[column] } else { 0.0 };
                }
            }
        }
        walked
    }

    /// Adds what is said of some weights apart.
    fn add_single_weights(&mut self, index: usize, query: &Query, weights: &[f32]) {
        if query.place.is(HAS_SELF) {
            self.sums[sums::DIAGONAL] += f64::from(weights[index]);
        }
        if query.place.is(HAS_PREVIOUS) {
            self.sums[sums::PREVIOUS] += f64::from(weights[index - 1]);
        }
    }

    /// Adds the unmasked weights of a row, which lie in these of its vectors.
    fn add_row(
        &mut self,
        columns: &Columns<'_>,
        run: &Run,
        (row, query): (&Row, &Query),
        (weights, part): (&[Lanes], Range<usize>),
        next: &[u8],
        received: &mut [Lanes],
    ) {
        let counts = modality_of(query.place.flags).is_some();
        let counted = (counts && columns.plan.gives(Part::Shape)).then_some(&columns.counted[part.clone()]);
        let on_image = || &columns.on_image[query.place.image as usize][part.clone()];
        let factors = run.distances(row).map(|distances| [&distances[part.clone()], on_image()]);
        let walked = walk(weights, Walk { counted, factors, next }, &mut received[part.clone()]);
        if counted.is_some() {
            self.add_shape(query, &walked.shape());
        }
        if factors.is_some() {
            let [moment, weight] = walked.dots();
            if weight > 0.0 {
                self.sums[sums::DISTANCE] += f64::from(moment / weight);
                self.sums[sums::DISTANCE_ROWS] += 1.0;
            }
        }
    }

    fn add_shape(&mut self, query: &Query, shape: &Shape) {
        let mut add_to = |slot: usize, value: f32| self.sums[slot] += f64::from(value);
        add_to(sums::LARGEST, shape.largest);
        if shape.total > 0.0 {
            let entropy = (shape.total.ln() - shape.weight_log_weight / shape.total).max(0.0);
            add_to(sums::ENTROPY, entropy);
            add_to(sums::ENTROPY_ROWS, 1.0);
            if query.place.visible > 1 {
                add_to(sums::RELATIVE, entropy / query.ln_visible);
                add_to(sums::RELATIVE_ROWS, 1.0);
                let root = query.root_visible;
                add_to(sums::HOYER, (root - shape.total / shape.squares.sqrt()) / (root - 1.0));
            }
        }
    }

    /// Adds what keys receive, masked or not; `false` if a weight is not finite: then a product with zero is not finite
    /// either.
    fn add_columns_of_all(&mut self, columns: &Columns<'_>, run: &Run, buffers: &Buffers) -> bool {
        let mut is_finite = self.on_near.is_finite();
        let vectors = columns.vectors();
        for (kind, &flags) in run.kinds.iter().enumerate() {
            let of_kind = kind * vectors..(kind + 1) * vectors;
            for received in [buffers.received.get(of_kind.clone()), buffers.masked.get(of_kind)].into_iter().flatten() {
                let [on_text, on_patches] = two_dots(received, [&columns.vli_text, &columns.vli_patch]).map(f64::from);
                is_finite &= (on_text + on_patches).is_finite();
                let (of_text, of_patch) = (flags & VLI_TEXT != 0, flags & VLI_PATCH != 0);
                let mut add_to =
                    |slot: usize, sum: f64, is_asked: bool| self.sums[slot] += if is_asked { sum } else { 0.0 };
                add_to(sums::VLI, on_text, of_text);
                add_to(sums::VLI + 1, on_patches, of_text);
                add_to(sums::VLI + 2, on_text, of_patch);
                add_to(sums::VLI + 3, on_patches, of_patch);
                add_to(sums::VLI_WITHOUT_SELF, on_patches, of_patch);
            }
        }
        self.sums[sums::VLI + 3] += self.on_near;
        is_finite
    }

    /// Adds what keys receive from the queries that see them.
    fn add_unmasked_columns(&mut self, columns: &Columns<'_>, run: &Run, buffers: &mut Buffers, total: &mut Total) {
        let vectors = columns.vectors();
        for (kind, &flags) in run.kinds.iter().enumerate() {
            let Some(modality) = modality_of(flags) else { continue };
            let of_kind = kind * vectors..(kind + 1) * vectors;
            let received = &mut buffers.received[of_kind.clone()];
            if let Some(near) = buffers.near.get(of_kind).filter(|_| flags & VLI_PATCH != 0) {
                add(near.as_flattened(), received.as_flattened_mut());
            }
            let [text, image] = two_dots(received, [&columns.text, &columns.image]).map(f64::from);
            self.sums[sums::MASS + 2 * modality] += text;
            self.sums[sums::MASS + 2 * modality + 1] += image;
            if columns.plan.gives(Part::Region) {
                let [inside, _] = two_dots(received, [&columns.overlap, &columns.image]);
                self.sums[sums::REGION] += f64::from(inside);
            }
            if columns.plan.gives(Part::Columns) {
                total.add_received(received);
            }
        }
    }
}

/// Adds the weights that a query does not see to sums. Copies the others, with zeros between them, and says in which vectors they
/// are.
fn divide(seen: &MaskRow<'_>, weights: &[f32], unmasked: &mut [Lanes], masked: &mut [f32]) -> Range<usize> {
    let keys = weights.len();
    match seen {
        MaskRow::Run(run) => {
            add(&weights[..run.start], masked);
            add(&weights[run.end..], &mut masked[run.end..]);
            let part = run.start / LANES..run.end.div_ceil(LANES);
            if let Some(last) = part.clone().next_back() {
                [unmasked[part.start], unmasked[last]] = [[0.0; LANES]; 2];
            }
            unmasked.as_flattened_mut()[run.clone()].copy_from_slice(&weights[run.clone()]);
            part
        }
        MaskRow::Cells(cells) => {
            let both = unmasked.as_flattened_mut()[..keys].iter_mut().zip(&mut masked[..keys]);
            for ((unmasked, masked), (weight, cell)) in both.zip(weights.iter().zip(*cells)) {
                let is_seen = *cell != 0;
                *unmasked = if is_seen { *weight } else { 0.0 };
                *masked += if is_seen { 0.0 } else { *weight };
            }
            0..keys.div_ceil(LANES)
        }
    }
}

/// The columns of a VLI patch and its neighbours, and what they held before a row was added: so what a patch gives to those
/// that are far is summed and not left over from a subtraction.
struct Near<'a> {
    columns: &'a [usize],
    before: [f32; 3],
}

impl<'a> Near<'a> {
    fn of(columns: &'a Columns<'_>, query: &Query, sums: &[Lanes]) -> Self {
        let is_asked = columns.plan.gives(Part::VlInterpret) && query.place.is(VLI_PATCH);
        let columns = if is_asked { columns.near(query.place.patch as usize) } else { &[] };
        let mut before = [0.0; 3];
        before.iter_mut().zip(columns).for_each(|(before, &column)| *before = sums.as_flattened()[column]);
        Self { columns, before }
    }

    fn restore(&self, sums: &mut [Lanes]) {
        let sums = sums.as_flattened_mut();
        self.columns.iter().zip(self.before).for_each(|(&column, before)| sums[column] = before);
    }
}
