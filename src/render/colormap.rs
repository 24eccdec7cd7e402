//! Colormaps: perceptually uniform and colour-blind safe ones from the `colorous` crate.

/// A named map from `0..=1` to colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Colormap {
    /// Dark blue over green to yellow; the default of the matrices.
    #[default]
    Viridis,
    /// Black over red to pale yellow; the default over images.
    Inferno,
    /// Black over purple to white.
    Magma,
    /// Blue to yellow, made for colour-blind eyes.
    Cividis,
    /// Diverging, for z-scores: blue, white, red.
    RedBlue,
    /// Black to white.
    Greys,
}
