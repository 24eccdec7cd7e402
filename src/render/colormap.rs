//! Colormaps: perceptually uniform and colour-blind safe ones from the `colorous` crate, and, only by name, a few that
//! older papers used.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A named map from `0..=1` to colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colormap {
    /// Dark blue over green to yellow; the default of the matrices.
    #[default]
    Viridis,
    /// Black over red to amber; the default over images and words. It is inferno without its palest colours, which on white paper
    /// look like less than those before them.
    Ember,
    /// Black over red to pale yellow.
    Inferno,
    /// Black over purple to white.
    Magma,
    /// Blue to yellow, made for colour-blind eyes.
    Cividis,
    /// Diverging, for z-scores: blue, white, red.
    RedBlue,
    /// Black to white.
    Greys,
    /// Blue over magenta to yellow. Only by name.
    Plasma,
    /// A rainbow with even steps. Only by name: its order has to be learnt.
    Turbo,
    /// The old rainbow. Only by name: it shows edges where the values have none.
    Jet,
}

/// A name that is no colormap's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a colormap: there are viridis, ember, inferno, magma, cividis, red-blue, greys, plasma, turbo and jet"
)]
pub struct UnknownColormap(String);

impl Colormap {
    /// Those to choose from; a few more are there by name.
    pub fn all() -> [Self; 7] {
        [Self::Viridis, Self::Ember, Self::Inferno, Self::Magma, Self::Cividis, Self::RedBlue, Self::Greys]
    }

    /// The colour at `t`, from 0 (low) to 1 (high); clamped, and low for NaN.
    pub fn rgb(self, t: f32) -> [u8; 3] {
        let t = if t.is_nan() { 0.0 } else { f64::from(t.clamp(0.0, 1.0)) };
        let gradient = match self {
            Self::Viridis => colorous::VIRIDIS,
            Self::Ember => return colorous::INFERNO.eval_continuous(0.8 * t).as_array(),
            Self::Inferno => colorous::INFERNO,
            Self::Magma => colorous::MAGMA,
            Self::Cividis => colorous::CIVIDIS,
            Self::RedBlue => return colorous::RED_BLUE.eval_continuous(1.0 - t).as_array(),
            Self::Greys => return [(t * 255.0).round() as u8; 3],
            Self::Plasma => colorous::PLASMA,
            Self::Turbo => colorous::TURBO,
            Self::Jet => return jet(t),
        };
        gradient.eval_continuous(t).as_array()
    }

    /// Its colours at 256 even steps, opaque.
    pub fn lut(self) -> [[u8; 4]; 256] {
        std::array::from_fn(|step| {
            let [r, g, b] = self.rgb(step as f32 / 255.0);
            [r, g, b, 255]
        })
    }
}

/// MATLAB's old default: three trapezoids, each a quarter apart.
fn jet(t: f64) -> [u8; 3] {
    [3.0, 2.0, 1.0].map(|center| {
        let level = 1.5 - (4.0 * t - center).abs();
        (level.clamp(0.0, 1.0) * 255.0).round() as u8
    })
}

impl fmt::Display for Colormap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Viridis => "viridis",
            Self::Ember => "ember",
            Self::Inferno => "inferno",
            Self::Magma => "magma",
            Self::Cividis => "cividis",
            Self::RedBlue => "red-blue",
            Self::Greys => "greys",
            Self::Plasma => "plasma",
            Self::Turbo => "turbo",
            Self::Jet => "jet",
        })
    }
}

impl FromStr for Colormap {
    type Err = UnknownColormap;

    fn from_str(name: &str) -> Result<Self, UnknownColormap> {
        let by_name_only = [Self::Plasma, Self::Turbo, Self::Jet];
        let mut known = Self::all().into_iter().chain(by_name_only);
        known
            .find(|colormap| colormap.to_string() == name.to_ascii_lowercase())
            .ok_or_else(|| UnknownColormap(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for name in ["viridis", "ember", "inferno", "magma", "cividis", "red-blue", "greys", "plasma", "turbo", "jet"] {
            assert_eq!(name.parse().map(|colormap: Colormap| colormap.to_string()), Ok(name.to_owned()));
        }
        assert!("rainbow".parse::<Colormap>().is_err());
    }

    #[test]
    fn ends_have_the_colours_that_the_names_promise() {
        assert_eq!(Colormap::Greys.rgb(f32::NAN), [0; 3]);
        assert_eq!(Colormap::Greys.rgb(7.0), [255; 3]);
        let [[low_r, _, low_b], middle, [high_r, _, high_b]] = [0.0, 0.5, 1.0].map(|t| Colormap::RedBlue.rgb(t));
        assert!(low_b > low_r && high_r > high_b && middle.iter().all(|&level| level > 230));
        assert_eq!(Colormap::Jet.rgb(0.0), [0, 0, 128]);
    }
}
