//! The strongest links between two sets of tokens.
//!
//! Candidates are streamed row by row and only the strongest are held, so that neither a matrix nor a list of all pairs exists.

use std::sync::Arc;

use rayon::prelude::*;

use super::error::QueryError;
use super::request::{Context, Lane, Request};
use super::rows::rows;
use super::value::HeapBytes;
use crate::analysis::{HeadRows, Selection, WeightKind};

/// The most links that a threshold keeps; of more, the strongest.
const MOST: usize = 200_000;
/// Rows whose links are sifted together.
const CHUNK: usize = 32;

/// Which links are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keeps {
    /// So many of the strongest.
    Strongest(u32),
    /// All of at least this weight: the bits of an f32 that is not negative.
    AtLeast(u32),
}

/// The strongest links from places of queries to places of keys. A place is one token, or several that are bundled: the weight
/// of a bundle is the sum over its keys and the mean over its queries, so that it stays a share of the attention.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StrongestLinks {
    matrix: Selection,
    queries: Arc<Vec<Vec<usize>>>,
    keys: Arc<Vec<Vec<usize>>>,
    apart: Apart,
    keeps: Keeps,
}

/// Which places have links of their own: as many of theirs are kept as of all others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Apart {
    /// None.
    Nobody,
    /// These places of queries, ascending.
    Queries(Vec<usize>),
    /// These places of keys, ascending.
    Keys(Vec<usize>),
}

/// What a [`StrongestLinks`] found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FoundLinks {
    /// Of the places that are apart.
    pub apart: Vec<FoundLink>,
    /// Of all others.
    pub others: Vec<FoundLink>,
    /// How many there are of each, kept or not.
    pub candidates: [usize; 2],
    /// How many rows hold no number, and how many there are.
    pub left_out: [usize; 2],
}

/// A link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoundLink {
    /// The place among the queries.
    pub query: u32,
    /// The place among the keys.
    pub key: u32,
    /// Above 0, or of a relevance not 0.
    pub weight: f32,
}

impl Keeps {
    /// All of at least this weight.
    pub fn at_least(weight: f32) -> Self {
        Self::AtLeast(weight.max(0.0).to_bits())
    }

    fn most(self) -> usize {
        match self {
            Self::Strongest(count) => count as usize,
            Self::AtLeast(_) => MOST,
        }
    }

    fn least(self) -> f32 {
        match self {
            Self::Strongest(_) => 0.0,
            Self::AtLeast(bits) => f32::from_bits(bits),
        }
    }
}

impl StrongestLinks {
    /// In the matrix of a selection's heads.
    pub fn of(
        selection: &Selection,
        queries: Arc<Vec<Vec<usize>>>,
        keys: Arc<Vec<Vec<usize>>>,
        apart: Apart,
        keeps: Keeps,
    ) -> Self {
        Self { matrix: selection.matrix(), queries, keys, apart, keeps }
    }

    /// The matrix of which heads they are of.
    pub fn matrix(&self) -> &Selection {
        &self.matrix
    }

    /// The strongest among these rows; `None` if `goes_on` says no.
    pub fn among(&self, rows: &HeadRows<'_>, goes_on: &(dyn Fn() -> bool + Sync)) -> Option<FoundLinks> {
        let chunks = self.queries.par_chunks(CHUNK).enumerate();
        let sifted = chunks.map(|(chunk, queries)| self.sift(rows, chunk * CHUNK, queries, goes_on));
        let join = |one: FoundLinks, other: FoundLinks| Some(one.join(other).strongest(self.keeps.most()));
        let found = sifted.try_reduce(FoundLinks::default, join)?;
        let sorted = |mut links: Vec<FoundLink>| {
            links.sort_unstable_by_key(|link| (link.query, link.key));
            links
        };
        Some(FoundLinks { apart: sorted(found.apart), others: sorted(found.others), ..found })
    }

    fn is_apart(&self, query: usize, key: usize) -> bool {
        match &self.apart {
            Apart::Nobody => false,
            Apart::Queries(places) => places.binary_search(&query).is_ok(),
            Apart::Keys(places) => places.binary_search(&key).is_ok(),
        }
    }

    /// The links of some places of queries, beginning with number `first`.
    fn sift(
        &self,
        rows: &HeadRows<'_>,
        first: usize,
        places: &[Vec<usize>],
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Option<FoundLinks> {
        let mut found = FoundLinks::default();
        let is_query = |query: &&usize| **query < rows.queries();
        let queries: Vec<usize> = places.iter().flat_map(|tokens| tokens.iter().filter(is_query)).copied().collect();
        // Of each query its place, and whether it is the last of it.
        let mut of_queries = (first..).zip(places).flat_map(|(place, tokens)| {
            let count = tokens.iter().filter(is_query).count();
            (1..=count).map(move |number| (place, tokens.len(), number == count))
        });
        let mut weights = vec![0.0; self.keys.len()];
        rows.walk(&queries, goes_on, &mut |_, row| {
            let Some((place, tokens, is_last)) = of_queries.next() else { return };
            found.left_out[0] += usize::from(!row.iter().any(|weight| weight.is_finite()));
            found.left_out[1] += 1;
            for (weight, keys) in weights.iter_mut().zip(&*self.keys) {
                match keys.as_slice() {
                    [key] if tokens == 1 => *weight = row.get(*key).copied().unwrap_or(f32::NAN),
                    keys => {
                        let present = keys.iter().filter_map(|&key| row.get(key)).filter(|one| !one.is_nan());
                        *weight += present.sum::<f32>() / tokens as f32;
                    }
                }
            }
            if is_last {
                self.add_links(place, &weights, &mut found);
                weights.fill(0.0);
            }
        })?;
        Some(found.strongest(self.keeps.most()))
    }

    fn add_links(&self, place: usize, weights: &[f32], found: &mut FoundLinks) {
        let may_be_negative = matches!(self.matrix.weights, WeightKind::Relevance(_));
        let links =
            weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0 || (may_be_negative && **weight < 0.0));
        for (key, &weight) in links {
            let of = usize::from(!self.is_apart(place, key));
            found.candidates[of] += 1;
            if weight.abs() >= self.keeps.least() {
                let list = if of == 0 { &mut found.apart } else { &mut found.others };
                list.push(FoundLink { query: place as u32, key: key as u32, weight });
            }
        }
    }
}

impl FoundLinks {
    fn join(mut self, other: Self) -> Self {
        self.apart.extend(other.apart);
        self.others.extend(other.others);
        let sum = |one: [usize; 2], other: [usize; 2]| [one[0] + other[0], one[1] + other[1]];
        self.candidates = sum(self.candidates, other.candidates);
        self.left_out = sum(self.left_out, other.left_out);
        self
    }

    fn strongest(mut self, most: usize) -> Self {
        keep_strongest(&mut self.apart, most);
        keep_strongest(&mut self.others, most);
        self
    }

    /// The largest weight, whichever sign it has; 0 where there is no link.
    pub fn maximum(&self) -> f32 {
        self.apart.iter().chain(&self.others).map(|link| link.weight.abs()).fold(0.0, f32::max)
    }
}

/// Links stay in the order of their places, so that overlaps are drawn alike each time; of equal ones the earlier are kept.
fn keep_strongest(links: &mut Vec<FoundLink>, most: usize) {
    if links.len() <= most {
        return;
    }
    if most > 0 {
        links.select_nth_unstable_by(most - 1, |a, b| {
            b.weight.abs().total_cmp(&a.weight.abs()).then((a.query, a.key).cmp(&(b.query, b.key)))
        });
    }
    links.truncate(most);
    links.sort_unstable_by_key(|link| (link.query, link.key));
}

impl Request for StrongestLinks {
    type Result = FoundLinks;
    const LANE: Lane = Lane::Matrix;

    fn compute(&self, context: &Context<'_>) -> Result<FoundLinks, QueryError> {
        self.among(&rows(context, &self.matrix)?, &|| context.goes_on()).ok_or(QueryError::Stopped)
    }
}

impl HeapBytes for FoundLinks {
    fn heap_bytes(&self) -> usize {
        self.apart.heap_bytes() + self.others.heap_bytes()
    }
}
