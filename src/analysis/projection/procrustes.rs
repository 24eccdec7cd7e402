//! Orthogonal Procrustes: the rotation, with or without a mirror, and the shift that bring points closest to others,
//! in the sum of squared distances (Schönemann 1966). Sizes stay: no scaling. In the plane the singular vectors have
//! a closed form: of `M = Σ a bᵀ` the best rotation turns by `atan2(m10 − m01, m00 + m11)`, the best mirrored one by
//! `atan2(m10 + m01, m00 − m11)`, and the longer of the two vectors says which is better.

/// `points`, turned and shifted onto `reference`; pairs of which one is not finite have no say.
pub fn align(points: &[[f32; 2]], reference: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let is_sound = |point: &[f32; 2]| point.iter().all(|at| at.is_finite());
    let pairs: Vec<(&[f32; 2], &[f32; 2])> =
        reference.iter().zip(points).filter(|(a, b)| is_sound(a) && is_sound(b)).collect();
    if pairs.is_empty() {
        return points.to_vec();
    }
    let count = pairs.len() as f64;
    let mean = |of: &dyn Fn(usize) -> [f32; 2]| {
        let sum = (0..pairs.len()).map(of).fold([0.0; 2], |s, p| [s[0] + f64::from(p[0]), s[1] + f64::from(p[1])]);
        sum.map(|sum| sum / count)
    };
    let (to, from) = (mean(&|pair| *pairs[pair].0), mean(&|pair| *pairs[pair].1));
    let mut m = [[0.0; 2]; 2];
    for (a, b) in &pairs {
        for (row, sums) in m.iter_mut().enumerate() {
            for (column, sum) in sums.iter_mut().enumerate() {
                *sum += (f64::from(a[row]) - to[row]) * (f64::from(b[column]) - from[column]);
            }
        }
    }
    let turned = [m[0][0] + m[1][1], m[1][0] - m[0][1]];
    let mirrored = [m[0][0] - m[1][1], m[1][0] + m[0][1]];
    let length = |vector: [f64; 2]| vector[0].hypot(vector[1]);
    let is_mirrored = length(mirrored) > length(turned);
    let (sin, cos) = if is_mirrored { mirrored[1].atan2(mirrored[0]) } else { turned[1].atan2(turned[0]) }.sin_cos();
    let flip = if is_mirrored { -1.0 } else { 1.0 };
    let place = |point: &[f32; 2]| {
        let (x, y) = (f64::from(point[0]) - from[0], f64::from(point[1]) - from[1]);
        [(cos * x - flip * sin * y + to[0]) as f32, (sin * x + flip * cos * y + to[1]) as f32]
    };
    points.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: [[f32; 2]; 5] = [[0.0, 0.0], [3.0, 0.5], [1.0, 4.0], [-2.0, 1.0], [0.5, -3.0]];

    #[test]
    fn a_rotation_a_mirror_and_a_shift_are_undone() {
        for flip in [1.0, -1.0] {
            for degrees in [0.0_f32, 37.0, 90.0, 181.0, 300.0] {
                let (sin, cos) = degrees.to_radians().sin_cos();
                let moved: Vec<[f32; 2]> = SHAPE
                    .iter()
                    .map(|&[x, y]| [cos * x - sin * y * flip + 7.0, sin * x + cos * y * flip - 2.0])
                    .collect();
                for (found, wanted) in align(&moved, &SHAPE).iter().zip(SHAPE) {
                    let off = (found[0] - wanted[0]).hypot(found[1] - wanted[1]);
                    assert!(off < 1e-5, "{degrees}°, {flip}: {found:?} {wanted:?}");
                }
            }
        }
    }

    #[test]
    fn sizes_stay_and_points_that_are_not_numbers_have_no_say() {
        let mut doubled = SHAPE.map(|[x, y]| [2.0 * y, -2.0 * x]).to_vec();
        doubled[4] = [f32::NAN; 2];
        let found = align(&doubled, &SHAPE);
        assert!(found[4][0].is_nan());
        let distance = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
        assert!((distance(found[0], found[1]) - 2.0 * distance(SHAPE[0], SHAPE[1])).abs() < 1e-5);
        assert_eq!(align(&[[f32::NAN; 2]], &[[1.0, 2.0]]).len(), 1);
    }
}
