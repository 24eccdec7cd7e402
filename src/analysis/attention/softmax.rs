//! Loops over one row of products, compiled twice as those of `statistics::cpu::row` are: for AVX2 and FMA, and for every
//! processor.

use std::f32::consts::LOG2_E;

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

const LANES: usize = 8;
/// Exponentials that are added in f32 before they are added to the others.
const CHUNK: usize = 1024;

/// What turns a product into a logit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Logits {
    pub scale: f32,
    /// 0 where there is none.
    pub softcap: f32,
}

/// Makes weights of the products of a query with the keys that it sees, and of the sink's logit. Returns the logarithm of the
/// row's sum. Where `allowed` has a 0, a key is not seen after all.
pub(super) fn softmax(row: &mut [f32], logits: Logits, sink: Option<f32>, allowed: Option<&[u8]>) -> f32 {
    to_logits(row, logits);
    if let Some(allowed) = allowed {
        let masked = row.iter_mut().zip(allowed).filter(|(_, allowed)| **allowed == 0);
        masked.for_each(|(logit, _)| *logit = f32::NEG_INFINITY);
        if allowed.iter().all(|allowed| *allowed == 0) {
            row.fill(0.0);
            return sink.unwrap_or(f32::NEG_INFINITY);
        }
    }
    if row.is_empty() {
        return sink.unwrap_or(f32::NEG_INFINITY);
    }
    let largest = largest(row).max(sink.unwrap_or(f32::NEG_INFINITY));
    let of_keys: f64 = row.chunks_mut(CHUNK).map(|part| f64::from(exponentials(part, largest))).sum();
    let sum = of_keys + sink.map_or(0.0, |sink| f64::from(sink - largest).exp());
    // A sum that is no number, or the infinite one of a logit that is infinite, takes the whole row.
    multiply(row, (1.0 / sum) as f32);
    if let Some(allowed) = allowed {
        row.iter_mut().zip(allowed).filter(|(_, allowed)| **allowed == 0).for_each(|(weight, _)| *weight = 0.0);
    }
    (f64::from(largest) + sum.ln()) as f32
}

/// Makes weights of products, each of another row whose sum's logarithm is known.
pub(super) fn weights(products: &mut [f32], logits: Logits, log_sum_exp: &[f32]) {
    to_logits(products, logits);
    less(products, log_sum_exp);
    exponentials(products, 0.0);
}

#[multiversion(targets("x86_64+avx2+fma"))]
fn to_logits(row: &mut [f32], logits: Logits) {
    const FUSED: bool = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    if logits.softcap > 0.0 {
        let inner = logits.scale / logits.softcap;
        for value in row.iter_mut() {
            *value = logits.softcap * tanh::<FUSED>(*value * inner);
        }
    } else {
        for value in row.iter_mut() {
            *value *= logits.scale;
        }
    }
}

/// −∞ for an empty row; what is NaN is passed over.
#[multiversion(targets("x86_64+avx2+fma"))]
fn largest(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (vectors, last) = row.as_chunks::<LANES>();
    for vector in vectors {
        for lane in 0..LANES {
            lanes[lane] = if vector[lane] > lanes[lane] { vector[lane] } else { lanes[lane] };
        }
    }
    let mut largest = f32::NEG_INFINITY;
    for value in lanes.iter().chain(last) {
        largest = if *value > largest { *value } else { largest };
    }
    largest
}

/// Replaces each x by exp(x − largest), and returns their sum.
#[multiversion(targets("x86_64+avx2+fma"))]
fn exponentials(row: &mut [f32], largest: f32) -> f32 {
    const FUSED: bool = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    // By itself the compiler turns this loop into vector code, which it does not with the sums in it.
    for value in row.iter_mut() {
        *value = exponential::<FUSED>(*value - largest);
    }
    let mut sums = [0.0; LANES];
    let (vectors, last) = row.as_chunks::<LANES>();
    for vector in vectors {
        for lane in 0..LANES {
            sums[lane] += vector[lane];
        }
    }
    let mut sum = 0.0;
    for value in last {
        sum += *value;
    }
    for lane in sums {
        sum += lane;
    }
    sum
}

#[multiversion(targets("x86_64+avx2+fma"))]
fn less(row: &mut [f32], subtracted: &[f32]) {
    for (value, subtracted) in row.iter_mut().zip(subtracted) {
        *value -= *subtracted;
    }
}

#[multiversion(targets("x86_64+avx2+fma"))]
fn multiply(row: &mut [f32], factor: f32) {
    for value in row.iter_mut() {
        *value *= factor;
    }
}

#[inline(always)]
fn product_and_sum<const FUSED: bool>(x: f32, y: f32, z: f32) -> f32 {
    if FUSED { x.mul_add(y, z) } else { x * y + z }
}

/// Below this, an exponential is 0 here: a normal number cannot hold it.
const SMALLEST: f32 = -87.0;
/// Above this, as no logit is above the logarithm of its row's sum, it is that of this.
const LARGEST: f32 = 88.0;

/// eˣ to 2e-7 of its value; 0 below −87, NaN for NaN. `2ⁿ e^r` with |r| up to ln 2 / 2, by the polynomial of
/// Cephes' `expf`. Without branch or call, so that a loop over it becomes vector code.
#[inline(always)]
fn exponential<const FUSED: bool>(x: f32) -> f32 {
    /// 1.5 · 2²³: adding it rounds to whole numbers, which the low bits then hold.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let inside = if x < SMALLEST { SMALLEST } else { x };
    let inside = if inside > LARGEST { LARGEST } else { inside };
    let shifted = product_and_sum::<FUSED>(inside, LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = product_and_sum::<FUSED>(n, -LN_2_LOW, product_and_sum::<FUSED>(n, -LN_2_HIGH, inside));
    let high = product_and_sum::<FUSED>(1.987_569_2e-4, r, 1.398_199_9e-3);
    let middle = product_and_sum::<FUSED>(high, r, 8.333_452e-3);
    let middle = product_and_sum::<FUSED>(middle, r, 4.166_579_6e-2);
    let low = product_and_sum::<FUSED>(middle, r, 1.666_666_5e-1);
    let low = product_and_sum::<FUSED>(low, r, 0.5);
    let of_r = product_and_sum::<FUSED>(low, r * r, r + 1.0);
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    if x < SMALLEST { 0.0 } else { of_r * power }
}

/// tanh x to 2e-7 of its value; ±1 for ±∞, NaN for NaN. Near 0 by the polynomial of Cephes' `tanhf`.
#[inline(always)]
fn tanh<const FUSED: bool>(x: f32) -> f32 {
    let size = x.abs();
    let square = x * x;
    let near = product_and_sum::<FUSED>(-5.704_988_7e-3, square, 2.063_908_8e-2);
    let near = product_and_sum::<FUSED>(near, square, -5.373_971_6e-2);
    let near = product_and_sum::<FUSED>(near, square, 1.333_144_2e-1);
    let near = product_and_sum::<FUSED>(near, square, -3.333_328e-1);
    let near = product_and_sum::<FUSED>(near * square, x, x);
    let small = exponential::<FUSED>(-2.0 * size);
    let far = ((1.0 - small) / (1.0 + small)).copysign(x);
    if size < 0.625 { near } else { far }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::LN_2;

    use super::*;

    #[test]
    fn the_fast_exponential_is_accurate() {
        for step in 0..400_000 {
            let x = -90.0 + step as f32 * 2.5e-4;
            let exact = f64::from(x).exp();
            for found in [exponential::<false>(x), exponential::<true>(x)] {
                let error = (f64::from(found) - exact).abs();
                assert!(error <= 3e-7 * exact + 1.7e-38, "exp({x}) is {found} instead of {exact}");
            }
        }
        for (x, expected) in [(0.0, 1.0), (f32::NEG_INFINITY, 0.0), (-1e30, 0.0)] {
            assert_eq!(exponential::<true>(x), expected);
        }
        assert!(exponential::<true>(f32::NAN).is_nan() && exponential::<false>(f32::NAN).is_nan());
    }

    #[test]
    fn the_fast_tanh_is_accurate() {
        for step in -100_000..=100_000 {
            let x = step as f32 * 1e-4;
            let exact = f64::from(x).tanh();
            for found in [tanh::<false>(x), tanh::<true>(x)] {
                assert!(
                    (f64::from(found) - exact).abs() <= 3e-7 * exact.abs(),
                    "tanh({x}) is {found} instead of {exact}"
                );
            }
        }
        assert_eq!([f32::INFINITY, f32::NEG_INFINITY].map(tanh::<true>), [1.0, -1.0]);
        assert!(tanh::<true>(f32::NAN).is_nan());
    }

    #[test]
    fn rows_that_are_not_finite() {
        let plain = Logits { scale: 1.0, softcap: 0.0 };
        let of = |row: &[f32], sink, allowed: Option<&[u8]>| {
            let mut row = row.to_vec();
            let sum = softmax(&mut row, plain, sink, allowed);
            (row, sum)
        };
        let infinite = f32::INFINITY;
        assert!(of(&[1.0, f32::NAN], None, None).0.iter().all(|weight| weight.is_nan()));
        assert!(of(&[1.0, infinite], None, None).0.iter().all(|weight| weight.is_nan()));
        assert!(of(&[-infinite; 2], None, None).0.iter().all(|weight| weight.is_nan()));
        assert_eq!(of(&[0.0, -infinite, 0.0], None, None).0, [0.5, 0.0, 0.5]);
        assert_eq!(of(&[-infinite; 2], Some(0.0), None), (vec![0.0; 2], 0.0));
        assert_eq!(of(&[0.0], Some(0.0), None), (vec![0.5], LN_2));
        assert!(of(&[0.0], Some(f32::NAN), None).0[0].is_nan());
        assert_eq!(of(&[], None, None), (vec![], -infinite));
        // What is masked is 0, whatever is there.
        assert_eq!(of(&[f32::NAN, 3.0], None, Some(&[0, 1])).0, [0.0, 1.0]);
        assert_eq!(of(&[f32::NAN, 3.0], None, Some(&[0, 0])), (vec![0.0; 2], -infinite));
        assert_eq!(of(&[f32::NAN, 3.0, 3.0], None, Some(&[1, 1, 0])).0[2], 0.0);
    }
}
