//! Gathering and normalization: CPU and GPU against each other, and against what can be counted by hand.

use std::error::Error;

use crate::common::{engine_on_shaders, gpu, reference};
use vlscope::analysis::normalize::{self, Normalization};
use vlscope::analysis::{Combine, Direction, Engine, Pick, Selection};
use vlscope::trace::{Dtype, Synthetic, Trace};

type Result = std::result::Result<(), Box<dyn Error>>;

const CLOSE: f32 = 2e-6;

/// Equal up to rounding; what is not a number must not be one on both sides.
fn assert_close(left: &[f32], right: &[f32], what: &str) {
    assert_eq!(left.len(), right.len(), "{what}");
    for (place, (a, b)) in left.iter().zip(right).enumerate() {
        let both_missing = a.is_nan() && b.is_nan();
        assert!(both_missing || (a - b).abs() <= CLOSE * (1.0 + a.abs()), "{what}: {a} and {b} at {place}");
    }
}

fn synthetic(tokens: usize, dtype: Dtype, folder: &tempfile::TempDir) -> std::result::Result<Trace, Box<dyn Error>> {
    let path = folder.path().join(format!("{tokens}-{dtype:?}.safetensors"));
    let text = tokens - 1;
    Synthetic { layers: 2, heads: 3, text, rows: 1, columns: 1, dim: 0, dtype, seed: 1 }.write(&path, &mut |_| {})?;
    Ok(Trace::open(&path)?)
}

#[test]
fn cpu_and_gpu_gather_alike_at_awkward_sizes() -> Result {
    let folder = tempfile::tempdir()?;
    let (processor, shaders) = (Engine::cpu(), engine_on_shaders());
    for tokens in [3, 63, 64, 65, 129] {
        for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16] {
            let trace = synthetic(tokens, dtype, &folder)?;
            for direction in [Direction::AttendsTo, Direction::AttendedBy] {
                for (layer, head) in
                    [(Pick::One(1), Pick::One(2)), (Pick::Mean, Pick::One(0)), (Pick::Mean, Pick::Mean)]
                {
                    for tokens in [vec![], vec![0], vec![tokens - 1, 1]] {
                        for combine in [Combine::Mean, Combine::Sum, Combine::Max] {
                            let tokens = tokens.clone();
                            let selection =
                                Selection { layer, head, tokens, direction, combine, ..Selection::default() };
                            let what = format!("{dtype:?} {selection:?}");
                            let (left, right) = (
                                processor.gather(&trace, &selection, &|| true)?,
                                shaders.gather(&trace, &selection, &|| true)?,
                            );
                            assert_close(&left, &right, &what);
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

#[test]
fn gather_is_the_mean_of_the_selected_rows() -> Result {
    let trace = reference("multi-image");
    let selection = Selection { layer: Pick::One(1), head: Pick::One(1), tokens: vec![2, 12], ..Selection::default() };
    let weights = Engine::cpu().gather(&trace, &selection, &|| true)?;
    let matrix = trace.attention(0, 1).entry(1).to_f32();
    let expected: Vec<f32> = (0..14).map(|key| (matrix[2 * 14 + key] + matrix[12 * 14 + key]) / 2.0).collect();
    assert_close(&weights, &expected, "rows");
    let by = Selection { direction: Direction::AttendedBy, ..selection };
    let expected: Vec<f32> = (0..14).map(|query| (matrix[query * 14 + 2] + matrix[query * 14 + 12]) / 2.0).collect();
    assert_close(&Engine::cpu().gather(&trace, &by, &|| true)?, &expected, "columns");
    Ok(())
}

#[test]
fn gather_keeps_a_nan_where_it_is() -> Result {
    let trace = reference("broken-nan");
    let selection = Selection { layer: Pick::One(2), head: Pick::One(0), tokens: vec![3], ..Selection::default() };
    for engine in [Engine::cpu(), engine_on_shaders()] {
        for combine in [Combine::Mean, Combine::Max] {
            let weights = engine.gather(&trace, &Selection { combine, ..selection.clone() }, &|| true)?;
            let missing: Vec<usize> = (0..14).filter(|&key| weights[key].is_nan()).collect();
            assert_eq!(missing, [4]);
        }
    }
    Ok(())
}

/// Of token 3 layer 2 has a NaN in head 0, at key 4.
#[test]
fn gather_leaves_rows_that_are_not_finite_out_of_means() -> Result {
    let trace = reference("broken-nan");
    let heads: Vec<Vec<f32>> = (0..trace.heads(0, 2)).map(|head| trace.attention(0, 2).entry(head).to_f32()).collect();
    let others = &heads[1..];
    let mean = |at: usize| others.iter().map(|head| head[at]).sum::<f32>() / others.len() as f32;
    let layer = Pick::One(2);
    for engine in [Engine::cpu(), engine_on_shaders()] {
        let two = Selection { layer, head: Pick::One(0), tokens: vec![3, 5], ..Selection::default() };
        assert_close(&engine.gather(&trace, &two, &|| true)?, &heads[0][5 * 14..6 * 14], "the other token");
        let one = Selection { layer, head: Pick::Mean, tokens: vec![3], ..Selection::default() };
        let expected: Vec<f32> = (0..14).map(|key| mean(3 * 14 + key)).collect();
        assert_close(&engine.gather(&trace, &one, &|| true)?, &expected, "the other heads");
        let by = Selection { tokens: vec![4], direction: Direction::AttendedBy, ..one };
        assert_close(&engine.gather(&trace, &by, &|| true)?[3..4], &[mean(3 * 14 + 4)], "the other heads of a column");
    }
    Ok(())
}

#[test]
fn cpu_and_gpu_normalize_alike_at_awkward_sizes() -> Result {
    let gpu = gpu();
    for count in [0, 1, 63, 64, 65, 255, 257, 5000] {
        let mut values: Vec<f32> = (0..count).map(|i| ((i * 7919 % 1009) as f32 / 1009.0).powi(3) - 0.05).collect();
        if count > 60 {
            values[17] = f32::NAN;
            values[40] = f32::INFINITY;
        }
        for how in
            Normalization::ALL.into_iter().chain([Normalization::Percentile(50.0), Normalization::Percentile(0.0)])
        {
            let (mut left, mut right) = (values.clone(), values.clone());
            let ranges = normalize::cpu::normalize(&mut left, 13, how);
            let on_device = normalize::gpu::normalize(gpu, &mut right, 13, how)?;
            assert_close(ranges.as_flattened(), on_device.as_flattened(), &format!("ranges of {count} by {how:?}"));
            for (place, (a, b)) in left.iter().zip(&right).enumerate() {
                let same = a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-5;
                assert!(same, "{count} by {how:?}: {a} and {b} at {place}");
            }
        }
    }
    Ok(())
}

/// One row a workgroup, so more rows than a dispatch has workgroups in one dimension.
#[test]
fn cpu_and_gpu_normalize_alike_beyond_one_dimension_of_workgroups() -> Result {
    let gpu = gpu();
    let mut left: Vec<f32> = (0..66_000 * 2).map(|i| (i % 977) as f32).collect();
    let mut right = left.clone();
    normalize::cpu::normalize(&mut left, 2, Normalization::RowMaximum);
    normalize::gpu::normalize(gpu, &mut right, 2, Normalization::RowMaximum)?;
    assert_close(&left, &right, "66,000 rows");
    Ok(())
}

#[test]
fn each_normalization_does_what_its_name_says() {
    let by = |how| {
        let mut values = [0.1, 0.2, 0.4, f32::NAN, 0.8, 0.0];
        normalize::cpu::normalize(&mut values, 3, how);
        values
    };
    assert_close(&by(Normalization::MinMax), &[0.125, 0.25, 0.5, f32::NAN, 1.0, 0.0], "min-max");
    assert_close(&by(Normalization::RowMaximum), &[0.25, 0.5, 1.0, f32::NAN, 1.0, 0.0], "row maximum");
    assert_close(&by(Normalization::Percentile(80.0)), &[0.25, 0.5, 1.0, f32::NAN, 1.0, 0.0], "percentile");
    let log = by(Normalization::Log);
    assert!(log[4] == 1.0 && log[5] == 0.0 && (log[2] - (1.0 - 2_f32.ln() / 1e4_f32.ln())).abs() < 1e-5);
}
