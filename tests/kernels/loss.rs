//! A device that is lost, before and in the midst of every kind of request: the next one takes its place.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::common::{Block, assert_close, matrix_of, new_key, own_gpu, reference};
use vlscope::analysis::gather::Resolved;
use vlscope::analysis::normalize::{self, Normalization};
use vlscope::analysis::pool::{self, Pooling, Tiling};
use vlscope::analysis::statistics::{self, Options, plan::Plan};
use vlscope::analysis::{Compute, Engine, Pick, Rollout, Selection, WeightKind, gather, per_head, rollout};
use vlscope::gpu::{Gpu, GpuError, read_back};
use vlscope::trace::{Dtype, Trace};

fn lose(gpu: &Gpu) {
    gpu.device.destroy();
    let _ = gpu.wait();
}

#[test]
fn one_device_takes_the_place_of_a_lost_one_for_all_who_hold_it() {
    let first = own_gpu();
    first.set_page_budget(12_345);
    assert!(Arc::ptr_eq(&first, &first.current().unwrap()));
    lose(&first);
    assert!(first.is_lost());
    let second = first.current().unwrap();
    assert!(!Arc::ptr_eq(&first, &second) && !second.is_lost());
    assert_eq!((second.page_budget(), &second.info.name), (12_345, &first.info.name));
    assert!(Arc::ptr_eq(&second, &first.current().unwrap()));
    lose(&second);
    let third = first.current().unwrap();
    assert!(!third.is_lost() && Arc::ptr_eq(&third, &second.current().unwrap()));
}

#[test]
fn every_kernel_says_that_the_device_is_lost() {
    let gpu = own_gpu();
    gpu.device.destroy();
    let block = Block::mixed(9, false, &[2, 3], Dtype::F16);
    let (layers, weights, layout, key) = (block.layers(), block.weights(), block.layout(), new_key());
    let selection = Selection { layer: Pick::Mean, head: Pick::Mean, ..Selection::default() };
    let part = Resolved::new(&layout, &weights, &selection).unwrap();
    let plan = Plan::new(&layout, &Options::default());
    let tiling = Tiling::within(4, [9, 9], Pooling::Mean);
    let heads = [(0, 0..2), (1, 0..3)];
    type Run<'a> = &'a dyn Fn() -> Result<(), GpuError>;
    let kernels: [(&str, Run<'_>); 7] = [
        ("gather", &|| gather::gpu::gather(&gpu, key, &weights, &part).map(drop)),
        ("per head", &|| per_head::gpu::per_head(&gpu, key, &weights, &part).map(drop)),
        ("pool", &|| pool::gpu::pool(&gpu, key, &layers[0], &weights[0].mask(), &tiling).map(drop)),
        ("statistics", &|| statistics::gpu::layer_sums(&gpu, key, &weights, &plan, &mut |_| true).map(drop)),
        ("rollout", &|| rollout::gpu::rollout(&gpu, key, &layers, &heads, Pick::Mean, 0.5, &|| true).map(drop)),
        ("normalize", &|| normalize::gpu::normalize(&gpu, &mut [1.0; 9], 3, Normalization::MinMax).map(drop)),
        ("read back", &|| read_back::<u32>(&gpu, &gpu.storage("words", &[1_u32])?).map(drop)),
    ];
    for (name, kernel) in kernels {
        let outcome = gpu.guarded(kernel);
        assert!(matches!(outcome, Err(GpuError::Lost)), "{name}: {outcome:?}");
    }
}

/// Every request of an engine but the statistics, as numbers.
fn requests(engine: &Engine, trace: &Trace) -> Vec<Vec<f32>> {
    let mean = Selection { layer: Pick::Mean, head: Pick::Mean, ..Selection::default() };
    let one = Selection { layer: Pick::One(1), head: Pick::One(1), tokens: vec![3], ..Selection::default() };
    let rolled = Selection { layer: Pick::One(2), weights: WeightKind::Rollout(Rollout::default()), ..mean.clone() };
    let tiling = Tiling::within(5, [14, 14], Pooling::Maximum);
    vec![
        engine.gather(trace, &mean, &|| true).unwrap(),
        engine.gather(trace, &one, &|| true).unwrap(),
        engine.per_head(trace, &mean, &|| true).unwrap().values,
        matrix_of(engine, trace, &rolled),
        engine.pool(trace, 0, &tiling, &|| true).unwrap().concat(),
        engine.normalize(&[0.25, 0.5, 1.0, 0.125], 2, Normalization::RowMaximum).unwrap(),
    ]
}

fn assert_same(expected: &[Vec<f32>], found: &[Vec<f32>]) {
    expected.iter().zip(found).for_each(|(one, other)| assert_close("a request", one, other, 2e-6));
}

#[test]
fn an_engine_goes_on_with_the_next_device() {
    let (trace, gpu) = (reference("multi-image"), own_gpu());
    let engine = Engine::new(Some(gpu.clone()), Compute::Gpu, 1 << 20).unwrap();
    let expected = requests(&Engine::cpu(), &trace);
    let head = Selection { layer: Pick::One(0), head: Pick::One(0), ..Selection::default() };
    let before = engine.resident_matrix(&trace, &head).unwrap().unwrap();
    assert_same(&expected, &requests(&engine, &trace));
    lose(&gpu);
    assert_same(&expected, &requests(&engine, &trace));
    let after = engine.resident_matrix(&trace, &head).unwrap().unwrap();
    assert!(before.device != after.device && after.device == engine.gpu().unwrap().device);
    assert!(engine.runs_shaders());
}

/// Whichever step of a request it happens in.
#[test]
fn a_loss_in_the_midst_of_a_request_begins_it_anew() {
    let (trace, gpu) = (reference("multi-image"), own_gpu());
    let engine = Engine::new(Some(gpu), Compute::Gpu, 1 << 20).unwrap();
    let expected = requests(&Engine::cpu(), &trace);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let losses = scope.spawn(|| {
            let mut losses = 0_u64;
            while !is_over.load(Ordering::Relaxed) {
                // A request that loses two devices in a row gives up, so there is time for one between two losses.
                std::thread::sleep(Duration::from_millis(1500 + 37 * (losses % 11)));
                engine.gpu().unwrap().device.destroy();
                losses += 1;
            }
            losses
        });
        for _ in 0..8 {
            let engine_without_memory = Engine::new(engine.gpu(), Compute::Gpu, 1 << 20).unwrap();
            assert_same(&expected, &requests(&engine_without_memory, &trace));
        }
        is_over.store(true, Ordering::Relaxed);
        losses.join().unwrap();
    });
}

#[test]
fn statistics_survive_a_loss_between_two_layers() {
    let (trace, gpu) = (reference("multi-image"), own_gpu());
    let engine = Engine::new(Some(gpu.clone()), Compute::Gpu, 1 << 20).unwrap();
    let options = Options::default();
    let expected = Engine::cpu().statistics(&trace, 0, &options, &mut |_, _| true).unwrap();
    let mut lose_once = |done, _| {
        if done == 2 && !gpu.is_lost() {
            lose(&gpu);
        }
        true
    };
    let found = engine.statistics(&trace, 0, &options, &mut lose_once).unwrap();
    assert!(gpu.is_lost());
    for (one, other) in expected.iter().zip(&found) {
        let tolerance = if one.name.starts_with("vli.") { 1e-3 } else { 2e-5 };
        assert_close(&one.name, &one.values, &other.values, tolerance);
    }
}
