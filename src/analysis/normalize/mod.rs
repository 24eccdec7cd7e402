//! From weights to `0..=1`, for display: each way finds the values that become 0 and 1, for all or row by row.
//!
//! Values that are not finite count nowhere and stay as they are; where nothing is left, or all values are equal, the
//! range is that value twice and finite values become 0. A percentile is that of the nearest rank, so that it is a
//! value that occurs; interpolation was rejected since the GPU's radix selection finds values, not places between.

pub mod cpu;
pub mod gpu;

use std::borrow::Cow;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::{Deserialize, Serialize};

use crate::typed::{parse_percentile, typed_as};

/// The way to normalize.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalization {
    /// Values stay; 0 and 1 are 0 and 1.
    #[default]
    None,
    /// The smallest value becomes 0, the largest 1.
    MinMax,
    /// In each row, 0 stays and the largest value becomes 1.
    RowMaximum,
    /// 0 stays; the value below which this percentage of all values lies becomes 1, and what is larger too.
    Percentile(f32),
    /// The logarithm: the largest value becomes 1, and [`LOG_FLOOR`] of it, with whatever is less, 0.
    Log,
}

impl Eq for Normalization {}

impl std::hash::Hash for Normalization {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        if let Self::Percentile(percent) = self {
            (percent + 0.0).to_bits().hash(state);
        }
    }
}

impl Normalization {
    /// Every way, as it is offered.
    pub const ALL: [Self; 5] = [Self::None, Self::MinMax, Self::RowMaximum, Self::Percentile(99.0), Self::Log];

    /// The name on the command line and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::MinMax => "min-max",
            Self::RowMaximum => "row-maximum",
            Self::Percentile(_) => "percentile",
            Self::Log => "log",
        }
    }

    /// As it is offered.
    pub fn words(self) -> Cow<'static, str> {
        if self == Self::None { "not normalized".into() } else { self.label() }
    }

    /// As the colour bar writes it; empty for none.
    pub fn label(self) -> Cow<'static, str> {
        match self {
            Self::None => "".into(),
            Self::MinMax => "min to max".into(),
            Self::RowMaximum => "of the maximum".into(),
            Self::Percentile(percent) => format!("to the {percent}th percentile").into(),
            Self::Log => "logarithmic".into(),
        }
    }
}

/// As it is typed. A percentile alone says what is done with it.
#[derive(Args)]
struct Typed {
    /// How weights are normalized before they are coloured.
    #[arg(long, default_value = "none", value_parser = names())]
    normalization: Normalization,
    /// Normalize to this percentile, above 0 and up to 100; the 99th with `--normalization percentile` alone.
    #[arg(long, value_name = "P", value_parser = parse_percentile)]
    percentile: Option<f32>,
}

fn names() -> impl TypedValueParser<Value = Normalization> {
    let named = |name: String| Normalization::ALL.into_iter().find(|how| how.name() == name).unwrap_or_default();
    PossibleValuesParser::new(Normalization::ALL.map(Normalization::name)).map(named)
}

typed_as!(Normalization, Typed);

impl From<Typed> for Normalization {
    fn from(Typed { normalization, percentile }: Typed) -> Self {
        match (normalization, percentile) {
            (Self::None | Self::Percentile(_), Some(percent)) => Self::Percentile(percent),
            _ => normalization,
        }
    }
}

/// The share of the largest value at which the logarithmic scale begins: four decades.
pub const LOG_FLOOR: f32 = 1e-4;

/// Where a value lies in a range, from 0 to 1; `Normalization::None` leaves values as they are.
pub fn apply(value: f32, [low, high]: [f32; 2], how: Normalization) -> f32 {
    if how == Normalization::None || !value.is_finite() {
        value
    } else if high <= low {
        0.0
    } else if how == Normalization::Log {
        ((value.max(low) / low).ln() / (high / low).ln()).clamp(0.0, 1.0)
    } else {
        ((value - low) / (high - low)).clamp(0.0, 1.0)
    }
}

/// The 0-based rank of a percentile among `count` sorted values: nearest rank.
pub fn percentile_rank(percent: f32, count: usize) -> usize {
    let rank = (f64::from(percent.clamp(0.0, 100.0)) / 100.0 * count as f64).ceil() as usize;
    rank.clamp(1, count.max(1)) - 1
}
