//! From values to colours and to the numbers at an axis.

use crate::render::colormap::Colormap;
use crate::render::{Color, faded};

/// From values to colours, and what the values are.
#[derive(Clone, Debug)]
pub(in crate::view) struct Scale {
    pub colormap: Colormap,
    /// The values at the ends, the smaller one first.
    pub range: [f32; 2],
    pub veil: Option<Veil>,
    /// What every weight would be if a row were spread evenly, and how that is written: `1/73`.
    pub uniform: Option<(f32, String)>,
    pub label: String,
    /// Whether patches without a value are hatched.
    pub hatches_missing: bool,
}

/// How colours cover a picture in grey.
#[derive(Clone, Copy, Debug)]
pub(in crate::view) struct Veil {
    /// Of the largest value.
    pub opacity: f32,
    /// Whether smaller values cover less, and 0 nothing.
    pub fades: bool,
    /// How bright the picture is, in the mean.
    pub ground: Color,
}

impl Scale {
    /// Colours that cover what lies under them.
    pub fn plain(colormap: Colormap, range: [f32; 2], label: String) -> Self {
        Self { colormap, range, veil: None, uniform: None, label, hatches_missing: true }
    }

    /// With a tick at the uniform share, which the label explains.
    pub fn with_uniform(self, uniform: Option<(f32, String)>) -> Self {
        let is_on_bar = |(value, _): &(f32, String)| *value > self.range[0] && *value <= self.range[1];
        match uniform.filter(is_on_bar) {
            Some(uniform) => {
                let label = format!("{} · tick: uniform, {}", self.label, uniform.1);
                Self { label, uniform: Some(uniform), ..self }
            }
            None => self,
        }
    }

    /// How much of what lies under it the colour of a value covers, from 0 to 1.
    pub fn opacity(&self, value: f32) -> f32 {
        match self.veil {
            Some(Veil { opacity, fades: true, .. }) => {
                opacity * faded(self.position(value), self.colormap.is_diverging())
            }
            Some(Veil { opacity, fades: false, .. }) => opacity,
            None => 1.0,
        }
    }

    /// From 0 at the low end of the range to 1 at its high end; NaN if the value is.
    pub fn position(&self, value: f32) -> f32 {
        let [low, high] = self.range;
        match value.is_nan() {
            true => f32::NAN,
            false if value == low => 0.0,
            // Both ends may be one.
            false if low == high => f32::from(value > low),
            false => ((value - low) / (high - low)).clamp(0.0, 1.0),
        }
    }

    /// The colour of a value; `None` if it is NaN.
    pub fn color(&self, value: f32) -> Option<Color> {
        let position = self.position(value);
        let [r, g, b] = self.colormap.rgb(position);
        (!position.is_nan()).then_some(Color([r, g, b, 255]))
    }
}

/// Round values strictly inside a range, about `count` of them, and the decimals that they need.
pub(in crate::view) fn ticks(range: [f32; 2], count: usize) -> (Vec<f32>, usize) {
    let (low, high) = (range[0].min(range[1]), range[0].max(range[1]));
    let span = high - low;
    let rough = span / (count as f32 + 1.0);
    if rough <= 0.0 || !rough.is_normal() {
        return (Vec::new(), 2);
    }
    let power = rough.log10().floor();
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * 10.0_f32.powf(power));
    let step = steps.into_iter().find(|step| *step >= rough).unwrap_or(steps[3]);
    let first = (low / step).floor() as i64 + 1;
    let values = (first..first + 20).map(|i| i as f32 * step).take_while(|value| *value < high - span * 1e-4).collect();
    (values, (-step.log10().floor()).clamp(0.0, 7.0) as usize)
}

/// The decimals that give the width of a range three digits.
pub(in crate::view) fn decimals(range: [f32; 2]) -> usize {
    let span = (range[1] - range[0]).abs();
    if span > 0.0 { (2.0 - span.log10().floor()).clamp(0.0, 7.0) as usize } else { 2 }
}

/// A number at an axis, with a true minus sign.
pub(in crate::view) fn tick_text(value: f32, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let rounds_to_zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    match value {
        0.0 => "0".to_owned(),
        _ if value < 0.0 && !rounds_to_zero => format!("−{text}"),
        _ => text,
    }
}
