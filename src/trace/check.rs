//! Reads every value of a trace and reports what is not sound. Opening a trace looks at no value, so that it costs no
//! time; this is where they are looked at.

use super::{Dtype, TensorView, Trace};

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether the numbers cannot be trusted; else it is only unusual.
    pub is_error: bool,
    /// The tensor, the place and what was found.
    pub message: String,
}

/// How far the sum of a row may be from 1: what rounding to the dtype explains.
fn sum_tolerance(dtype: Dtype, keys: usize) -> f32 {
    let step = match dtype {
        Dtype::F32 => 1e-4,
        Dtype::F16 => 2e-3,
        Dtype::Bf16 => 1e-2,
    };
    step * (1.0 + (keys as f32).sqrt() / 16.0)
}

impl Trace {
    /// Everything that [`check`](Self::check) reads, in bytes.
    pub fn check_bytes(&self) -> u64 {
        let attention = self.document().attention.iter().enumerate();
        let attention: usize = attention
            .flat_map(|(block, of)| (0..of.layers).map(move |layer| (block, layer)))
            .map(|(block, layer)| self.attention(block, layer).bytes.len())
            .sum();
        let hidden = self.document().hidden.iter().enumerate();
        let hidden: usize = hidden
            .flat_map(|(index, of)| (0..of.states).map(move |state| (index, state)))
            .map(|(index, state)| self.hidden(index, state).bytes.len())
            .sum();
        (attention + hidden) as u64
    }

    /// Reads all attention and hidden states; `on_bytes` is told how many more bytes are done.
    pub fn check(&self, on_bytes: &mut dyn FnMut(u64)) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (index, block) in self.document().attention.iter().enumerate() {
            for layer in 0..block.layers {
                let view = self.attention(index, layer);
                let name = format!("attention.{}.{layer}", block.name);
                findings.extend(check_finite(&name, &view));
                findings.extend(check_rows(&name, &view, block.causal));
                on_bytes(view.bytes.len() as u64);
            }
        }
        for (index, hidden) in self.document().hidden.iter().enumerate() {
            let sequence = &self.document().sequences[hidden.sequence].name;
            for state in 0..hidden.states {
                let view = self.hidden(index, state);
                findings.extend(check_finite(&format!("hidden.{sequence}.{state}"), &view));
                on_bytes(view.bytes.len() as u64);
            }
        }
        findings
    }
}

/// The first value that is not finite, and how many there are.
fn check_finite(name: &str, view: &TensorView<'_>) -> Option<Finding> {
    let mut first = None;
    let mut count = 0_usize;
    for_each_row(view, |row, values| {
        for (column, value) in values.iter().enumerate().filter(|(_, value)| !value.is_finite()) {
            first.get_or_insert((row, column, *value));
            count += 1;
        }
    });
    let (row, column, value) = first?;
    let place = match *view.shape {
        [_, queries, _] => format!("[{}, {}, {column}]", row / queries, row % queries),
        _ => format!("[{row}, {column}]"),
    };
    let more = if count > 1 { format!(", and {} more values are not finite", count - 1) } else { String::new() };
    Some(Finding { is_error: true, message: format!("{name}{place} is {value}{more}") })
}

/// Rows that do not sum to 1, weights below 0, and weights that a causal mask should have hidden.
fn check_rows(name: &str, view: &TensorView<'_>, causal: bool) -> Vec<Finding> {
    let (queries, keys) = (view.shape[1], view.shape[2]);
    let tolerance = sum_tolerance(view.dtype, keys);
    let (mut off, mut worst) = (0_usize, (0.0_f32, 0, 1.0_f32));
    let (mut negative, mut unmasked) = (0_usize, 0_usize);
    for_each_row(view, |row, values| {
        let sum: f32 = values.iter().sum();
        let distance = (sum - 1.0).abs();
        if distance > tolerance {
            off += 1;
            if distance > worst.0 {
                worst = (distance, row, sum);
            }
        }
        negative += values.iter().filter(|value| **value < 0.0).count();
        if causal {
            unmasked += values.iter().skip(row % queries + 1).filter(|value| **value > 0.0).count();
        }
    });
    let rows = view.shape[0] * queries;
    let mut findings = Vec::new();
    let mut warn = |message| findings.push(Finding { is_error: false, message });
    if off > 0 {
        let (_, row, sum) = worst;
        let (head, query) = (row / queries, row % queries);
        warn(format!("{name}: {off} of {rows} rows do not sum to 1; the worst, [{head}, {query}], sums to {sum}"));
    }
    if negative > 0 {
        warn(format!("{name}: {negative} weights are below 0"));
    }
    if unmasked > 0 {
        warn(format!("{name}: {unmasked} weights lie behind the causal mask"));
    }
    findings
}

/// All rows of the innermost dimension, numbered through.
fn for_each_row(view: &TensorView<'_>, mut look: impl FnMut(usize, &[f32])) {
    let columns = view.shape.last().copied().unwrap_or(0);
    if columns == 0 {
        return;
    }
    let mut values = vec![0.0; columns];
    for row in 0..view.len() / columns {
        view.read(row * columns, &mut values);
        look(row, &values);
    }
}
