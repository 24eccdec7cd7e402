//! What one walk over the rows of a head leaves. The numbers are the slots of shaders/analysis/statistics.wgsl.

/// Sums of one head, by slot.
pub type Sums = [f64; SLOTS];

/// Mass of text queries on text keys, text on image, image on text, image on image.
pub const MASS: usize = 0;
/// Entropy of the rows.
pub const ENTROPY: usize = 4;
/// Rows that have an entropy: some weight is above zero.
pub const ENTROPY_ROWS: usize = 5;
/// Entropy relative to its maximum.
pub const RELATIVE: usize = 6;
/// Rows whose maximal entropy is above zero.
pub const RELATIVE_ROWS: usize = 7;
/// Each row's largest weight.
pub const LARGEST: usize = 8;
/// Hoyer sparsity.
pub const HOYER: usize = 9;
/// Rows that have a Hoyer sparsity.
pub const HOYER_ROWS: usize = 10;
/// Weight of each query on itself.
pub const DIAGONAL: usize = 11;
/// Weight of each query on the token before it.
pub const PREVIOUS: usize = 12;
/// Mean distance of image queries.
pub const DISTANCE: usize = 13;
/// Image queries that attend to their own image.
pub const DISTANCE_ROWS: usize = 14;
/// Weight on image keys, times the share of the key's box inside labelled regions.
pub const REGION: usize = 15;
/// VL-InterpreT: query text, key text; text, image; image, text; image, image.
pub const VLI: usize = 16;
/// VL-InterpreT: image on image, less a patch and its two neighbours in flat order.
pub const VLI_WITHOUT_SELF: usize = 20;
/// Weights that are not finite.
pub const BROKEN: usize = 21;
/// The largest column sum.
pub const STRONGEST: usize = 22;
/// How many there are.
pub const SLOTS: usize = 23;
