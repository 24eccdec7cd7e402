//! Which parts of the pass are asked for: the walk leaves out what nobody reads.

/// What of the pass a statistic needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// What comes with every pass, since it costs next to nothing: masses, the diagonal, the previous token.
    Always,
    /// VL-InterpreT's means.
    VlInterpret,
    /// Entropy, largest weight and sparsity of each row.
    Shape,
    /// What each key receives.
    Columns,
    /// Distances on the image.
    Distance,
    /// Weights inside labelled regions.
    Region,
}

/// Several of them; [`Part::Always`] is in all. All, unless it is said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Parts(u8);

impl Default for Parts {
    fn default() -> Self {
        Self(u8::MAX)
    }
}

impl Parts {
    /// These.
    pub fn of(parts: impl IntoIterator<Item = Part>) -> Self {
        Self(parts.into_iter().fold(bit(Part::Always), |bits, part| bits | bit(part)))
    }

    /// Whether a part is among them.
    pub fn has(self, part: Part) -> bool {
        self.0 & bit(part) != 0
    }
}

fn bit(part: Part) -> u8 {
    1 << part as u8
}
