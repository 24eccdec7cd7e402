//! Reads every value of a trace and reports what is not sound. Opening checks shapes and names; this checks numbers.
//!
//! One parallel walk over the rows, a few at a time, so that a tensor need not fit in memory. Of each problem a tensor
//! has one finding, with the count and the first place (or the worst row).

use rayon::prelude::*;

use super::kinds::{RELEVANCE, Values, WORDS};
use super::{Dtype, LayerMask, Mask, TensorView, Trace, TraceError};

/// Whether a trace with this finding is still sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Its numbers are wrong.
    Error,
    /// Its numbers may be what the author wanted.
    Warning,
}

/// What is wrong with a value or a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// NaN.
    NotANumber,
    /// Infinite.
    Infinite,
    /// A weight below 0, or a relevance that is not signed.
    Negative,
    /// A log-probability above 0.
    Positive,
    /// A weight on a future key, in a causal layer.
    FutureKey,
    /// A weight on a key that the layer's mask hides.
    MaskedKey,
    /// A word that is not in the vocabulary.
    UnknownWord,
    /// A row of weights that does not sum to 1.
    RowSum,
    /// A log-sum-exp that is not that of the queries and keys.
    LogSumExp,
    /// A statistic of capture that is not that of the weights.
    Statistic,
}

/// One problem of one tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What is wrong.
    pub problem: Problem,
    /// The tensor's name in the file.
    pub tensor: String,
    /// The first value with the problem, or the row that is farthest from a sum of 1.
    pub position: Vec<usize>,
    /// That value, or the sum of that row.
    pub value: f64,
    /// How many values or rows have the problem.
    pub count: u64,
    /// Of how many.
    pub total: u64,
    /// The same in words.
    pub message: String,
}

impl Problem {
    /// As JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotANumber => "nan",
            Self::Infinite => "infinite",
            Self::Negative => "negative",
            Self::Positive => "positive",
            Self::UnknownWord => "unknown_word",
            Self::FutureKey => "behind_query",
            Self::MaskedKey => "masked",
            Self::RowSum => "row_sum",
            Self::LogSumExp => "log_sum_exp",
            Self::Statistic => "statistic",
        }
    }

    /// Rows that do not sum to 1 are a warning: attention after dropout or on padding has them.
    pub fn severity(self) -> Severity {
        if self == Self::RowSum { Severity::Warning } else { Severity::Error }
    }
}

/// How far from 1 the sum of a row may be: what rounding its weights can do. python/ has the same numbers.
pub fn row_tolerance(dtype: Dtype) -> f64 {
    match dtype {
        Dtype::F32 => 1e-4,
        Dtype::F16 => 1e-3,
        Dtype::Bf16 => 1e-2,
    }
}

/// Number of bytes that [`check`] reads.
pub fn bytes(trace: &Trace) -> u64 {
    trace.numbers().map(|(.., view)| view.bytes.len() as u64).sum()
}

/// Reads every value. `on_bytes` hears of each part that was read, from any thread.
///
/// # Errors
/// If the file is no longer the one that was opened.
pub fn check(trace: &Trace, on_bytes: &(dyn Fn(u64) + Sync)) -> Result<Vec<Finding>, TraceError> {
    let mut findings = Vec::new();
    for (kind, name, owner, member, view) in trace.numbers() {
        let rows = (kind.values == Values::Rows).then(|| RowRules {
            mask: trace.mask(owner, member),
            may_lack: trace.document().attention[owner].sink_share,
        });
        let is_signed = kind.values == Values::Relevance && trace.document().relevance[member].signed;
        let values = if is_signed { Values::Finite } else { kind.values };
        findings.extend(check_tensor(&name, &view, Rules { values, rows }, on_bytes));
        trace.check_unchanged()?;
    }
    findings.extend(check_words(trace)?);
    Ok(findings)
}

/// Words that are not in the vocabulary. The vocabulary itself is refused if it is none.
fn check_words(trace: &Trace) -> Result<Vec<Finding>, TraceError> {
    let document = trace.document();
    let vocabulary = trace.vocabulary()?;
    let mut findings = Vec::new();
    for (index, described) in document.words.iter().enumerate() {
        let tokens = document.sequences[described.sequence].tokens.len();
        for state in 0..described.states.len() {
            let Some(words) = trace.words(index, state) else { continue };
            let all = (0..tokens).flat_map(|token| words.numbers(token).enumerate().map(move |word| (token, word)));
            let mut unknown = all.filter(|(_, (_, number))| vocabulary.word(*number).is_none());
            let Some((token, (word, number))) = unknown.next() else { continue };
            let (count, tensor) = (1 + unknown.count() as u64, WORDS.tensor_name(document, index, state));
            let tally = Tally { count, place: token * words.count + word, value: number.into() };
            let total = tokens * words.count;
            findings.push(describe(Problem::UnknownWord, tally, &tensor, &words.scores, total));
        }
    }
    trace.check_unchanged()?;
    Ok(findings)
}

/// So many are like the first.
fn others(count: u64) -> String {
    match count - 1 {
        0 => String::new(),
        1 => ", as is 1 more value".to_owned(),
        more => format!(", as are {more} more values"),
    }
}

/// What holds for the values of a tensor.
#[derive(Clone, Copy)]
struct Rules<'a> {
    values: Values,
    rows: Option<RowRules<'a>>,
}

/// What holds for rows of weights.
#[derive(Clone, Copy)]
struct RowRules<'a> {
    mask: LayerMask<'a>,
    /// Whether their sums may be less than 1.
    may_lack: bool,
}

/// How often one problem was met, and where it counts most: first, or farthest from 1.
#[derive(Clone, Copy)]
struct Tally {
    count: u64,
    place: usize,
    value: f64,
}

const PROBLEMS: [Problem; 8] = [
    Problem::NotANumber,
    Problem::Infinite,
    Problem::Negative,
    Problem::Positive,
    Problem::FutureKey,
    Problem::MaskedKey,
    Problem::UnknownWord,
    Problem::RowSum,
];

/// One tally a problem, in the order of [`PROBLEMS`].
type Tallies = [Option<Tally>; PROBLEMS.len()];

fn check_tensor(name: &str, view: &TensorView<'_>, rules: Rules<'_>, on_bytes: &(dyn Fn(u64) + Sync)) -> Vec<Finding> {
    const CHUNK_VALUES: usize = 1 << 18;
    let Some(&width) = view.shape.last().filter(|_| !view.is_empty()) else { return Vec::new() };
    let rows = view.len() / width;
    let chunk_rows = (CHUNK_VALUES / width).max(1);
    let tallies = (0..rows.div_ceil(chunk_rows))
        .into_par_iter()
        .map_init(
            || vec![0.0; width],
            |values, chunk| {
                let mut tallies = Tallies::default();
                let rows = chunk * chunk_rows..rows.min((chunk + 1) * chunk_rows);
                on_bytes((rows.len() * width * view.dtype.bytes()) as u64);
                for row in rows {
                    view.read(row * width, values);
                    check_row(row, values, view, rules, &mut tallies);
                }
                tallies
            },
        )
        .reduce(Tallies::default, |mut sum, tallies| {
            let found = PROBLEMS.iter().zip(tallies).filter_map(|(problem, tally)| Some((*problem, tally?)));
            found.for_each(|(problem, tally)| add(&mut sum, problem, tally));
            sum
        });
    let finding = |(&problem, tally): (&Problem, Option<Tally>)| {
        tally.map(|tally| {
            describe(problem, tally, name, view, if problem == Problem::RowSum { rows } else { view.len() })
        })
    };
    PROBLEMS.iter().zip(tallies).filter_map(finding).collect()
}

fn check_row(row: usize, values: &[f32], view: &TensorView<'_>, rules: Rules<'_>, tallies: &mut Tallies) {
    let is_weights = rules.rows.is_some();
    let may_not_be_negative = is_weights || rules.values == Values::Relevance;
    let may_be_nothing = matches!(rules.values, Values::FiniteOrNothing | Values::LogProbability);
    let query = if is_weights { row % view.shape[1] } else { 0 };
    let seen = rules.rows.map(|rows| rows.mask.row(query));
    let is_causal = rules.rows.is_some_and(|rows| *rows.mask.mask() == Mask::Causal);
    let mut sum = 0.0_f64;
    for (column, &value) in values.iter().enumerate() {
        let value = f64::from(value);
        sum += value;
        let problem = match value {
            _ if value.is_nan() && rules.values == Values::FiniteOrNan => continue,
            _ if value == f64::NEG_INFINITY && may_be_nothing => continue,
            _ if value.is_nan() => Problem::NotANumber,
            _ if value.is_infinite() => Problem::Infinite,
            _ if value < 0.0 && may_not_be_negative => Problem::Negative,
            _ if value > 0.0 && rules.values == Values::LogProbability => Problem::Positive,
            0.0 => continue,
            _ if seen.as_ref().is_none_or(|seen| seen.allows(column)) => continue,
            _ if is_causal => Problem::FutureKey,
            _ => Problem::MaskedKey,
        };
        add(tallies, problem, Tally { count: 1, place: row * values.len() + column, value });
    }
    // A row with a value that is not finite has been reported for that.
    let off = if rules.rows.is_some_and(|rows| rows.may_lack) { (sum - 1.0).max(0.0) } else { (sum - 1.0).abs() };
    if is_weights && sum.is_finite() && off > row_tolerance(view.dtype) {
        add(tallies, Problem::RowSum, Tally { count: 1, place: row, value: sum });
    }
}

fn add(tallies: &mut Tallies, problem: Problem, found: Tally) {
    let slot = &mut tallies[problem as usize];
    let Some(known) = slot else {
        *slot = Some(found);
        return;
    };
    let count = known.count + found.count;
    // The place decides between rows that are equally far off, so that the report does not depend on the threads.
    let distance = |tally: &Tally| if problem == Problem::RowSum { (tally.value - 1.0).abs() } else { 0.0 };
    let order = distance(&found).total_cmp(&distance(known)).then(known.place.cmp(&found.place));
    *slot = Some(Tally { count, ..if order.is_gt() { found } else { *known } });
}

fn describe(problem: Problem, tally: Tally, tensor: &str, view: &TensorView<'_>, total: usize) -> Finding {
    let Tally { count, place, value } = tally;
    let sides = if problem == Problem::RowSum { &view.shape[..view.shape.len() - 1] } else { &view.shape[..] };
    let mut position = vec![0; sides.len()];
    let mut rest = place;
    for (index, &side) in position.iter_mut().zip(sides).rev() {
        *index = rest % side;
        rest /= side;
    }
    let others = others(count);
    let message = match problem {
        Problem::NotANumber => format!("{tensor}{position:?} is NaN{others}"),
        Problem::Infinite => format!("{tensor}{position:?} is infinite{others}"),
        Problem::Negative if tensor.starts_with(RELEVANCE.name) => {
            format!("{tensor}{position:?} is {value}, and this relevance is not signed{others}")
        }
        Problem::Negative => format!("{tensor}{position:?} is {value}, a negative weight{others}"),
        Problem::Positive => format!("{tensor}{position:?} is {value}, a log-probability above 0{others}"),
        Problem::UnknownWord => format!("{tensor}{position:?} is {value}, which is not in the vocabulary{others}"),
        Problem::FutureKey => {
            format!("{tensor}{position:?} is {value}, a future key in a causal block{others}")
        }
        Problem::MaskedKey => format!("{tensor}{position:?} is {value}, a key that the mask hides{others}"),
        // Who computes anew says it in words of his own.
        Problem::RowSum | Problem::LogSumExp | Problem::Statistic => format!(
            "{count} of {total} rows of `{tensor}` do not sum to 1 within {}: the worst, {position:?}, sums to {value:.4}",
            row_tolerance(view.dtype)
        ),
    };
    Finding { problem, tensor: tensor.to_owned(), position, value, count, total: total as u64, message }
}
