//! Colormaps: perceptually uniform and colour-blind safe ones from the `colorous` crate, and, only by name, a few that
//! older papers used.

use crate::typed::choice;

choice! {
    /// A named map from `0..=1` to colours.
    #[derive(Default)]
    pub enum Colormap {
        /// Dark blue over green to yellow; the default of the matrices.
        #[default]
        Viridis = "viridis";
        /// Black over red to amber; the default over images and words. It is inferno without its palest colours, which on white paper
        /// look like less than those before them.
        Ember = "ember";
        /// Black over red to pale yellow.
        Inferno = "inferno";
        /// Black over purple to white.
        Magma = "magma";
        /// Blue to yellow, made for colour-blind eyes.
        Cividis = "cividis";
        /// Diverging, for z-scores: blue, white, red.
        RedBlue = "red-blue";
        /// The same without its pale middle, for values with a sign over a picture: there 0 lets the picture through.
        RedBlueVeil = "red-blue-veil";
        /// Black to white.
        Greys = "greys";
        /// Blue over magenta to yellow. Only by name.
        Plasma = "plasma";
        /// A rainbow with even steps. Only by name: its order has to be learnt.
        Turbo = "turbo";
        /// The old rainbow. Only by name: it shows edges where the values have none.
        Jet = "jet";
    }
}

impl Colormap {
    /// Those to choose from; a few more are there by name.
    pub fn all() -> [Self; 7] {
        [Self::Viridis, Self::Ember, Self::Inferno, Self::Magma, Self::Cividis, Self::RedBlue, Self::Greys]
    }

    /// Whether it has two sides, and its middle stands for 0.
    pub fn is_diverging(self) -> bool {
        matches!(self, Self::RedBlue | Self::RedBlueVeil)
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
            Self::RedBlueVeil => {
                let far = if t < 0.5 { 0.75 + 0.5 * (0.5 - t) } else { 0.25 - 0.5 * (t - 0.5) };
                return colorous::RED_BLUE.eval_continuous(far).as_array();
            }
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

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn names_are_read_back() {
        let read = |name| Colormap::from_str(name, true);
        for name in [
            "viridis",
            "ember",
            "inferno",
            "magma",
            "cividis",
            "red-blue",
            "red-blue-veil",
            "greys",
            "plasma",
            "turbo",
            "jet",
        ] {
            assert_eq!(read(name).map(|colormap| colormap.to_string()), Ok(name.to_owned()));
        }
        assert_eq!(read("Viridis"), Ok(Colormap::Viridis));
        assert!(read("rainbow").is_err());
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
