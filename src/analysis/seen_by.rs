//! How many queries may see each key of the matrix of a selection: what the mean of a column divides by.
//!
//! In the mean or maximum of layers a query sees what it sees in any of them. In a rollout it sees what its layers' masks reach, one
//! after another: two sliding windows reach twice as far as one.

use rayon::prelude::*;

use super::gather::{self, SelectionError};
use super::{BlockLayout, LayerWeights, Selection, rollout};
use crate::trace::LayerMask;

const BITS: usize = u64::BITS as usize;

/// `[keys]`; `layers` are all of the block, and `left_out` the queries that do not count, ascending.
///
/// # Errors
/// If no head is left, or the selection's rollout is none of this block.
pub fn seen_by(
    layout: &BlockLayout<'_>,
    layers: &[LayerWeights<'_>],
    selection: &Selection,
    left_out: &[usize],
) -> Result<Vec<usize>, SelectionError> {
    let (queries, keys) = (layout.queries.len(), layout.keys.len());
    let masks = |heads: Vec<gather::LayerHeads>| heads.into_iter().map(|(layer, _)| layers[layer].mask());
    Ok(match selection.rollout() {
        Some(rollout) => {
            let heads = rollout::heads(layout, layers, selection, rollout)?;
            through(masks(heads), rollout.residual() > 0.0, queries, left_out)
        }
        None => in_any(&LayerMask::distinct(masks(gather::heads(layers, selection)?)).0, queries, keys, left_out),
    })
}

/// Under any of the masks.
fn in_any(masks: &[LayerMask<'_>], queries: usize, keys: usize, left_out: &[usize]) -> Vec<usize> {
    // How many begin, less how many end, at each key.
    let mut steps = vec![0_isize; keys + 1];
    for query in (0..queries).filter(|query| left_out.binary_search(query).is_err()) {
        let mut runs: Vec<_> = masks.iter().flat_map(|mask| mask.keys_of(query)).collect();
        runs.sort_unstable_by_key(|run| run.start);
        let mut end = 0;
        for run in runs.into_iter().filter(|run| !run.is_empty()) {
            let start = run.start.max(end);
            if start < run.end {
                steps[start] += 1;
                steps[run.end] -= 1;
                end = run.end;
            }
        }
    }
    let counts = steps.iter().scan(0_isize, |count, step| {
        *count += step;
        Some(count.unsigned_abs())
    });
    counts.take(keys).collect()
}

/// Through layers with these masks, the first one first. With a residual connection each query reaches itself.
fn through<'a>(
    masks: impl Iterator<Item = LayerMask<'a>>,
    is_residual: bool,
    tokens: usize,
    left_out: &[usize],
) -> Vec<usize> {
    let words = tokens.div_ceil(BITS).max(1);
    let mut reached = vec![0_u64; tokens * words];
    (0..tokens).for_each(|token| reached[token * words + token / BITS] = 1 << (token % BITS));
    // Masks that reach no further.
    let mut idle: Vec<LayerMask<'_>> = Vec::new();
    for mask in masks {
        if idle.iter().any(|known| known.is_same(&mask)) {
            continue;
        }
        let mut next = if is_residual { reached.clone() } else { vec![0; reached.len()] };
        next.par_chunks_mut(words).enumerate().for_each(|(query, row)| {
            for key in mask.keys_of(query).flatten() {
                row.iter_mut().zip(&reached[key * words..][..words]).for_each(|(word, more)| *word |= more);
            }
        });
        if next == reached {
            idle.push(mask);
        } else {
            idle.clear();
            reached = next;
        }
    }
    let sees = |query: usize, key: usize| {
        left_out.binary_search(&query).is_err() && reached[query * words + key / BITS] >> (key % BITS) & 1 == 1
    };
    (0..tokens).into_par_iter().map(|key| (0..tokens).filter(|&query| sees(query, key)).count()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Mask;

    #[test]
    fn keys_of_several_layers_are_seen_where_one_of_them_shows_them() {
        let cells = [0, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0];
        let masks = [Mask::Causal, Mask::Sliding(2), Mask::Spans(vec![0..2, 3..4]), Mask::Stored, Mask::Full];
        for chosen in 0..1_usize << masks.len() {
            let chosen: Vec<_> = masks.iter().enumerate().filter(|(at, _)| chosen >> at & 1 == 1).collect();
            let masks: Vec<_> = chosen.iter().map(|(_, mask)| LayerMask::new(mask, 4, &cells)).collect();
            let sees = |query, key| masks.iter().any(|mask| mask.allows(query, key));
            let expected: Vec<_> = (0..4).map(|key| (0..3).filter(|&query| sees(query, key)).count()).collect();
            assert_eq!(in_any(&masks, 3, 4, &[]), expected, "{chosen:?}");
            let others: Vec<_> = (0..4).map(|key| [0, 2].iter().filter(|&&query| sees(query, key)).count()).collect();
            assert_eq!(in_any(&masks, 3, 4, &[1]), others, "{chosen:?}");
        }
        assert_eq!(in_any(&[], 0, 0, &[]), [0; 0]);
    }

    #[test]
    fn windows_reach_further_with_each_layer() {
        let through = |masks: &[&Mask], is_residual, tokens| {
            through(masks.iter().map(|mask| LayerMask::new(mask, tokens, &[])), is_residual, tokens, &[])
        };
        let (causal, two) = (Mask::Causal, Mask::Sliding(2));
        let spans = Mask::Spans(std::iter::once(1..3).collect());
        assert_eq!(through(&[&two], true, 5), [2, 2, 2, 2, 1]);
        assert_eq!(through(&[&two, &two, &two], true, 5), [4, 4, 3, 2, 1]);
        assert_eq!(through(&[&causal, &causal, &two], false, 4), [4, 3, 2, 1]);
        assert_eq!(through(&[&spans, &spans], true, 4), [1, 2, 2, 1]);
        assert_eq!(through(&[&spans], false, 4), [0, 2, 2, 0]);
        // Query 0 reads nothing in the first layer, and queries 1 and 2 read each other.
        assert_eq!(through(&[&spans, &two], false, 4), [0, 3, 3, 0]);
        let last = through(&[&two, &causal, &two], true, 130);
        assert_eq!((last[0], last[64], last[129]), (130, 66, 1));
        assert_eq!(through(&[&two], true, 0), [0; 0]);
    }
}
