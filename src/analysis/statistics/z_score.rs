//! Statistics relative to their kin: (value − mean) / population deviation.

use serde::{Deserialize, Serialize};

/// Which values of `[layers, heads]` are compared with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Over {
    /// Each head number over all layers, as VL-InterpreT does.
    Layers,
    /// The heads of each layer.
    Heads,
    /// All.
    Everything,
}

impl Over {
    /// As the label of a z-scored statistic ends.
    pub fn label(self) -> &'static str {
        match self {
            Self::Layers => "z by head",
            Self::Heads => "z by layer",
            Self::Everything => "z over all",
        }
    }
}

/// Z-scores `[layers, heads]` values in place. NaN stays NaN and counts nowhere; values without deviation become NaN.
pub fn z_score(values: &mut [f64], heads: usize, over: Over) {
    z_score_above(values, heads, over, 0.0);
}

/// The same; a deviation of at most `noise` is none.
pub fn z_score_above(values: &mut [f64], heads: usize, over: Over, noise: f64) {
    if heads == 0 {
        return;
    }
    let everything = values.len();
    // Where each group begins and ends, and the steps between its members.
    let group = |number: usize| match over {
        Over::Layers => (number..everything, heads),
        Over::Heads => (number * heads..(number + 1) * heads, 1),
        Over::Everything => (0..everything, 1),
    };
    let groups = match over {
        Over::Layers => heads,
        Over::Heads => everything / heads,
        Over::Everything => 1,
    };
    for (range, step) in (0..groups).map(group) {
        let present = || values.iter().take(range.end).skip(range.start).step_by(step).filter(|value| !value.is_nan());
        let count = present().count() as f64;
        let mean = present().sum::<f64>() / count;
        let deviation = (present().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
        // Sums in f32 of equal heads differ in the last digits: such a deviation says nothing.
        let scale = if deviation > noise.max(1e-6 * mean.abs()) { deviation } else { f64::NAN };
        for at in range.step_by(step) {
            values[at] = (values[at] - mean) / scale;
        }
    }
}
