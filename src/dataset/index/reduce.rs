//! Hidden states in few numbers: a projection by random signs, `y = R x / √64` with `R` of `[64, dim]` in ±1, which
//! keeps distances to within about a tenth (Johnson and Lindenstrauss 1984; with signs: Achlioptas 2003,
//! <https://doi.org/10.1016/S0022-0000(03)00025-4>).
//!
//! The signs are the bits of SplitMix64 seeded with `dim`: word `i` belongs to number `i` of the state, bit `j` of it to
//! number `j` of the result, 1 is minus. So every machine has the same matrix without sharing a file. Rejected: a PCA,
//! which depends on the traces that were there first.

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

/// The most numbers that are kept of a hidden state.
pub const REDUCED: usize = 64;

/// The projection of states of one size.
pub(super) struct Projection {
    /// `[dim][64]`, ±1.
    signs: Vec<[f32; REDUCED]>,
}

/// A hidden state as the index keeps it.
pub fn reduced(values: &[f32]) -> Vec<f32> {
    match Projection::of(values.len()) {
        Some(projection) => projection.project(values).to_vec(),
        None => values.to_vec(),
    }
}

impl Projection {
    /// Of states of `dim` numbers; none is needed where they are few.
    pub fn of(dim: usize) -> Option<Self> {
        let mut state = dim as u64;
        let word = |_| {
            let bits = next(&mut state);
            std::array::from_fn(|bit| if bits >> bit & 1 == 0 { 1.0 } else { -1.0 })
        };
        (dim > REDUCED).then(|| Self { signs: (0..dim).map(word).collect() })
    }

    pub fn project(&self, values: &[f32]) -> [f32; REDUCED] {
        signed_sums(values, &self.signs).map(|sum| sum / (REDUCED as f32).sqrt())
    }
}

/// With AVX2 all sums lie in registers. The same numbers on every machine: nothing is rounded but the additions, whether
/// fused or not, and their order is that of the values.
#[multiversion(targets("x86_64+avx2+fma"))]
fn signed_sums(values: &[f32], signs: &[[f32; REDUCED]]) -> [f32; REDUCED] {
    const FUSED: bool = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    let mut sums = [0.0; REDUCED];
    for (value, signs) in values.iter().zip(signs) {
        for (sum, sign) in sums.iter_mut().zip(signs) {
            *sum = if FUSED { value.mul_add(*sign, *sum) } else { value * sign + *sum };
        }
    }
    sums
}

/// SplitMix64 (Steele, Lea and Flood 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = *state;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_kept() {
        let dim = 768;
        let mut state = 1;
        let mut random = || (next(&mut state) >> 40) as f32 / (1 << 24) as f32 - 0.5;
        let points: Vec<Vec<f32>> = (0..20).map(|_| (0..dim).map(|_| random()).collect()).collect();
        let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
        let projection = Projection::of(dim);
        let reduced: Vec<_> = points.iter().filter_map(|p| Some(projection.as_ref()?.project(p))).collect();
        assert_eq!(reduced.len(), points.len());
        for (point, small) in points.iter().zip(&reduced).skip(1) {
            let ratio = distance(small, &reduced[0]) / distance(point, &points[0]);
            assert!((0.7..1.3).contains(&ratio), "{ratio}");
        }
        assert!(Projection::of(64).is_none());
    }
}
