//! Which parts of the pass are asked for: the walk leaves out what nobody reads.

/// The parts of the pass that not every statistic needs. The masses of the modalities, the diagonal and the previous
/// token come with every pass, since they cost next to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Parts {
    /// VL-InterpreT's means.
    pub vl_interpret: bool,
    /// Entropy, largest weight and sparsity.
    pub shape: bool,
    /// What each key receives.
    pub columns: bool,
    /// Distances on the image.
    pub distance: bool,
    /// Weights inside labelled regions.
    pub region: bool,
}

impl Default for Parts {
    fn default() -> Self {
        Self { vl_interpret: true, shape: true, columns: true, distance: true, region: true }
    }
}

impl Parts {
    /// What the statistics of these names are made of.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut parts = Self { vl_interpret: false, shape: false, columns: false, distance: false, region: false };
        for name in names {
            if let Some(part) = parts.part_of(name) {
                *part = true;
            }
        }
        parts
    }

    /// Whether the statistic of that name is computed.
    pub fn give(mut self, name: &str) -> bool {
        self.part_of(name).is_none_or(|part| *part)
    }

    /// What a statistic needs besides the masses.
    fn part_of(&mut self, name: &str) -> Option<&mut bool> {
        match name {
            "entropy" | "entropy_relative" | "max" | "hoyer" => Some(&mut self.shape),
            "sink" => Some(&mut self.columns),
            "distance" => Some(&mut self.distance),
            "region" => Some(&mut self.region),
            _ => name.starts_with("vli.").then_some(&mut self.vl_interpret),
        }
    }
}
