//! What one walk over the rows of a head leaves, and what formulas make of it.

/// The slots, each with its number: `slots!(macro)` hands the list to a macro. The constants below and those of
/// shaders/analysis/statistics.wgsl are made of it. A statistic's rows are those that its mean divides by.
macro_rules! slots {
    ($with:ident) => {
        $with! {
            "Mass of text queries on text keys, text on image, image on text, image on image.",
            MASS = 0;
            "The rows of each mass: queries that see a key of the modality.",
            MASS_ROWS = 4;
            "Entropy of the rows.",
            ENTROPY = 8;
            "Rows that have an entropy: some weight is above zero.",
            ENTROPY_ROWS = 9;
            "Entropy relative to its maximum.",
            RELATIVE = 10;
            "Rows of which that maximum is above zero: the query sees two keys or more.",
            RELATIVE_ROWS = 11;
            "Each row's largest weight.",
            LARGEST = 12;
            "Rows whose query sees a key.",
            LARGEST_ROWS = 13;
            "Hoyer sparsity, of the rows of `RELATIVE_ROWS`.",
            HOYER = 14;
            "Weight of each query on itself.",
            DIAGONAL = 15;
            "Rows that have such a weight.",
            DIAGONAL_ROWS = 16;
            "Weight of each query on the token before it.",
            PREVIOUS = 17;
            "Rows that have such a weight.",
            PREVIOUS_ROWS = 18;
            "Mean distance of image queries.",
            DISTANCE = 19;
            "Image queries that attend to their own image.",
            DISTANCE_ROWS = 20;
            "Weight on image keys, times the share of the key's box inside labelled regions.",
            REGION = 21;
            "VL-InterpreT: query text, key text; text, image; image, text; image, image.",
            VLI = 22;
            "VL-InterpreT: image on image, without a patch and its two neighbours in flat order.",
            VLI_WITHOUT_SELF = 26;
            "VL-InterpreT: rows of text, rows of patches.",
            VLI_ROWS = 27;
            "Rows that are left out of all others, since a weight of them is NaN or infinite.",
            ROWS_LEFT_OUT = 29;
            "The largest sum of a column; the last slot, since the shader makes it of all others' columns.",
            STRONGEST = 30;
            "How many there are.",
            SLOTS = 31;
        }
    };
}
pub(super) use slots;

macro_rules! as_constants {
    ($($about:literal, $name:ident = $number:literal;)*) => {
        $(#[doc = $about] pub const $name: usize = $number;)*
    };
}
slots!(as_constants);

macro_rules! as_wgsl {
    ($($about:literal, $name:ident = $number:literal;)*) => {
        concat!($("const ", stringify!($name), ": u32 = ", stringify!($number), "u;\n"),*)
    };
}
pub(super) use as_wgsl;

/// Sums of one head, by slot.
pub type Sums = [f64; SLOTS];

/// A head's sums, as the formulas of [`TABLE`](super::TABLE) read them.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    pub(super) sums: &'a Sums,
    /// Keys that are text and patches in VL-InterpreT's eyes.
    pub(super) vli_keys: [usize; 2],
}

impl Head<'_> {
    /// A slot over the rows of its mean; NaN without any.
    pub fn mean(&self, slot: usize, rows: usize) -> f64 {
        ratio(self.sums[slot], self.sums[rows])
    }

    /// A slot as a share of the sum of others; NaN if that is 0.
    pub fn share(&self, slot: usize, whole: &[usize]) -> f64 {
        ratio(self.sums[slot], whole.iter().map(|&slot| self.sums[slot]).sum())
    }

    /// A slot over all cells of a block: of text (0) or patch (1) queries, and of text or patch keys.
    pub fn vli_mean(&self, slot: usize, [query, key]: [usize; 2]) -> f64 {
        ratio(self.sums[slot], self.sums[VLI_ROWS + query] * self.vli_keys[key] as f64)
    }
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { f64::NAN }
}
