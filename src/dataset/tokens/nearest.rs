//! The tokens of a dataset that are nearest to one of them in the space of the hidden states, in both modalities: what
//! VL-InterpreT calls the closest token, measured where distances mean the same for all tokens rather than in a picture.
//!
//! Up to [`NearestOptions::exact_up_to`] tokens the states themselves are read from the traces. Beyond that the reduced
//! states of the index are scanned (64 numbers a token that keep distances to within about a tenth), and the best
//! [`CANDIDATES`] for each wanted one are read from their traces and ranked by the states themselves.
//!
//! Not used: a graph of neighbours (HNSW, measured in BENCHMARKS.md). It has to be built before the first answer, in half a
//! minute and half a gigabyte for 717,269 tokens, and then finds 91 to 97 % of what a scan finds in 11 ms. Most of an
//! answer's 0.3 s goes to reading the index and the candidates' traces, which the graph needs as well.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};
use std::path::Path;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, Int64Type};
use rayon::prelude::*;

use super::atlas::{TokenError, hidden};
use crate::analysis::neighbours::Metric;
use crate::dataset::Dataset;
use crate::dataset::index::{IndexError, Part, Table, reduced};
use crate::trace::{Modality, Trace};

/// A token of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenKey {
    /// The key of its example.
    pub example: i64,
    /// The name of its sequence.
    pub sequence: String,
    /// Its place there.
    pub position: usize,
}

/// How the nearest are looked for.
#[derive(Clone, Copy, Debug)]
pub struct NearestOptions {
    /// How many of each modality.
    pub count: usize,
    /// What near means.
    pub metric: Metric,
    /// Up to so many tokens all states are read from the traces.
    pub exact_up_to: usize,
}

impl Default for NearestOptions {
    fn default() -> Self {
        Self { count: 20, metric: Metric::Cosine, exact_up_to: 50_000 }
    }
}

/// A token that is near.
#[derive(Clone, Debug, PartialEq)]
pub struct NearToken {
    /// Which.
    pub key: TokenKey,
    /// The row of its example in the dataset's table.
    pub row: usize,
    /// Whether it is an image token.
    pub is_image: bool,
    /// By the states themselves.
    pub distance: f32,
}

/// The nearest of both modalities, each the nearest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Nearest {
    /// Of the modality of the token.
    pub same: Vec<NearToken>,
    /// Of the other.
    pub other: Vec<NearToken>,
    /// How many tokens were looked at.
    pub scanned: usize,
    /// Whether all of their states were read, not only those of candidates.
    pub is_exact: bool,
}

/// Candidates for each wanted token.
const CANDIDATES: usize = 20;

/// A row of the index and how far it seems.
#[derive(Clone, Debug, PartialEq)]
struct Candidate {
    distance: f32,
    key: (i64, u32),
    /// Part, and name of the sequence in it.
    sequence: (usize, usize),
    is_image: bool,
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.distance
            .total_cmp(&other.distance)
            .then_with(|| self.key.cmp(&other.key))
            .then_with(|| self.sequence.cmp(&other.sequence))
    }
}

/// The nearest candidates of one modality.
struct Best {
    most: usize,
    heap: BinaryHeap<Candidate>,
}

impl Best {
    fn new(most: usize) -> Self {
        Self { most, heap: BinaryHeap::new() }
    }

    fn offer(&mut self, candidate: Candidate) {
        if self.heap.len() < self.most {
            self.heap.push(candidate);
        } else if self.heap.peek().is_some_and(|worst| candidate < *worst) {
            self.heap.pop();
            self.heap.push(candidate);
        }
    }
}

/// Finds them. The token itself is not among them.
///
/// # Errors
/// If there is no such token or state, the index or a trace cannot be read, or `progress` says to stop.
pub fn nearest(
    dataset: &Dataset,
    state: usize,
    token: &TokenKey,
    options: NearestOptions,
    progress: &(dyn Fn() -> bool + Sync),
) -> Result<Nearest, TokenError> {
    let index = dataset.index().ok_or_else(|| TokenError::NoToken("the dataset has no index".to_owned()))?;
    let rows: HashMap<i64, usize> = dataset.table.keys().iter().enumerate().map(|(row, &key)| (key, row)).collect();
    let path = rows.get(&token.example).map(|&row| dataset.table.path(row));
    let path = path.ok_or_else(|| TokenError::NoToken("the dataset has no such example".to_owned()))?;
    let query = State::open(&path, state, &token.sequence)?;
    let own = query.at(token.position).ok_or_else(|| {
        TokenError::NoToken(format!(
            "there is no token {}: sequence `{}` has {}",
            token.position, token.sequence, query.tokens
        ))
    })?;
    let is_image = query.is_image(token.position);
    let mut total = 0;
    for part in index.parts() {
        total += part.rows(Table::Tokens)?;
    }
    let is_exact = total <= options.exact_up_to;
    let most = if is_exact { usize::MAX } else { options.count.max(1) * CANDIDATES };
    let small = reduced(&own);
    // Where all states are read anyway there is nothing to sort out beforehand.
    let rough = |values: &[f32]| if is_exact { 0.0 } else { distance(options.metric, &small, values) };
    let found: Vec<(Vec<Candidate>, Vec<String>)> = index
        .parts()
        .par_iter()
        .map(|part| scan(part, state, token, most, &rough, progress))
        .collect::<Result<_, _>>()?;

    // By trace, so that each is opened once.
    let mut by_trace: HashMap<(i64, String), Vec<(usize, bool)>> = HashMap::new();
    for is_image in [false, true] {
        let mut best = Best::new(most);
        for (part, (candidates, _)) in found.iter().enumerate() {
            candidates.iter().filter(|candidate| candidate.is_image == is_image).for_each(|candidate| {
                best.offer(Candidate { sequence: (part, candidate.sequence.1), ..candidate.clone() });
            });
        }
        for Candidate { key: (example, position), sequence, .. } in best.heap {
            let name = &found[sequence.0].1[sequence.1];
            by_trace.entry((example, name.clone())).or_default().push((position as usize, is_image));
        }
    }
    let by_trace: Vec<_> = by_trace.into_iter().collect();
    let ranked: Vec<Vec<NearToken>> = by_trace
        .par_iter()
        .map(|((example, sequence), tokens)| {
            if !progress() {
                return Err(TokenError::Cancelled);
            }
            // A trace that went meanwhile has no near tokens.
            let Some(&row) = rows.get(example) else { return Ok(Vec::new()) };
            let path = dataset.table.path(row);
            if !path.exists() {
                return Ok(Vec::new());
            }
            let states = State::open(&path, state, sequence)?;
            let near = tokens.iter().filter_map(|&(position, is_image)| {
                let distance = distance(options.metric, &own, &states.at(position)?);
                let key = TokenKey { example: *example, sequence: sequence.clone(), position };
                distance.is_finite().then_some(NearToken { key, row, is_image, distance })
            });
            Ok(near.collect())
        })
        .collect::<Result<_, TokenError>>()?;
    let mut nearest = Nearest { scanned: total, is_exact, ..Nearest::default() };
    for near in ranked.into_iter().flatten() {
        if near.is_image == is_image { &mut nearest.same } else { &mut nearest.other }.push(near);
    }
    for list in [&mut nearest.same, &mut nearest.other] {
        list.sort_by(|a, b| {
            let place = |near: &NearToken| (near.row, near.key.position);
            a.distance.total_cmp(&b.distance).then_with(|| place(a).cmp(&place(b)))
        });
        list.truncate(options.count);
    }
    Ok(nearest)
}

/// The best candidates of one part for both modalities, and the names of its sequences.
fn scan(
    part: &Part,
    state: usize,
    token: &TokenKey,
    most: usize,
    rough: &(dyn Fn(&[f32]) -> f32 + Sync),
    progress: &(dyn Fn() -> bool + Sync),
) -> Result<(Vec<Candidate>, Vec<String>), TokenError> {
    let column = format!("hidden_{state}");
    let path = part.folder().join(Table::Tokens.file_name());
    let wrong = |message: String| IndexError::Table { doing: "read the index in", path: path.clone(), message };
    let mut best = [Best::new(most), Best::new(most)];
    let mut names: Vec<String> = Vec::new();
    let columns = ["example", "sequence", "position", "modality", column.as_str()];
    for batch in part.read(Table::Tokens, &columns)? {
        if !progress() {
            return Err(TokenError::Cancelled);
        }
        let batch = batch.map_err(|error| wrong(error.to_string()))?;
        let of =
            |name: &str| batch.column_by_name(name).ok_or_else(|| wrong(format!("the column `{name}` is missing")));
        let (examples, sequences) = (of("example")?, of("sequence")?);
        let (positions, modalities) = (of("position")?, of("modality")?);
        let typed = || {
            Some((
                examples.as_primitive_opt::<Int64Type>()?,
                sequences.as_string_opt::<i32>()?,
                positions.as_primitive_opt::<Int32Type>()?,
                modalities.as_string_opt::<i32>()?,
            ))
        };
        let (examples, sequences, positions, modalities) =
            typed().ok_or_else(|| wrong("a column of the tokens has another type than in the layout".to_owned()))?;
        for row in 0..batch.num_rows() {
            let Some(values) = hidden(&batch, &column, row).map_err(wrong)? else { continue };
            let (example, position) = (examples.value(row), u32::try_from(positions.value(row)).unwrap_or(0));
            let name = sequences.value(row);
            if example == token.example && position as usize == token.position && name == token.sequence {
                continue;
            }
            let sequence = names.iter().position(|known| known == name).unwrap_or_else(|| {
                names.push(name.to_owned());
                names.len() - 1
            });
            let is_image = modalities.value(row) == "image";
            let candidate =
                Candidate { distance: rough(values), key: (example, position), sequence: (0, sequence), is_image };
            if candidate.distance.is_finite() {
                best[usize::from(is_image)].offer(candidate);
            }
        }
    }
    Ok((best.into_iter().flat_map(|best| best.heap).collect(), names))
}

/// One hidden state of a sequence, in its trace.
struct State {
    trace: Trace,
    hidden: usize,
    state: usize,
    tokens: usize,
}

impl State {
    fn open(path: &Path, state: usize, sequence: &str) -> Result<Self, TokenError> {
        let trace = Trace::open(path)?;
        let document = trace.document();
        let hidden = document.hidden.iter().position(|hidden| document.sequences[hidden.sequence].name == sequence);
        let hidden = hidden.filter(|&hidden| state < document.hidden[hidden].states).ok_or_else(|| {
            TokenError::NoToken(format!("sequence `{sequence}` has no hidden state {state}: {}", path.display()))
        })?;
        let tokens = document.sequences[document.hidden[hidden].sequence].tokens.len();
        Ok(Self { hidden, state, tokens, trace })
    }

    fn at(&self, token: usize) -> Option<Vec<f32>> {
        let view = self.trace.hidden(self.hidden, self.state);
        let dim = view.shape[1];
        let mut values = vec![0.0; dim];
        (token < self.tokens).then(|| view.read(token * dim, &mut values))?;
        Some(values)
    }

    fn is_image(&self, token: usize) -> bool {
        let document = self.trace.document();
        let tokens = &document.sequences[document.hidden[self.hidden].sequence].tokens;
        tokens.get(token).is_some_and(|token| token.modality() == Modality::Image)
    }
}

/// As in [`Metric`]; not a number where there is no distance.
fn distance(metric: Metric, a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() {
        return f32::NAN;
    }
    metric.distance(a, b)
}
