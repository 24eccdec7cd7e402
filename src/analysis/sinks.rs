//! Attention sinks: tokens that draw attention whatever they stand for, and what is left when they are left out.
//!
//! Two signs, found from the data alone; either makes a token a sink of a block's keys.
//!
//! - **Attention** (Xiao et al. 2024, arXiv 2309.17453; measured as Gu et al. 2025, arXiv 2410.10781, but relative
//!   to the uniform share). What key k receives in a head is the mean of a[q, k] over the queries q that see it, itself left out.
//!   The uniform share is the same mean of (the sum of row q, usually 1) / (keys that q sees). Strong is a key that receives at least
//!   [`Criteria::share_ratio`] times that; a sink is strong in more than [`Criteria::head_share`] of the heads. Heads in which few
//!   queries see a key ([`Criteria::seen_share`]) say nothing of it: the last tokens of a causal block, and all in a narrow window, are
//!   seen by their neighbours alone, and neighbours look at each other.
//! - **Massive activations** (Sun et al. 2024, arXiv 2402.17762; measured as Kang et al. 2025, arXiv 2503.03321).
//!   In a hidden state x of a token, φ = `|x[d]|` / RMS(x) reaches [`Criteria::activation`], 20 as in Kang et al., in a dimension d
//!   where the largest `|x[d]|` of all tokens is at least [`Criteria::dimension_ratio`] times their median. Kang et al. take
//!   the dimensions from a table, by model; here a dimension in which all tokens are large is a bias, not a sink. φ cannot
//!   exceed the square root of the number of dimensions, so small models have none.
//!
//! Leaving sinks out is for display alone. Kang et al. give their share to image tokens inside of the model; scaling a
//! row's other weights up, as here, keeps their proportions.

use clap::Args;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{BlockLayout, LayerWeights};
use crate::trace::{LayerMask, TensorView, Trace};
use crate::typed::{parse_share, parse_times};

/// From which values on a token is a sink.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, Args)]
#[serde(default)]
pub struct Criteria {
    /// How many times the uniform share of attention a sink receives at least, in a head where it is strong.
    #[arg(long = "sink-ratio", value_name = "TIMES", default_value_t = Self::default().share_ratio, value_parser = parse_times)]
    pub share_ratio: f32,
    /// In more than this share of the heads in which enough queries see it a sink is strong, from 0 to 1.
    #[arg(long = "sink-heads", value_name = "SHARE", default_value_t = Self::default().head_share, value_parser = parse_share)]
    pub head_share: f32,
    /// At least this share of the queries see a sink, from 0 to 1.
    #[arg(long = "sink-seen", value_name = "SHARE", default_value_t = Self::default().seen_share, value_parser = parse_share)]
    pub seen_share: f32,
    /// A massive activation is at least so many times the root mean square of its hidden state.
    #[arg(long = "sink-activation", value_name = "TIMES", default_value_t = Self::default().activation, value_parser = parse_times)]
    pub activation: f32,
    /// In the dimension of a massive activation the largest is at least so many times the median over tokens.
    #[arg(long = "sink-dimension", value_name = "TIMES", default_value_t = Self::default().dimension_ratio, value_parser = parse_times)]
    pub dimension_ratio: f32,
}

/// What was found in a block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sinks {
    /// In the order of the key sequence.
    pub sinks: Vec<Sink>,
    /// The dimensions of the key sequence's hidden states with massive activations, ascending.
    pub dimensions: Vec<usize>,
}

/// A key that is a sink.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sink {
    /// Index in the key sequence.
    pub token: usize,
    /// The share of the heads in which enough queries see it, from 0 to 1, in which it is strong.
    pub heads: f32,
    /// Whether a hidden state of it has a massive activation.
    pub is_massive: bool,
}

impl Eq for Criteria {}

impl std::hash::Hash for Criteria {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let Self { share_ratio, head_share, seen_share, activation, dimension_ratio } = self;
        // The two zeros are equal, so they are one key.
        [share_ratio, head_share, seen_share, activation, dimension_ratio]
            .map(|value| (value + 0.0).to_bits())
            .hash(state);
    }
}

impl Default for Criteria {
    fn default() -> Self {
        Self { share_ratio: 4.0, head_share: 0.5, seen_share: 0.25, activation: 20.0, dimension_ratio: 10.0 }
    }
}

impl Sinks {
    /// Their indices in the key sequence, ascending.
    pub fn tokens(&self) -> Vec<usize> {
        self.sinks.iter().map(|sink| sink.token).collect()
    }
}

/// The sinks of a block, by its attention and by the hidden states of its keys where the trace has them. Panics if there is
/// no such block. The file must be found unchanged afterwards.
pub fn find(trace: &Trace, block: usize, criteria: &Criteria) -> Sinks {
    find_while(trace, block, criteria, &|| !trace.is_torn()).unwrap_or_default()
}

/// The same; `None` if `goes_on`, which is asked before each reading, says no.
pub fn find_while(
    trace: &Trace,
    block: usize,
    criteria: &Criteria,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Option<Sinks> {
    let described = &trace.document().attention[block];
    let layers = LayerWeights::of_block(trace, block);
    let strong = strong_heads_while(&BlockLayout::of(trace, block), &layers, criteria, goes_on)?;
    let hidden = trace.document().hidden.iter().enumerate().filter(|(_, hidden)| hidden.sequence == described.key);
    let states: Vec<_> =
        hidden.flat_map(|(index, hidden)| (0..hidden.states).map(move |state| trace.hidden(index, state))).collect();
    let (massive, dimensions) = massive_activations(&states, criteria);
    let sinks = strong.into_iter().enumerate().map(|(token, heads)| {
        let is_massive = massive.binary_search(&token).is_ok();
        Sink { token, heads, is_massive }
    });
    let sinks = sinks.filter(|sink| sink.heads > criteria.head_share || sink.is_massive).collect();
    Some(Sinks { sinks, dimensions })
}

/// In which share of the heads in which enough queries see it each key is strong, from 0 to 1; `layers` are all of the block,
/// `[heads, queries, keys]`.
pub fn strong_heads(layout: &BlockLayout<'_>, layers: &[LayerWeights<'_>], criteria: &Criteria) -> Vec<f32> {
    strong_heads_while(layout, layers, criteria, &|| true).unwrap_or_default()
}

fn strong_heads_while(
    layout: &BlockLayout<'_>,
    layers: &[LayerWeights<'_>],
    criteria: &Criteria,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Option<Vec<f32>> {
    let (queries, keys) = (layout.queries.len(), layout.keys.len());
    let needed = f64::from(criteria.seen_share) * queries as f64;
    let all: Vec<usize> = (0..queries).collect();
    let (distinct, masks) = LayerMask::distinct(layers.iter().map(LayerWeights::mask));
    // By mask: which keys enough queries see.
    let is_seen: Vec<Vec<bool>> = distinct
        .iter()
        .map(|mask| by_key(layout, mask, &vec![1.0; queries]).into_iter().map(|count| count > 0.0 && count >= needed))
        .map(Iterator::collect)
        .collect();
    let pairs: Vec<_> = layers
        .iter()
        .zip(&masks)
        .flat_map(|(layer, &mask)| (0..layer.heads()).map(move |head| (layer, mask, head)))
        .collect();
    let per_head = pairs.par_iter().map(|(layer, number, head)| {
        let mask = &distinct[*number];
        let mut received = vec![0.0_f64; keys];
        let mut shares = vec![0.0_f64; queries];
        layer.walk(*head..head + 1, &all, goes_on, &mut |_, query, row| {
            let (mut total, mut count) = (0.0, 0);
            for seen in mask.keys_of(query) {
                total += row[seen.clone()].iter().map(|&weight| f64::from(weight)).sum::<f64>();
                count += seen.len();
                received[seen.clone()].iter_mut().zip(&row[seen]).for_each(|(sum, &weight)| *sum += f64::from(weight));
            }
            shares[query] = total / count.max(1) as f64;
            if layout.same_sequence && mask.allows(query, query) {
                received[query] -= f64::from(row[query]);
            }
        })?;
        // Both sums are over the same queries, so the ratio of the means is that of the sums.
        let uniform = by_key(layout, mask, &shares);
        let is_strong = |key: usize| {
            let at_least = f64::from(criteria.share_ratio) * uniform[key];
            is_seen[*number][key] && uniform[key] > 0.0 && received[key] >= at_least
        };
        Some((0..keys).map(|key| u32::from(is_strong(key))).collect::<Vec<_>>())
    });
    let add = |mut total: Vec<u32>, of_head: Vec<u32>| {
        total.iter_mut().zip(of_head).for_each(|(total, one)| *total += one);
        Some(total)
    };
    let counts = per_head.try_reduce(|| vec![0; keys], add)?;
    let of_heads = |key: usize| -> usize {
        let seen = layers.iter().zip(&masks).filter(|(_, mask)| is_seen[**mask][key]);
        seen.map(|(layer, _)| layer.heads()).sum()
    };
    Some(counts.into_iter().enumerate().map(|(key, count)| count as f32 / of_heads(key).max(1) as f32).collect())
}

/// For each key the sum of a number of each query that sees it, itself left out.
fn by_key(layout: &BlockLayout<'_>, mask: &LayerMask<'_>, of_query: &[f64]) -> Vec<f64> {
    let mut sums = mask.sum_by_key(of_query);
    if layout.same_sequence {
        for (key, (sum, own)) in sums.iter_mut().zip(of_query).enumerate() {
            *sum -= if mask.allows(key, key) { *own } else { 0.0 };
        }
    }
    sums
}

/// The tokens with massive activations in one of the hidden states, `[tokens, dim]` each, and the dimensions, ascending.
pub fn massive_activations(states: &[TensorView<'_>], criteria: &Criteria) -> (Vec<usize>, Vec<usize>) {
    let of_state = states.par_iter().map(|state| massive_in(state, criteria)).collect::<Vec<_>>();
    let sorted = |mut all: Vec<usize>| {
        all.sort_unstable();
        all.dedup();
        all
    };
    let (tokens, dimensions) = of_state.into_iter().flatten().unzip();
    (sorted(tokens), sorted(dimensions))
}

/// Pairs of a token and a dimension.
fn massive_in(state: &TensorView<'_>, criteria: &Criteria) -> Vec<(usize, usize)> {
    let (tokens, dim) = (state.shape[0], state.shape[1]);
    let mut row = vec![0.0; dim];
    let mut candidates: Vec<(usize, usize)> = Vec::new();
    for token in 0..tokens {
        state.read(token * dim, &mut row);
        let squares: f64 = row.iter().map(|&value| f64::from(value).powi(2)).sum();
        let least = f64::from(criteria.activation) * (squares / dim as f64).sqrt();
        let is_large = |&(_, value): &(usize, &f32)| least > 0.0 && f64::from(value.abs()) >= least;
        candidates.extend(row.iter().enumerate().filter(is_large).map(|(dimension, _)| (token, dimension)));
    }
    let mut dimensions: Vec<usize> = candidates.iter().map(|(_, dimension)| *dimension).collect();
    dimensions.sort_unstable();
    dimensions.dedup();
    dimensions.retain(|&dimension| stands_out(state, dimension, criteria));
    candidates.retain(|(_, dimension)| dimensions.binary_search(dimension).is_ok());
    candidates
}

/// Whether the largest value of a dimension is far above the median over tokens.
fn stands_out(state: &TensorView<'_>, dimension: usize, criteria: &Criteria) -> bool {
    let (tokens, dim) = (state.shape[0], state.shape[1]);
    let mut sizes: Vec<f32> = (0..tokens)
        .map(|token| {
            let mut value = [0.0];
            state.read(token * dim + dimension, &mut value);
            value[0].abs()
        })
        .collect();
    sizes.sort_unstable_by(f32::total_cmp);
    let (median, largest) = (sizes.get(tokens / 2), sizes.last());
    median.zip(largest).is_some_and(|(median, largest)| *largest >= criteria.dimension_ratio * median)
}

/// Makes these keys' weights of a row NaN; `renormalises` scales what is left to the sum that the row had. A row that has
/// nothing left stays so.
pub fn leave_out_of_row(row: &mut [f32], left_out: &[usize], renormalises: bool) {
    let sum = |row: &[f32]| row.iter().map(|&weight| f64::from(weight)).sum::<f64>();
    let keys = row.len();
    let left_out = || left_out.iter().copied().filter(move |&key| key < keys);
    if renormalises {
        let before = sum(row);
        left_out().for_each(|key| row[key] = 0.0);
        let rest = sum(row);
        if rest != 0.0 {
            let scale = (before / rest) as f32;
            row.iter_mut().for_each(|weight| *weight *= scale);
        }
    }
    left_out().for_each(|key| row[key] = f32::NAN);
}
