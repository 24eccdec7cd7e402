//! Aggregates and differences against numbers worked out elsewhere.

use super::*;
use crate::analysis::random::Random;

const YES: &(dyn Fn() -> bool + Sync) = &|| true;

/// From one list an example.
fn values(rows: &[&[f32]]) -> HeadValues {
    HeadValues { cells: rows.first().map_or(0, |row| row.len()), numbers: rows.concat() }
}

fn is_near(found: f32, expected: f32) -> bool {
    (found - expected).abs() <= 1e-5 * expected.abs().max(1.0)
}

/// Two heads of nine examples; the first four are group A.
fn nine() -> HeadValues {
    values(&[
        &[1.0, 5.0],
        &[2.0, 1.0],
        &[3.0, 4.0],
        &[4.0, 2.0],
        &[2.0, 3.0],
        &[4.0, 3.0],
        &[6.0, 5.0],
        &[8.0, 1.0],
        &[10.0, 2.0],
    ])
}

const A: [u32; 4] = [0, 1, 2, 3];
const B: [u32; 5] = [4, 5, 6, 7, 8];

#[test]
fn aggregates_leave_out_what_is_no_number() {
    let all = values(&[&[1.0, f32::NAN], &[2.0, 7.0], &[f32::INFINITY, f32::NAN], &[6.0, f32::NAN]]);
    let found = aggregate(&all, &[0, 1, 2, 3]);
    assert_eq!(found.count, [3, 1]);
    assert_eq!((found.mean[0], found.mean[1]), (3.0, 7.0));
    // √((4 + 1 + 9) / 2)
    assert!(is_near(found.deviation[0], 7.0_f32.sqrt()) && found.deviation[1].is_nan());
    assert_eq!((found.minimum[0], found.maximum[0]), (1.0, 6.0));
    let none = aggregate(&all, &[2]);
    assert!(none.count == [0, 0] && none.mean[0].is_nan() && none.minimum[0].is_nan() && none.maximum[0].is_nan());
}

#[test]
fn extremes_come_with_their_examples() {
    let all = values(&[&[0.5], &[f32::NAN], &[-1.0], &[2.0], &[0.5]]);
    let [highest, lowest] = extremes(&all, &[0, 1, 2, 3, 4], 0, 3);
    assert_eq!(highest, [(3, 2.0), (0, 0.5), (4, 0.5)]);
    assert_eq!(lowest, [(2, -1.0), (0, 0.5), (4, 0.5)]);
}

/// All 126 ways to deal nine examples to four and five were counted apart, in Python: the first head's own |t| is reached in
/// 13 of them, the larger of both heads' reaches that of the first in 23 and that of the second in all.
#[test]
fn effect_and_p_are_those_of_all_permutations() -> Result<(), &'static str> {
    let found = difference(&nine(), [&A, &B], 40_000, 7, YES).ok_or("cancelled")?;
    assert!(is_near(found.difference[0], -3.5) && is_near(found.difference[1], 0.2), "{:?}", found.difference);
    assert!(is_near(found.effect[0], -1.380_418_6), "{:?}", found.effect);
    let one = HeadValues { cells: 1, numbers: nine().cell(0) };
    let alone = difference(&one, [&A, &B], 40_000, 7, YES).ok_or("cancelled")?;
    assert!((alone.p[0] - 13.0 / 126.0).abs() < 0.006, "{:?}", alone.p);
    assert!((found.p[0] - 23.0 / 126.0).abs() < 0.006 && found.p[1] > 0.999, "{:?}", found.p);
    let turned = difference(&nine(), [&B, &A], 40_000, 7, YES).ok_or("cancelled")?;
    assert!(is_near(turned.effect[0], -found.effect[0]) && turned.p == found.p, "the sides do not matter");
    let again = difference(&nine(), [&A, &B], 40_000, 8, YES).ok_or("cancelled")?;
    assert_ne!(again.p, found.p, "another seed");
    Ok(())
}

#[test]
fn what_cannot_be_compared_has_no_p() -> Result<(), &'static str> {
    let all = values(&[&[1.0, 0.0], &[1.0, f32::NAN], &[1.0, 3.0], &[1.0, 4.0]]);
    let found = difference(&all, [&[0, 1], &[2, 3]], 99, 0, YES).ok_or("cancelled")?;
    assert!(found.effect[0].is_nan() && found.p[0].is_nan(), "a head that is the same everywhere");
    assert_eq!(found.b.count, [2, 2]);
    assert_eq!(found.a.count, [2, 1]);
    assert!(is_near(found.effect[1], -3.5 / 0.5_f32.sqrt()), "{:?}", found.effect);
    let empty = difference(&all, [&[], &[2, 3]], 99, 0, YES).ok_or("cancelled")?;
    assert!(empty.p.iter().all(|p| p.is_nan()) && empty.difference[0].is_nan());
    let without = difference(&all, [&[0, 1], &[2, 3]], 0, 0, YES).ok_or("cancelled")?;
    assert!(without.p[1].is_nan() && !without.effect[1].is_nan());
    assert_eq!(difference(&all, [&[0, 1], &[2, 3]], 99, 0, &|| false), None, "it stops when it is told");
    Ok(())
}

fn noise(examples: usize, cells: usize, seed: u64) -> HeadValues {
    let mut random = Random::new(seed);
    HeadValues { cells, numbers: (0..examples * cells).map(|_| random.normal()).collect() }
}

#[test]
fn noise_is_marked_as_rarely_as_is_said() -> Result<(), &'static str> {
    let (mut marked, mut smallest) = (0, Vec::new());
    for seed in 0..100 {
        let all = noise(40, 16, seed);
        let rows: Vec<u32> = (0..40).collect();
        let found = difference(&all, [&rows[..15], &rows[15..]], 99, seed, YES).ok_or("cancelled")?;
        let least = found.p.iter().copied().fold(1.0, f32::min);
        marked += usize::from(least <= 0.05);
        smallest.push(least);
    }
    // Of 100 sets 5 are expected to have a mark in any of the 16 heads; 13 or more would be one chance in a thousand.
    assert!(marked <= 12, "{marked}");
    let middle = smallest.iter().filter(|p| **p <= 0.5).count();
    assert!((35..=65).contains(&middle), "the smallest p is uniform: {middle}");
    Ok(())
}

#[test]
fn a_planted_difference_is_found_and_nothing_else() -> Result<(), &'static str> {
    let mut all = noise(200, 16, 5);
    for row in 0..80 {
        all.numbers[row * 16 + 6] += 1.0;
    }
    let rows: Vec<u32> = (0..200).collect();
    let found = difference(&all, [&rows[..80], &rows[80..]], 999, 1, YES).ok_or("cancelled")?;
    let marked: Vec<usize> = (0..16).filter(|&cell| found.p[cell] < 0.05).collect();
    assert_eq!(marked, [6]);
    assert_eq!(found.p[6], 0.001, "no permutation of 999 reaches it");
    assert!((found.effect[6] - 1.0).abs() < 0.35, "{}", found.effect[6]);
    Ok(())
}
