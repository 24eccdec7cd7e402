//! Which keys a query sees. All masks that a document can name leave each query one run of keys; a stored mask leaves whatever
//! its bytes say.

use std::ops::Range;

use serde_json::{Value, json};

/// Which keys the queries of a layer see, as the document has it. Tokens are counted from 0, ranges end before their end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mask {
    /// All.
    Full,
    /// Those up to the query itself.
    Causal,
    /// Of those up to the query itself, the last so many.
    Sliding(usize),
    /// The first so many, and those up to the query itself.
    Prefix(usize),
    /// Those of the query's own span; none if it is in no span. Ascending, without overlap.
    Spans(Vec<Range<usize>>),
    /// Those up to the query itself, and all of the query's own span. Ascending, without overlap.
    CausalBut(Vec<Range<usize>>),
    /// Those that the tensor `mask.<block>.<layer>` has no 0 for.
    Stored,
}

/// The mask of one layer, with its tensor where it is stored.
#[derive(Clone, Copy, Debug)]
pub struct LayerMask<'a> {
    mask: &'a Mask,
    keys: usize,
    /// `[queries, keys]`; empty unless the mask is stored.
    cells: &'a [u8],
}

/// What one query sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaskRow<'a> {
    /// These keys.
    Run(Range<usize>),
    /// The keys whose cell is not 0.
    Cells(&'a [u8]),
}

impl Mask {
    /// As a document writes it.
    pub fn to_json(&self) -> Value {
        let spans =
            |spans: &[Range<usize>]| -> Value { spans.iter().map(|span| json!([span.start, span.end])).collect() };
        match self {
            Self::Full => json!("full"),
            Self::Causal => json!("causal"),
            Self::Stored => json!("stored"),
            Self::Sliding(width) => json!({"sliding": width}),
            Self::Prefix(width) => json!({"prefix": width}),
            Self::Spans(list) => json!({"spans": spans(list)}),
            Self::CausalBut(list) => json!({"causal_but": spans(list)}),
        }
    }

    /// The run of keys that a query sees of so many; `None` if the mask is stored.
    pub fn run(&self, query: usize, keys: usize) -> Option<Range<usize>> {
        let up_to_query = query.saturating_add(1);
        let run = match self {
            Self::Full => 0..keys,
            Self::Causal => 0..up_to_query,
            Self::Sliding(width) => up_to_query.saturating_sub(*width)..up_to_query,
            Self::Prefix(width) => 0..up_to_query.max(*width),
            Self::Spans(spans) => span_of(spans, query).unwrap_or(0..0),
            Self::CausalBut(spans) => 0..span_of(spans, query).map_or(up_to_query, |span| span.end),
            Self::Stored => return None,
        };
        Some(run.start.min(keys)..run.end.min(keys))
    }
}

fn span_of(spans: &[Range<usize>], token: usize) -> Option<Range<usize>> {
    let behind = spans.partition_point(|span| span.start <= token);
    spans[..behind].last().filter(|span| span.contains(&token)).cloned()
}

impl<'a> LayerMask<'a> {
    /// Of a layer with so many keys. `cells` are `[queries, keys]` if the mask is stored, else they play no part.
    pub fn new(mask: &'a Mask, keys: usize, cells: &'a [u8]) -> Self {
        Self { mask, keys, cells }
    }

    /// As the document has it.
    pub fn mask(&self) -> &'a Mask {
        self.mask
    }

    /// What a query sees.
    pub fn row(&self, query: usize) -> MaskRow<'a> {
        match self.mask.run(query, self.keys) {
            Some(run) => MaskRow::Run(run),
            None => MaskRow::Cells(self.cells.get(query * self.keys..(query + 1) * self.keys).unwrap_or(&[])),
        }
    }

    /// Whether a query sees a key.
    pub fn allows(&self, query: usize, key: usize) -> bool {
        self.row(query).allows(key)
    }

    /// How many keys a query sees.
    pub fn count(&self, query: usize) -> usize {
        self.row(query).count_in(0..self.keys)
    }

    /// Whether some of so many queries does not see all keys.
    pub fn hides_any(&self, queries: usize) -> bool {
        (0..queries).any(|query| self.row(query) != MaskRow::Run(0..self.keys))
    }

    /// For each key the sum of a number of each query that sees it: `[keys]`.
    pub fn sum_by_key(&self, of_query: &[f64]) -> Vec<f64> {
        // What begins, less what ends, at each key.
        let mut steps = vec![0.0; self.keys + 1];
        for (query, number) in of_query.iter().enumerate() {
            for run in self.keys_of(query) {
                steps[run.start] += number;
                steps[run.end] -= number;
            }
        }
        let sums = steps.iter().scan(0.0, |sum, step| {
            *sum += step;
            Some(*sum)
        });
        sums.take(self.keys).collect()
    }

    /// Whether it is sure that the two say the same.
    pub fn is_same(&self, other: &Self) -> bool {
        self.mask == other.mask && self.keys == other.keys && std::ptr::eq(self.cells, other.cells)
    }

    /// Those that differ, and of each mask the number among these.
    pub fn distinct(masks: impl IntoIterator<Item = Self>) -> (Vec<Self>, Vec<usize>) {
        let mut distinct: Vec<Self> = Vec::new();
        let number = |mask: Self| {
            distinct.iter().position(|known| known.is_same(&mask)).unwrap_or_else(|| {
                distinct.push(mask);
                distinct.len() - 1
            })
        };
        let numbers = masks.into_iter().map(number).collect();
        (distinct, numbers)
    }

    /// The keys that a query sees, as runs: one at most, unless the mask is stored.
    pub fn keys_of(&self, query: usize) -> impl Iterator<Item = Range<usize>> + use<'a> {
        let (run, cells) = match self.row(query) {
            MaskRow::Run(run) => (Some(run), &[][..]),
            MaskRow::Cells(cells) => (None, cells),
        };
        let mut end = 0;
        let stored = std::iter::from_fn(move || {
            let start = end + cells[end..].iter().position(|cell| *cell != 0)?;
            end = cells[start..].iter().position(|cell| *cell == 0).map_or(cells.len(), |length| start + length);
            Some(start..end)
        });
        run.into_iter().filter(|run| !run.is_empty()).chain(stored)
    }
}

impl MaskRow<'_> {
    /// Whether the query sees a key.
    pub fn allows(&self, key: usize) -> bool {
        match self {
            Self::Run(run) => run.contains(&key),
            Self::Cells(cells) => cells.get(key).is_some_and(|cell| *cell != 0),
        }
    }

    /// How many of these keys the query sees.
    pub fn count_in(&self, keys: Range<usize>) -> usize {
        match self {
            Self::Run(run) => run.end.min(keys.end).saturating_sub(run.start.max(keys.start)),
            Self::Cells(cells) => cells.get(keys).unwrap_or(&[]).iter().filter(|cell| **cell != 0).count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of `x` and `.`, one a query.
    fn drawn(mask: &Mask, [queries, keys]: [usize; 2], cells: &[u8]) -> String {
        let mask = LayerMask::new(mask, keys, cells);
        let row = |query| {
            let row: String = (0..keys).map(|key| if mask.allows(query, key) { 'x' } else { '.' }).collect();
            let mut of_runs = vec!['.'; keys];
            mask.keys_of(query).flatten().for_each(|key| of_runs[key] = 'x');
            assert_eq!(of_runs.into_iter().collect::<String>(), row, "runs and cells say the same");
            row
        };
        (0..queries).map(row).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_mask_leaves_the_keys_that_its_name_says() {
        let square = |mask: &Mask| drawn(mask, [4, 4], &[]);
        assert_eq!(square(&Mask::Full), "xxxx xxxx xxxx xxxx");
        assert_eq!(square(&Mask::Causal), "x... xx.. xxx. xxxx");
        assert_eq!(square(&Mask::Sliding(2)), "x... xx.. .xx. ..xx");
        assert_eq!(square(&Mask::Sliding(9)), square(&Mask::Causal));
        assert_eq!(square(&Mask::Prefix(2)), "xx.. xx.. xxx. xxxx");
        assert_eq!(square(&Mask::Spans(vec![0..1, 2..4])), "x... .... ..xx ..xx");
        assert_eq!(square(&Mask::CausalBut(vec![1..3, 3..4])), "x... xxx. xxx. xxxx");
        assert_eq!(square(&Mask::CausalBut(vec![])), square(&Mask::Causal));
        assert_eq!(square(&Mask::Spans(vec![])), ".... .... .... ....");
    }

    #[test]
    fn keys_are_summed_over_the_queries_that_see_them() {
        let cells = [1, 0, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1, 0];
        let masks = [Mask::Full, Mask::Causal, Mask::Sliding(2), Mask::Spans(vec![0..1, 1..3]), Mask::Stored];
        for mask in &masks {
            for queries in [0, 1, 4] {
                let mask = LayerMask::new(mask, 4, &cells);
                let of_query: Vec<f64> = (0..queries).map(|query| 1.0 + query as f64).collect();
                let seen_by = |key| (0..queries).filter(move |&query| mask.allows(query, key));
                let expected: Vec<f64> = (0..4).map(|key| seen_by(key).map(|query| of_query[query]).sum()).collect();
                assert_eq!(mask.sum_by_key(&of_query), expected, "{mask:?}");
                for query in 0..queries {
                    let count = |keys: Range<usize>| keys.filter(|&key| mask.allows(query, key)).count();
                    assert_eq!((mask.count(query), mask.row(query).count_in(1..3)), (count(0..4), count(1..3)));
                }
                let hides = (0..queries).any(|query| mask.count(query) < 4);
                assert_eq!(mask.hides_any(queries), hides || (queries > 0 && *mask.mask() == Mask::Stored));
            }
        }
        let [one, other] = [&masks[1], &masks[2]].map(|mask| LayerMask::new(mask, 4, &[]));
        let (distinct, numbers) = LayerMask::distinct([one, other, one, LayerMask::new(&Mask::Causal, 4, &[])]);
        assert_eq!((distinct.len(), numbers), (2, vec![0, 1, 0, 0]));
    }

    #[test]
    fn sides_of_different_length_and_none() {
        assert_eq!(drawn(&Mask::Causal, [3, 2], &[]), "x. xx xx");
        assert_eq!(drawn(&Mask::Sliding(1), [3, 2], &[]), "x. .x ..");
        assert_eq!(drawn(&Mask::Prefix(9), [1, 2], &[]), "xx");
        assert_eq!(drawn(&Mask::Full, [2, 0], &[]), " ");
    }

    #[test]
    fn a_stored_mask_is_what_its_bytes_say() {
        assert_eq!(drawn(&Mask::Stored, [3, 4], &[1, 0, 255, 2, 0, 0, 0, 0, 0, 1, 1, 0]), "x.xx .... .xx.");
        assert_eq!(drawn(&Mask::Stored, [2, 2], &[1]), ".. ..", "what is not there is masked");
    }
}
