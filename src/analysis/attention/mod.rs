//! Attention that was never stored: rows of weights made of queries and keys.
//!
//! ```text
//! s[q, k] = c tanh(scale q·k / c)    or scale q·k where there is no cap c
//! a[q, k] = exp(s[q, k] − m) / (Σ over the keys k' that q sees of exp(s[q, k'] − m) + exp(sink − m))
//! ```
//!
//! m is the largest logit of the row, the sink's among them where the head has one (gpt-oss). Heads in groups share their
//! keys (Ainslie et al. 2023, arXiv 2305.13245): with G heads a key head, head h multiplies with key head h / G.
//!
//! A tile is the rows of some queries, in all heads of a group: its keys are decoded and turned once, the products of a tile lie in
//! one thread's cache, and softmax goes over each row as it lies there (`cpu`). So nobody holds a matrix `[queries, keys]`. With the
//! logarithm of a row's sum ([`log_sum_exp`]) a single weight, or a column, costs a product each.
//!
//! What is masked is 0. A row that sees no key is 0 throughout, and so sums to 0. A row with a logit that is NaN or +∞, or
//! in which every key has −∞, is NaN wherever it is not masked: statistics leave it out and count it. Products are summed in f32; what overflows
//! there is infinite, and treated so.
//!
//! Rejected: an online softmax (Milakov & Gimelshein 2018, arXiv 1805.02867) within tiles of keys, as FlashAttention
//! (Dao et al. 2022, arXiv 2205.14135) does it: it saves the row where only its product with the values is wanted, and here the
//! row itself is what is wanted.

pub mod cpu;
pub mod gpu;
pub mod log_sum_exp;
mod products;
mod softmax;

use std::ops::Range;

use crate::trace::{MaskRow, QueriesKeys};

/// One layer of a block that stores queries and keys.
#[derive(Clone, Debug)]
pub struct ComputedLayer<'a> {
    /// Which layer of which trace it is: what is kept of it is kept under this.
    pub key: LayerKey,
    /// What its weights are made of.
    pub tensors: QueriesKeys<'a>,
}

/// A layer of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LayerKey {
    /// [`Trace::serial`](crate::trace::Trace::serial).
    pub trace: u64,
    /// Index of the block.
    pub block: usize,
    /// Of the block.
    pub layer: usize,
}

impl ComputedLayer<'_> {
    /// `[heads, queries, keys]` of the weights.
    pub fn shape(&self) -> [usize; 3] {
        [self.tensors.query.shape[0], self.tensors.query.shape[1], self.tensors.key.shape[1]]
    }

    /// Heads that share a key head.
    pub fn group(&self) -> usize {
        (self.tensors.query.shape[0] / self.tensors.key.shape[0].max(1)).max(1)
    }

    fn dim(&self) -> usize {
        self.tensors.query.shape[2]
    }

    fn sink(&self, head: usize) -> Option<f32> {
        let of_heads = self.tensors.sink.as_ref()?;
        let mut logit = [0.0];
        of_heads.read(head, &mut logit);
        Some(logit[0])
    }

    /// The keys from the first to the last that a query sees, and which of those it sees where the mask is stored: those without 0.
    fn seen(&self, query: usize) -> (Range<usize>, Option<&[u8]>) {
        match self.tensors.mask.row(query) {
            MaskRow::Run(run) => (run, None),
            MaskRow::Cells(cells) => {
                let is_seen = |cell: &u8| *cell != 0;
                let first = cells.iter().position(is_seen).unwrap_or(0);
                let end = cells.iter().rposition(is_seen).map_or(first, |last| last + 1);
                (first..end, Some(&cells[first..end]))
            }
        }
    }

    /// The keys from the first to the last that any of these queries sees.
    fn seen_by(&self, queries: &[usize]) -> Range<usize> {
        let runs = queries.iter().map(|&query| self.seen(query).0).filter(|run| !run.is_empty());
        runs.reduce(|one, other| one.start.min(other.start)..one.end.max(other.end)).unwrap_or(0..0)
    }
}
