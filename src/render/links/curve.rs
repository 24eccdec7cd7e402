//! What both backends know of a curve: its order among others, and its pieces.

/// Pieces of a curve; those of shaders/render/links.wgsl.
pub(super) const SEGMENTS: u32 = 28;

/// The key that links are ordered by: that of a greater weight is greater; 0 if the weight is not a number.
pub(super) fn key(weight: f32) -> u32 {
    let bits = if weight == 0.0 { 0 } else { weight.to_bits() };
    if weight.is_nan() {
        0
    } else if bits >> 31 == 1 {
        !bits
    } else {
        bits | 1 << 31
    }
}

/// Vertices of a curve's strip.
pub(super) fn strip_vertices() -> u32 {
    2 * (SEGMENTS + 1)
}
