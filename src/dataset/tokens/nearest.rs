//! The tokens of a dataset that are nearest to one of them in the space of the hidden states, in both modalities: what
//! VL-InterpreT calls the closest token, measured where distances mean the same for all tokens rather than in a picture.
//!
//! Up to [`NearestOptions::exact_up_to`] tokens the states themselves are read from the traces. Beyond that the reduced
//! states of the index are scanned (64 numbers a token that keep distances to within about a tenth), and the best
//! [`CANDIDATES`] for each wanted one, or [`LEAST_CANDIDATES`], are read from their traces and ranked by the states
//! themselves. States of another size are of another model, and are near to nothing here.
//!
//! Not used: a graph of neighbours (HNSW, measured in BENCHMARKS.md). It has to be built before the first answer, in half a
//! minute and half a gigabyte for 717,269 tokens, and then finds 95 to 100 % of what a scan finds in 12 ms. Most of an
//! answer's 0.2 s goes to reading the index and the candidates' traces, which the graph needs as well.

use std::cmp::Ordering;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, Int64Type};
use rayon::prelude::*;

use super::atlas::{TokenError, hidden, require};
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
    /// Traces that are no longer as they were indexed, and were left out.
    pub unread: Vec<PathBuf>,
}

/// Candidates for each wanted token.
const CANDIDATES: usize = 20;
/// Candidates of a modality, however few are wanted: where all tokens are about equally far, the nearest is not among the
/// first by the reduced states.
const LEAST_CANDIDATES: usize = 1000;

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
    require(index, state)?;
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
    if !distance(options.metric, &own, &own).is_finite() {
        let why = "its state holds no number, or nothing but zeros, which have no direction";
        return Err(TokenError::NoToken(format!(
            "nothing is near token {}: {why}: {}",
            token.position,
            path.display()
        )));
    }
    let mut total = 0;
    for part in index.parts() {
        total += part.rows(Table::Tokens)?;
    }
    let is_exact = total <= options.exact_up_to;
    let most = match is_exact {
        true => usize::MAX,
        false => options.count.saturating_mul(CANDIDATES).max(LEAST_CANDIDATES),
    };
    let small = reduced(&own);
    // Where all states are read anyway there is nothing to sort out beforehand.
    let rough = |values: &[f32]| if is_exact { 0.0 } else { distance(options.metric, &small, values) };
    let sought = Sought { token, state, size: own.len(), most };
    let found: Vec<Scanned> =
        index.parts().par_iter().map(|part| scan(part, &sought, &rough, progress)).collect::<Result<_, _>>()?;
    let scanned = found.iter().map(|scanned| scanned.tokens).sum();
    if scanned == 0 {
        let (folder, size) = (index.folder().display(), own.len());
        let why = format!("no other token of the index {folder} has a hidden state {state} of {size} numbers");
        return Err(TokenError::NoToken(why));
    }

    // By trace, so that each is opened once.
    let mut by_trace: HashMap<(i64, String), Vec<(usize, bool)>> = HashMap::new();
    for is_image in [false, true] {
        let mut best = Best::new(most);
        for (part, scanned) in found.iter().enumerate() {
            scanned.candidates.iter().filter(|candidate| candidate.is_image == is_image).for_each(|candidate| {
                best.offer(Candidate { sequence: (part, candidate.sequence.1), ..candidate.clone() });
            });
        }
        for Candidate { key: (example, position), sequence, .. } in best.heap {
            let name = &found[sequence.0].sequences[sequence.1];
            by_trace.entry((example, name.clone())).or_default().push((position as usize, is_image));
        }
    }
    let by_trace: Vec<_> = by_trace.into_iter().collect();
    let unread = Mutex::new(BTreeSet::new());
    let ranked: Vec<Vec<NearToken>> = by_trace
        .par_iter()
        .map(|((example, sequence), tokens)| {
            if !progress() {
                return Err(TokenError::Cancelled);
            }
            let Some(&row) = rows.get(example) else { return Ok(Vec::new()) };
            let path = dataset.table.path(row);
            let Ok(states) = State::open(&path, state, sequence) else {
                unread.lock().unwrap_or_else(PoisonError::into_inner).insert(path);
                return Ok(Vec::new());
            };
            let near = tokens.iter().filter_map(|&(position, is_image)| {
                let distance = distance(options.metric, &own, &states.at(position)?);
                let key = TokenKey { example: *example, sequence: sequence.clone(), position };
                distance.is_finite().then_some(NearToken { key, row, is_image, distance })
            });
            Ok(near.collect())
        })
        .collect::<Result<_, TokenError>>()?;
    let unread = unread.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect();
    let mut nearest = Nearest { scanned, is_exact, unread, ..Nearest::default() };
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

/// What a part is scanned for.
struct Sought<'a> {
    /// The token itself, which is none of the nearest.
    token: &'a TokenKey,
    state: usize,
    /// How many numbers its state has in the trace: states of another size are of another model.
    size: usize,
    /// How many candidates of each modality.
    most: usize,
}

/// What a part holds.
struct Scanned {
    /// The best of both modalities.
    candidates: Vec<Candidate>,
    /// The names of its sequences.
    sequences: Vec<String>,
    /// How many tokens were looked at.
    tokens: usize,
}

/// The best candidates of one part; `rough` is how far a reduced state seems to be.
fn scan(
    part: &Part,
    &Sought { token, state, size, most }: &Sought<'_>,
    rough: &(dyn Fn(&[f32]) -> f32 + Sync),
    progress: &(dyn Fn() -> bool + Sync),
) -> Result<Scanned, TokenError> {
    let column = format!("hidden_{state}");
    let path = part.folder().join(Table::Tokens.file_name());
    let wrong = |message: String| IndexError::Table { doing: "read the index in", path: path.clone(), message };
    let mut best = [Best::new(most), Best::new(most)];
    let mut names: Vec<String> = Vec::new();
    let mut tokens = 0;
    let columns = ["example", "sequence", "position", "modality", "hidden_size", column.as_str()];
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
        // An index of an older version lacks them.
        let sizes = batch.column_by_name("hidden_size").and_then(|sizes| sizes.as_primitive_opt::<Int32Type>());
        for row in 0..batch.num_rows() {
            let Some(values) = hidden(&batch, &column, row).map_err(wrong)? else { continue };
            let (example, position) = (examples.value(row), u32::try_from(positions.value(row)).unwrap_or(0));
            let name = sequences.value(row);
            let is_of_this_size = sizes.is_none_or(|sizes| usize::try_from(sizes.value(row)) == Ok(size));
            let is_it = example == token.example && position as usize == token.position && name == token.sequence;
            if !is_of_this_size || is_it {
                continue;
            }
            tokens += 1;
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
    let candidates = best.into_iter().flat_map(|best| best.heap).collect();
    Ok(Scanned { candidates, sequences: names, tokens })
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
        self.trace.check_unchanged().ok()?;
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
