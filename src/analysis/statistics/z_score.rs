//! Statistics relative to their group: (value − mean) / population deviation.

use clap::ValueEnum as _;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::typed::choice;

choice! {
    /// Which values of `[layers, heads]` are compared with each other.
    pub enum Over {
        /// Each head number over all layers, as VL-InterpreT does.
        Layers = "head" | "layers", "z by head";
        /// The heads of each layer.
        Heads = "layer" | "heads", "z by layer";
        /// All.
        Everything = "all" | "everything", "z over all";
    }
}

/// What statistics are compared with; `None` for their plain values. A name of its own, since clap takes an `Option` apart.
pub type ZScore = Option<Over>;

impl Over {
    /// Reads its name, or `none`.
    pub fn or_none() -> impl TypedValueParser<Value = ZScore> {
        let names = ["none"].into_iter().chain(Self::ALL.map(Self::name));
        PossibleValuesParser::new(names).map(|name| Self::from_str(&name, false).ok())
    }
}

/// How far values may be from the exact ones. What deviates by no more than this deviates by rounding alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rounding {
    /// Whatever the value is.
    pub absolute: f64,
    /// Times the value.
    pub relative: f64,
}

impl Rounding {
    /// Of numbers that were stored in f32.
    pub const STORED: Self = Self { absolute: 0.0, relative: 1e-6 };
    /// Of sums in f32 of what is not negative, in any order.
    pub const SUMMED: Self = Self { absolute: 0.0, relative: 1e-5 };
    /// Of differences of such sums that are about as large as 1, as the entropy is.
    pub const SUBTRACTED: Self = Self { absolute: 1e-5, relative: 1e-5 };
}

/// Z-scores `[layers, heads]` values in place. NaN stays NaN and counts nowhere; values that deviate by rounding alone
/// become NaN.
pub fn z_score(values: &mut [f64], heads: usize, over: Over, rounding: Rounding) {
    z_score_beyond(values, heads, over, |_, mean| rounding.absolute + rounding.relative * mean.abs());
}

/// The same, with the error of the values of a group, of which it is given the number and the mean. Returns the error of
/// the z-scores of each group.
pub(super) fn z_score_beyond(
    values: &mut [f64],
    heads: usize,
    over: Over,
    error: impl Fn(usize, f64) -> f64,
) -> Vec<f64> {
    let everything = values.len();
    // Where each group begins and ends, and the steps between its members.
    let group = |number: usize| match over {
        Over::Layers => (number..everything, heads),
        Over::Heads => (number * heads..(number + 1) * heads, 1),
        Over::Everything => (0..everything, 1),
    };
    let groups = match over {
        _ if heads == 0 => 0,
        Over::Layers => heads,
        Over::Heads => everything / heads,
        Over::Everything => 1,
    };
    let mut errors = Vec::with_capacity(groups);
    for (number, (range, step)) in (0..groups).map(group).enumerate() {
        let present = || values.iter().take(range.end).skip(range.start).step_by(step).filter(|value| !value.is_nan());
        let count = present().count() as f64;
        let mean = present().sum::<f64>() / count;
        let deviation = (present().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
        let error = error(number, mean);
        let scale = if deviation > error { deviation } else { f64::NAN };
        for at in range.step_by(step) {
            values[at] = (values[at] - mean) / scale;
        }
        errors.push(error / scale);
    }
    errors
}
