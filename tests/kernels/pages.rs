//! A trace in more pages than the budget holds, and more than 4 GiB of them: what counts bytes in 32 bits, or mistakes a page
//! for another, fails here.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use crate::common::{assert_close, own_gpu};
use vlscope::analysis::pool::{Pooling, Tiling};
use vlscope::analysis::statistics::Options;
use vlscope::analysis::statistics::plan::Plan;
use vlscope::analysis::{BlockLayout, Compute, Direction, Engine, Pick, Selection, WeightKind};
use vlscope::trace::{Dtype, Synthetic, Trace};

/// Both backends, the GPU within each of the budgets.
fn assert_same_numbers(synthetic: &Synthetic, budgets: &[u64]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.safetensors");
    synthetic.write(&path, &mut |_| {}).unwrap();
    let trace = Trace::open(&path).unwrap();
    let tokens = synthetic.tokens();
    let gathered =
        Selection { layer: Pick::Mean, head: Pick::Mean, tokens: vec![tokens - 1, 1], ..Selection::default() };
    let received = Selection { direction: Direction::AttendedBy, ..gathered.clone() };
    let tiling = Tiling::within(8, [tokens, tokens], Pooling::Maximum);
    let plan = Plan::new(&BlockLayout::of(&trace, 0), &Options::default());
    let numbers = |engine: &Engine| {
        let statistics = engine.statistics(&trace, 0, &Options::default(), &mut |_, _| true).unwrap();
        let sums = |layer| engine.layer_sums(&trace, (0, layer), &WeightKind::Raw, &plan, &|| true).unwrap().concat();
        let sums: Vec<f32> = (0..synthetic.layers).flat_map(sums).map(|sum| sum as f32).collect();
        let per_head = engine.per_head(&trace, &gathered, &|| true).unwrap().values;
        let [gathered, received] =
            [&gathered, &received].map(|selection| engine.gather(&trace, selection, &|| true).unwrap());
        let pooled = engine.pool(&trace, 0, &tiling, &|| true).unwrap().concat();
        (
            statistics,
            [
                ("sums", sums),
                ("every head apart", per_head),
                ("gathered", gathered),
                ("received", received),
                ("pooled", pooled),
            ],
        )
    };
    let native = numbers(&Engine::cpu());
    let gpu = own_gpu();
    for &budget_bytes in budgets {
        let on_device = numbers(&Engine::new(Some(gpu.clone()), Compute::Gpu, budget_bytes).unwrap());
        for (one, other) in native.0.iter().zip(&on_device.0) {
            // A z-score divides by a deviation that may be a ten-thousandth of the mean: of those the sums are compared.
            if !one.name.starts_with("vli.") {
                assert_close(&format!("{} within {budget_bytes}", one.name), &one.values, &other.values, 2e-5);
            }
        }
        for ((what, one), (_, other)) in native.1.iter().zip(&on_device.1) {
            assert_close(&format!("{what} within {budget_bytes}"), one, other, 2e-6);
        }
    }
}

#[test]
fn backends_agree_on_more_pages_than_fit() {
    let synthetic = Synthetic { layers: 6, heads: 4, text: 5, rows: 6, columns: 6, dim: 0, dtype: Dtype::F16, seed: 3 };
    // One head, two and a half layers, and all of it.
    let head_bytes = (synthetic.tokens().pow(2) * 2) as u64;
    assert_same_numbers(&synthetic, &[head_bytes + 4, 10 * head_bytes, 1 << 20]);
}

/// 4.8 GB, resident at once where the budget allows it, and by turns.
#[test]
#[ignore = "writes 4.8 GB, and takes a minute: the hardware kit runs it"]
fn backends_agree_on_pages_beyond_4_gib() {
    let synthetic =
        Synthetic { layers: 36, heads: 32, text: 63, rows: 31, columns: 31, dim: 0, dtype: Dtype::F32, seed: 3 };
    assert!(synthetic.bytes().unwrap() > 1 << 32);
    let mut budgets = vec![own_gpu().page_budget(), 1 << 30];
    budgets.dedup();
    assert_same_numbers(&synthetic, &budgets);
}
