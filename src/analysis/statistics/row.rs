//! Loops over one row of weights, while it lies in the first cache. They are written over arrays of lanes that the
//! compiler turns into vector code, and are compiled several times: for AVX2 and FMA, chosen as the program runs, and
//! for what every processor of the kind has. Rejected: vector types (`wide` knows only what the build was told; those
//! of `pulp` say in five lines what a loop over lanes says in one), and a mask as bits instead of zeros and ones, which
//! saves loads that the loops do not wait for.

use std::f32::consts::LN_2;
use std::hint::black_box;

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

/// A vector.
type Lanes = [f32; LANES];
const LANES: usize = 8;
/// Vectors in a step, each with sums of its own: an addition waits four cycles for the one before it, and two begin in
/// each cycle.
const STEP: usize = 4;

// No closures in what is compiled several times: one that is made there may not be inlined into what it is given to.

/// The sums of products of a row with two others, which may be longer.
#[multiversion(targets("x86_64+avx2+fma"))]
pub fn two_dots(row: &[f32], others: [&[f32]; 2]) -> [f32; 2] {
    const FUSED: bool = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    let (one, other) = (&others[0][..row.len()], &others[1][..row.len()]);
    let [mut a, mut b, mut c, mut d] = [[0.0; LANES]; 4];
    let (blocks, rest) = row.as_chunks::<LANES>();
    let (steps, last) = blocks.as_chunks::<2>();
    let (ones, last_ones) = one.as_chunks::<LANES>().0.as_chunks::<2>();
    let (others, last_others) = other.as_chunks::<LANES>().0.as_chunks::<2>();
    for ((weights, ones), others) in steps.iter().zip(ones).zip(others) {
        add_products::<FUSED>(&weights[0], &ones[0], &mut a);
        add_products::<FUSED>(&weights[0], &others[0], &mut b);
        add_products::<FUSED>(&weights[1], &ones[1], &mut c);
        add_products::<FUSED>(&weights[1], &others[1], &mut d);
    }
    for ((weights, ones), others) in last.iter().zip(last_ones).zip(last_others) {
        add_products::<FUSED>(weights, ones, &mut a);
        add_products::<FUSED>(weights, others, &mut b);
    }
    add_lanes(&c, &mut a);
    add_lanes(&d, &mut b);
    let first = row.len() - rest.len();
    for (lane, weight) in rest.iter().enumerate() {
        a[lane % LANES] += weight * one[first + lane];
        b[lane % LANES] += weight * other[first + lane];
    }
    [total(&a), total(&b)]
}

/// Whether no number is infinite or NaN.
pub fn is_finite(row: &[f32]) -> bool {
    // A sum over what is not finite is not finite either; the reverse is not true of very large numbers.
    sum(row).is_finite() || row.iter().all(|weight| weight.is_finite())
}

#[multiversion(targets("x86_64+avx2+fma"))]
fn sum(row: &[f32]) -> f32 {
    let [mut a, mut b, mut c, mut d] = [[0.0; LANES]; STEP];
    let (blocks, rest) = row.as_chunks::<LANES>();
    let (steps, last) = blocks.as_chunks::<STEP>();
    for weights in steps {
        add_lanes(&weights[0], &mut a);
        add_lanes(&weights[1], &mut b);
        add_lanes(&weights[2], &mut c);
        add_lanes(&weights[3], &mut d);
    }
    for weights in last {
        add_lanes(weights, &mut a);
    }
    add_lanes(&c, &mut a);
    add_lanes(&d, &mut b);
    add_lanes(&b, &mut a);
    for (lane, weight) in rest.iter().enumerate() {
        a[lane % LANES] += weight;
    }
    total(&a)
}

/// Adds a row to sums, of which there may be more.
#[multiversion(targets("x86_64+avx2+fma"))]
pub fn add(row: &[f32], sums: &mut [f32]) {
    for (sum, weight) in sums.iter_mut().zip(row) {
        *sum += weight;
    }
}

/// Distances from a point to the places `x`, `y` that are members (1, else 0); 0 for the others.
#[multiversion(targets("x86_64+avx2+fma"))]
pub fn distances(from: [f32; 2], x: &[f32], y: &[f32], members: &[f32], distances: &mut [f32]) {
    for (((distance, x), y), member) in distances.iter_mut().zip(x).zip(y).zip(members) {
        let (dx, dy) = (x - from[0], y - from[1]);
        *distance = member * (dx * dx + dy * dy).sqrt();
    }
}

/// What entropy, largest weight and sparsity are made of.
pub struct Shape {
    /// Σ a ln a.
    pub weight_log_weight: f32,
    /// Σ a².
    pub squares: f32,
    /// The largest a.
    pub largest: f32,
}

/// The shape of the weights that count; `counted` is 0 or 1, and may be longer. This is the loop that computes most, so
/// the bytes of the row that comes next are touched in it: they come from memory meanwhile.
#[multiversion(targets("x86_64+avx2+fma"))]
pub fn shape(row: &[f32], counted: &[f32], next: &[u8]) -> Shape {
    const FUSED: bool = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    let mut sums = ShapeLanes::default();
    let (blocks, rest) = row.as_chunks::<LANES>();
    let (counts, _) = counted.as_chunks::<LANES>();
    let bytes_in_block = next.len() / blocks.len().max(1);
    let mut touched = 0;
    for (index, (weights, counted)) in blocks.iter().zip(counts).enumerate() {
        if let Some(byte) = next.get(index * bytes_in_block) {
            touched |= byte;
        }
        sums.add::<FUSED>(weights, counted);
    }
    black_box(touched);
    let [mut weights, mut last] = [[0.0; LANES]; 2];
    let first = row.len() - rest.len();
    for (lane, weight) in rest.iter().enumerate() {
        weights[lane % LANES] = *weight;
        last[lane % LANES] = counted[first + lane];
    }
    sums.add::<FUSED>(&weights, &last);
    let mut largest = 0.0_f32;
    for lane in sums.largest {
        largest = largest.max(lane);
    }
    let weight_log_weight = LN_2 * total(&sums.exponents) + (total(&sums.mantissas) + total(&sums.curves));
    Shape { weight_log_weight, squares: total(&sums.squares), largest }
}

/// Σ a ln a is kept as its three summands, since a chain over all three would be what the loop waits for.
#[derive(Default)]
struct ShapeLanes {
    exponents: Lanes,
    mantissas: Lanes,
    curves: Lanes,
    squares: Lanes,
    largest: Lanes,
}

impl ShapeLanes {
    #[inline(always)]
    fn add<const FUSED: bool>(&mut self, weights: &Lanes, counted: &Lanes) {
        for lane in 0..LANES {
            let weight = weights[lane] * counted[lane];
            let Logarithm { exponent, mantissa, square, curve } = Logarithm::of::<FUSED>(weight);
            self.exponents[lane] = product_and_sum::<FUSED>(weight, exponent, self.exponents[lane]);
            self.mantissas[lane] = product_and_sum::<FUSED>(weight, mantissa, self.mantissas[lane]);
            self.curves[lane] = product_and_sum::<FUSED>(weight * square, curve, self.curves[lane]);
            self.squares[lane] = product_and_sum::<FUSED>(weight, weight, self.squares[lane]);
            self.largest[lane] = if weight > self.largest[lane] { weight } else { self.largest[lane] };
        }
    }
}

#[inline(always)]
fn add_lanes(x: &Lanes, sums: &mut Lanes) {
    for lane in 0..LANES {
        sums[lane] += x[lane];
    }
}

#[inline(always)]
fn add_products<const FUSED: bool>(x: &Lanes, y: &Lanes, sums: &mut Lanes) {
    for lane in 0..LANES {
        sums[lane] = product_and_sum::<FUSED>(x[lane], y[lane], sums[lane]);
    }
}

/// By halves, as a vector is added up.
#[inline(always)]
fn total(lanes: &Lanes) -> f32 {
    let [a, b, c, d, e, f, g, h] = *lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// `x y + z`, in one instruction where the processor has it; where it has not, `mul_add` is a slow call.
#[inline(always)]
fn product_and_sum<const FUSED: bool>(x: f32, y: f32, z: f32) -> f32 {
    if FUSED { x.mul_add(y, z) } else { x * y + z }
}

/// The natural logarithm of a positive normal number, `e ln 2 + m + m² c`, to 1e-7 of itself or of 1; anything smaller
/// counts as the smallest such number. `c` is a polynomial, the least-maximum fit of (ln(1 + m) − m) / m², weighted with
/// m². Unlike `f32::ln` this has no branch and no call, so that a loop over it becomes vector code.
struct Logarithm {
    /// e
    exponent: f32,
    /// m, from √½ − 1 to √2 − 1.
    mantissa: f32,
    /// m²
    square: f32,
    /// c
    curve: f32,
}

impl Logarithm {
    #[inline(always)]
    fn of<const FUSED: bool>(x: f32) -> Self {
        let x = if x > f32::MIN_POSITIVE { x } else { f32::MIN_POSITIVE };
        // Split at √½.
        let shifted = x.to_bits().wrapping_add(0x3f80_0000 - 0x3f35_04f3);
        let exponent = ((shifted >> 23) as i32 - 127) as f32;
        let m = f32::from_bits((shifted & 0x007f_ffff) + 0x3f35_04f3) - 1.0;
        let square = m * m;
        // By pairs, so that a step waits for fewer others.
        let high = product_and_sum::<FUSED>(0.163_356_27, m, -0.173_260_18);
        let middle = product_and_sum::<FUSED>(0.198_882_79, m, -0.249_614_64);
        let low = product_and_sum::<FUSED>(0.333_352_63, m, -0.500_005_84);
        let high = product_and_sum::<FUSED>(square, -0.100_345_21, high);
        let middle = product_and_sum::<FUSED>(square, high, middle);
        Self { exponent, mantissa: m, square, curve: product_and_sum::<FUSED>(square, middle, low) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_logarithm_is_accurate() {
        for step in 0..200_000_u32 {
            let x = f32::from_bits(0x0080_0000 + step * 5_347);
            let exact = f64::from(x).ln();
            for found in [Logarithm::of::<false>(x), Logarithm::of::<true>(x)] {
                let found = found.exponent * LN_2 + (found.mantissa + found.square * found.curve);
                let error = (f64::from(found) - exact).abs();
                assert!(error <= 2e-7 * exact.abs().max(1.0), "ln({x}) is {found} instead of {exact}");
            }
        }
        assert_eq!(shape(&[0.0; 9], &[1.0; 9], &[]).weight_log_weight, 0.0);
    }

    #[test]
    fn rows_of_every_length_are_walked_to_their_end() {
        let numbers: Vec<f32> = (0..200).map(|number| number as f32 * 0.25).collect();
        let ones = vec![1.0; numbers.len()];
        for length in 0..numbers.len() {
            let row = &numbers[..length];
            let squares: f32 = row.iter().map(|weight| weight * weight).sum();
            assert_eq!(two_dots(row, [&ones, &numbers]), [row.iter().sum(), squares]);
            let found = shape(row, &ones, &[1, 2, 3]);
            assert_eq!(found.largest, row.last().copied().unwrap_or(0.0));
            assert_eq!(found.squares, squares);
            assert!(is_finite(row));
            for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                assert!(!is_finite(&[row, &[broken]].concat()));
            }
        }
        assert!(is_finite(&[f32::MAX; 3]));
    }
}
