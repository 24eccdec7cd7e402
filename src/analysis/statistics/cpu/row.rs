//! Loops over one row of weights, while it lies in the first cache. They are written over arrays of lanes that the
//! compiler turns into vector code, and are compiled several times: for AVX2 and FMA, chosen as the program runs, and
//! for what every processor of the kind has. A row is whole vectors: what lies behind its end counts in no column.
//! Rejected: vector types (`wide` knows only what the build was told; those of `pulp` say in five lines what a loop over
//! lanes says in one), a mask as bits instead of zeros and ones, which saves loads that the loops do not wait for, and
//! AVX-512, a tenth faster here.

use std::f32::consts::LN_2;
use std::hint::black_box;

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

/// A vector.
pub type Lanes = [f32; LANES];
/// Numbers in a vector.
pub const LANES: usize = 8;

/// Numbers as whole vectors, with zeros at the end.
pub fn lanes(numbers: impl IntoIterator<Item = f32>) -> Vec<Lanes> {
    let mut numbers: Vec<f32> = numbers.into_iter().collect();
    numbers.resize(numbers.len().next_multiple_of(LANES), 0.0);
    numbers.as_chunks().0.to_vec()
}

// No closures in what is compiled several times: one that is made there may not be inlined into what it is given to.

/// The sums of products of a row with two others.
#[multiversion(targets("x86_64+avx2+fma"))]
pub fn two_dots(row: &[Lanes], others: [&[Lanes]; 2]) -> [f32; 2] {
    const FUSED: bool = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    // Two sums each: an addition waits four cycles for the one before it.
    let [mut a, mut b, mut c, mut d] = [[0.0; LANES]; 4];
    let (steps, last) = row.as_chunks::<2>();
    let (ones, last_ones) = others[0].as_chunks::<2>();
    let (others, last_others) = others[1].as_chunks::<2>();
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
    [total(&a), total(&b)]
}

/// Adds numbers to sums.
#[multiversion(targets("x86_64+avx2+fma"))]
pub fn add(numbers: &[f32], sums: &mut [f32]) {
    for (sum, number) in sums.iter_mut().zip(numbers) {
        *sum += number;
    }
}

/// Distances from a point to the places `x`, `y` that are members (1, else 0); 0 for the others.
#[multiversion(targets("x86_64+avx2+fma"))]
pub fn distances(from: [f32; 2], [x, y]: [&[Lanes]; 2], members: &[Lanes], distances: &mut [Lanes]) {
    for (((distances, x), y), members) in distances.iter_mut().zip(x).zip(y).zip(members) {
        for lane in 0..LANES {
            let (dx, dy) = (x[lane] - from[0], y[lane] - from[1]);
            distances[lane] = members[lane] * (dx * dx + dy * dy).sqrt();
        }
    }
}

/// What a walk over a row asks of it. Columns may be longer than the row.
#[derive(Clone, Copy)]
pub struct Walk<'a> {
    /// For the shape of the row: 1 for the columns that count, else 0.
    pub counted: Option<&'a [Lanes]>,
    /// Two columns of factors.
    pub factors: Option<[&'a [Lanes]; 2]>,
    /// The bytes of the row that comes next. The shape computes most, so they are touched meanwhile and come from memory.
    pub next: &'a [u8],
}

/// What a walk finds, still in lanes. They are added up by code that the compiler does not mix with that of the walk:
/// it would turn the loop over to make the sums easier.
#[derive(Default)]
pub struct Walked {
    counted: Lanes,
    logarithms: Lanes,
    squares: Lanes,
    largest: Lanes,
    products: [Lanes; 2],
}

/// What entropy, largest weight and sparsity are made of.
pub struct Shape {
    /// Σ a.
    pub total: f32,
    /// Σ a ln a.
    pub weight_log_weight: f32,
    /// Σ a².
    pub squares: f32,
    /// The largest a.
    pub largest: f32,
}

impl Walked {
    /// The shape of the weights that count.
    pub fn shape(&self) -> Shape {
        let largest = self.largest.into_iter().fold(0.0, |largest, lane| if lane > largest { lane } else { largest });
        let weight_log_weight = LN_2 * total(&self.logarithms);
        Shape { total: total(&self.counted), weight_log_weight, squares: total(&self.squares), largest }
    }

    /// The sums of the weights times the factors.
    pub fn dots(&self) -> [f32; 2] {
        [total(&self.products[0]), total(&self.products[1])]
    }
}

/// Adds a row to the sums of columns, and finds what is asked for.
#[multiversion(targets("x86_64+avx2+fma"))]
pub fn walk(row: &[Lanes], asked: Walk<'_>, sums: &mut [Lanes]) -> Walked {
    const FUSED: bool = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    let sums = &mut sums[..row.len()];
    match (asked.counted, asked.factors) {
        (Some(counted), Some(factors)) => each_vector::<FUSED, true, true>(row, sums, counted, factors, asked.next),
        (Some(counted), None) => each_vector::<FUSED, true, false>(row, sums, counted, [row; 2], asked.next),
        (None, Some(factors)) => each_vector::<FUSED, false, true>(row, sums, row, factors, &[]),
        (None, None) => each_vector::<FUSED, false, false>(row, sums, row, [row; 2], &[]),
    }
}

#[inline(always)]
fn each_vector<const FUSED: bool, const SHAPE: bool, const FACTORS: bool>(
    row: &[Lanes],
    sums: &mut [Lanes],
    counted: &[Lanes],
    factors: [&[Lanes]; 2],
    next: &[u8],
) -> Walked {
    let (counted, factors) = (&counted[..row.len()], [&factors[0][..row.len()], &factors[1][..row.len()]]);
    let mut walked = Walked::default();
    let bytes_in_vector = next.len() / row.len().max(1);
    let mut touched = 0;
    for (index, weights) in row.iter().enumerate() {
        if SHAPE && let Some(byte) = next.get(index * bytes_in_vector) {
            touched |= byte;
        }
        add_lanes(weights, &mut sums[index]);
        if SHAPE {
            walked.add_shape::<FUSED>(weights, &counted[index]);
        }
        if FACTORS {
            add_products::<FUSED>(weights, &factors[0][index], &mut walked.products[0]);
            add_products::<FUSED>(weights, &factors[1][index], &mut walked.products[1]);
        }
    }
    black_box(touched);
    walked
}

impl Walked {
    #[inline(always)]
    fn add_shape<const FUSED: bool>(&mut self, weights: &Lanes, counted: &Lanes) {
        for lane in 0..LANES {
            let weight = weights[lane] * counted[lane];
            self.counted[lane] += weight;
            self.logarithms[lane] =
                product_and_sum::<FUSED>(weight, binary_logarithm::<FUSED>(weight), self.logarithms[lane]);
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

/// log₂ of a positive normal number, `e + m c` with m from √½ − 1 to √2 − 1, to 3e-7; anything smaller counts as the
/// smallest such number. `c` is a polynomial, the least-maximum fit of log₂(1 + m) / m, weighted with m. Unlike `f32::log2`
/// this has no branch and no call, so that a loop over it becomes vector code.
#[inline(always)]
fn binary_logarithm<const FUSED: bool>(x: f32) -> f32 {
    let x = if x > f32::MIN_POSITIVE { x } else { f32::MIN_POSITIVE };
    // Split at √½.
    let shifted = x.to_bits().wrapping_add(0x3f80_0000 - 0x3f35_04f3);
    let exponent = ((shifted >> 23) as i32 - 127) as f32;
    let m = f32::from_bits((shifted & 0x007f_ffff) + 0x3f35_04f3) - 1.0;
    let square = m * m;
    // By pairs, so that a step waits for fewer others.
    let high = product_and_sum::<FUSED>(-0.272_698_45, m, 0.297_262_7);
    let middle = product_and_sum::<FUSED>(-0.358_961_8, m, 0.480_465_02);
    let low = product_and_sum::<FUSED>(-0.721_375_9, m, 1.442_699_7);
    let high = product_and_sum::<FUSED>(square, 0.170_634_79, high);
    let middle = product_and_sum::<FUSED>(square, high, middle);
    product_and_sum::<FUSED>(product_and_sum::<FUSED>(square, middle, low), m, exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_logarithm_is_accurate() {
        for step in 0..200_000_u32 {
            let x = f32::from_bits(0x0080_0000 + step * 5_347);
            let exact = f64::from(x).log2();
            for found in [binary_logarithm::<false>(x), binary_logarithm::<true>(x)] {
                let error = (f64::from(found) - exact).abs();
                assert!(error <= 4e-7 * exact.abs().max(1.0), "log₂({x}) is {found} instead of {exact}");
            }
        }
    }

    #[test]
    fn rows_of_every_length_are_walked_to_their_end() {
        let numbers: Vec<f32> = (0..200).map(|number| number as f32 * 0.25).collect();
        for length in 0..numbers.len() {
            let row = lanes(numbers[..length].iter().copied());
            let ones = lanes(vec![1.0; length]);
            let sum: f32 = numbers[..length].iter().sum();
            let squares: f32 = numbers[..length].iter().map(|weight| weight * weight).sum();
            assert_eq!(two_dots(&row, [&ones, &row]), [sum, squares]);
            for factors in [None, Some([ones.as_slice(), row.as_slice()])] {
                let mut sums = vec![[1.0; LANES]; row.len()];
                let found = walk(&row, Walk { counted: Some(&ones), factors, next: &[1, 2, 3] }, &mut sums);
                let (shape, dots) = (found.shape(), found.dots());
                assert_eq!(shape.total, sum);
                assert_eq!(shape.largest, numbers[..length].last().copied().unwrap_or(0.0));
                assert_eq!(shape.squares, squares);
                assert_eq!(dots, factors.map_or([0.0; 2], |_| [sum, squares]));
                assert!(sums.as_flattened().iter().zip(row.as_flattened()).all(|(sum, weight)| *sum == 1.0 + weight));
            }
        }
        let zeros = [[0.0; LANES]; 2];
        let nothing = walk(&zeros, Walk { counted: Some(&zeros), factors: None, next: &[] }, &mut [[0.0; LANES]; 2]);
        assert_eq!(nothing.shape().weight_log_weight, 0.0);
    }
}
