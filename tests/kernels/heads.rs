//! Pooling and every head apart: CPU and GPU against each other, and against what can be counted by hand.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::common::{Block, assert_close, engine_on_shaders, gpu, limited_gpu, new_key, reference, unmasked};
use vlscope::analysis::pool::{self, Pooling, Tiling};
use vlscope::analysis::statistics::{self, HeadStatistics, Over};
use vlscope::analysis::{BlockLayout, Direction, Engine, LayerWeights, Pick, Selection, per_head};
use vlscope::gpu::Gpu;
use vlscope::query::{AttentionGrid, OpenTrace, Solver};
use vlscope::trace::{Dtype, TensorView};

fn on_processor(layer: &LayerWeights<'_>, tiling: &Tiling) -> Vec<f32> {
    pool::cpu::pool(layer, tiling, &|| true).unwrap()
}

fn on_device(layer: &LayerWeights<'_>, tiling: &Tiling, gpu: &Gpu) -> Vec<f32> {
    gpu.guarded(|| pool::gpu::pool(gpu, new_key(), layer.stored().unwrap(), &layer.mask(), tiling)).unwrap()
}

#[test]
fn cpu_and_gpu_pool_alike_at_awkward_sizes() {
    for tokens in [1, 3, 31, 63, 64, 65, 129] {
        for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16] {
            for causal in [false, true] {
                let block = Block::mixed(tokens, causal, &[3], dtype);
                let layer = &block.weights()[0];
                for pooling in Pooling::ALL {
                    for side in [1, 7, 16, 64, 200] {
                        let tiling = Tiling::within(side, [tokens, tokens], pooling);
                        let native = on_processor(layer, &tiling);
                        assert_eq!(native.len(), 3 * side.min(tokens).pow(2));
                        let what = format!("{tokens} tokens, {dtype:?}, {tiling:?}");
                        assert_close(&what, &native, &on_device(layer, &tiling, gpu()), 2e-6);
                    }
                }
            }
        }
    }
}

#[test]
fn cpu_and_gpu_pool_alike_for_cross_attention_and_pages() {
    for (queries, keys) in [(5, 67), (67, 5), (1, 1000)] {
        let block = Block::cross(queries, keys, &[5], Dtype::F16);
        let layer = &block.weights()[0];
        let tiling = Tiling::within(12, [queries, keys], Pooling::Mean);
        let native = on_processor(layer, &tiling);
        // Two heads a page.
        let page_bytes = (2 * queries * keys * 2).next_multiple_of(4) as u64;
        assert_close("pages", &native, &on_device(layer, &tiling, &limited_gpu(page_bytes.max(1000))), 2e-6);
    }
    let empty = unmasked(TensorView { dtype: Dtype::F32, shape: vec![0, 4, 4], bytes: &[] });
    let tiling = Tiling::within(4, [4, 4], Pooling::Mean);
    assert!(on_processor(&empty, &tiling).is_empty() && on_device(&empty, &tiling, gpu()).is_empty());
}

/// 66,000 workgroups of 64 cells.
#[test]
fn cpu_and_gpu_pool_alike_beyond_one_dimension_of_workgroups() {
    let block = Block::cross(2, 1000, &[2112], Dtype::F16);
    let layer = &block.weights()[0];
    let tiling = Tiling::within(1000, [2, 1000], Pooling::Maximum);
    assert!(2112 * tiling.cells() > 65_535 * 64);
    assert_eq!(on_processor(layer, &tiling), on_device(layer, &tiling, gpu()));
}

#[test]
fn a_cell_is_the_maximum_or_the_mean_of_what_is_unmasked() {
    let queries = vec![crate::common::text("a"); 3];
    let weights = [1.0, 0.0, 0.0, 0.4, 0.6, 0.0, 0.2, 0.3, 0.5];
    let pool = |pooling, causal, weights: &[f32]| {
        let block = Block::given(queries.clone(), causal, Vec::new(), weights);
        on_processor(&block.weights()[0], &Tiling::within(2, [3, 3], pooling))
    };
    // Rows 0 | 1, 2 and columns 0 | 1, 2.
    assert_close("maximum", &pool(Pooling::Maximum, false, &weights), &[1.0, 0.0, 0.4, 0.6], 1e-6);
    assert_close("mean", &pool(Pooling::Mean, false, &weights), &[1.0, 0.0, 0.3, 1.4 / 4.0], 1e-6);
    assert_close("of what is unmasked", &pool(Pooling::Mean, true, &weights), &[1.0, 0.0, 0.3, 1.4 / 3.0], 1e-6);
    let mut broken = weights;
    broken[4] = f32::NAN;
    broken[0] = f32::INFINITY;
    for pooling in Pooling::ALL {
        let tile = pool(pooling, false, &broken);
        assert_eq!(tile.map_nan(), [true, false, false, true]);
    }
    broken[1] = f32::NAN;
    assert_eq!(pool(Pooling::Mean, true, &broken)[1], 0.0, "what no query sees is 0, whatever lies there");
}

trait MapNan {
    fn map_nan(&self) -> Vec<bool>;
}

impl MapNan for Vec<f32> {
    fn map_nan(&self) -> Vec<bool> {
        self.iter().map(|value| value.is_nan()).collect()
    }
}

#[test]
fn a_broken_weight_spoils_one_cell_on_both_sides() {
    let trace = reference("broken-nan");
    let tiling = Tiling::within(7, [14, 14], Pooling::Maximum);
    for engine in [Engine::cpu(), engine_on_shaders()] {
        let tiles = engine.pool(&trace, 0, &tiling, &|| true).unwrap();
        let broken: usize = tiles.iter().flatten().filter(|cell| cell.is_nan()).count();
        assert_eq!(broken, 1);
        assert!(engine.pool(&trace, 0, &tiling, &|| false).is_err());
    }
}

#[test]
fn every_head_apart_is_the_gathering_of_each() {
    for name in ["multi-image", "encoder-decoder", "broken-nan"] {
        let trace = reference(name);
        for block in 0..trace.document().attention.len() {
            let layers = trace.document().attention[block].layers;
            for (layer, direction, tokens) in [
                (Pick::One(layers - 1), Direction::AttendsTo, vec![2]),
                (Pick::One(0), Direction::AttendedBy, vec![1, 3]),
                (Pick::Mean, Direction::AttendsTo, vec![]),
            ] {
                let selection = Selection { block, layer, head: Pick::Mean, tokens, direction, ..Selection::default() };
                let native = Engine::cpu().per_head(&trace, &selection, &|| true).unwrap();
                let shaders = engine_on_shaders().per_head(&trace, &selection, &|| true).unwrap();
                assert_eq!(native.heads, trace.max_heads(block));
                assert_close(name, &native.values, &shaders.values, 2e-6);
                for head in 0..native.heads {
                    let one = Selection { head: Pick::One(head), ..selection.clone() };
                    let gathered = Engine::cpu().gather(&trace, &one, &|| true).unwrap();
                    assert_close(name, native.of_head(head), &gathered, 2e-6);
                }
                assert!(native.of_head(native.heads).is_empty());
            }
        }
    }
}

#[test]
fn layers_with_fewer_heads_leave_their_part_out() {
    let block = Block::mixed(9, false, &[2, 3], Dtype::F16);
    let (layers, weights) = (block.layers(), block.weights());
    let layout: BlockLayout<'_> = block.layout();
    let selection = Selection { layer: Pick::Mean, tokens: vec![4], ..Selection::default() };
    let part = per_head::resolve(&layout, &weights, &selection).unwrap();
    let found = per_head::cpu::per_head(&weights, &part, &|| true).unwrap();
    let row = |layer: usize, head: usize| layers[layer].entry(head).to_f32()[4 * 9..5 * 9].to_vec();
    assert_close("only one layer has head 2", found.of_head(2), &row(1, 2), 1e-6);
    let both: Vec<f32> = row(0, 1).iter().zip(row(1, 1)).map(|(a, b)| (a + b) / 2.0).collect();
    assert_close("both have head 1", found.of_head(1), &both, 1e-6);
    let on_device = per_head::gpu::per_head(gpu(), new_key(), &weights, &part).unwrap();
    assert_close("on the device", &found.values, &on_device.values, 2e-6);
}

/// `scipy.stats.zscore([[1, 5], [2, 3], [3, 10]], axis=…)`, population deviation, to six digits.
#[test]
fn z_scores_are_those_of_scipy() {
    let statistic = HeadStatistics::new("entropy", 3, 2, vec![1.0, 5.0, 2.0, 3.0, 3.0, 10.0]);
    let by_head = [-1.224_745, -0.339_683, 0.0, -1.019_049, 1.224_745, 1.358_732];
    assert_close("axis 0", &statistic.z_scored(Over::Layers).values, &by_head, 1e-5);
    assert_close("axis 1", &statistic.z_scored(Over::Heads).values, &[-1.0, 1.0, -1.0, 1.0, -1.0, 1.0], 1e-5);
    let over_all = [-1.019_049, 0.339_683, -0.679_366, -0.339_683, -0.339_683, 2.038_099];
    assert_close("axis None", &statistic.z_scored(Over::Everything).values, &over_all, 1e-5);
    assert_close("means of layers", &statistic.layer_mean, &[3.0, 2.5, 6.5], 1e-6);
    assert_close("means of heads", &statistic.head_mean(), &[2.0, 6.0], 1e-6);
}

#[test]
fn the_strongest_come_first_and_missing_ones_not_at_all() {
    let statistic = HeadStatistics::new("max", 2, 2, vec![0.5, f32::NAN, 0.9, 0.5]);
    assert_eq!(statistic.strongest(2), [(1, 0, 0.9), (0, 0, 0.5)]);
    assert_eq!(statistic.strongest(9).len(), 3);
    assert!(statistics::strongest(&[], 0, 3).is_empty());
}

#[test]
fn metrics_of_the_trace_stand_beside_the_statistics() {
    let trace = reference("vl-interpret-0");
    let names: Vec<_> = statistics::metric_names(trace.document(), 0).collect();
    assert_eq!(names, [("head_metric.0".to_owned(), "Example Custom Metrics")]);
    let metrics = statistics::head_metrics(&trace, 0);
    assert_eq!(metrics.len(), 1);
    assert_eq!(metrics[0].name, "head_metric.0");
    assert_eq!(metrics[0].values, trace.head_metric(0).to_f32());
    assert!(statistics::head_metrics(&trace, 1).is_empty());
}

/// Another token, head or layer needs no new tiles; another size does.
#[test]
fn tiles_are_pooled_once_for_a_block_and_a_size() {
    let open = OpenTrace::open(Path::new("tests/traces/encoder-decoder.safetensors")).unwrap();
    let solver = Solver::new(Engine::cpu());
    let tiles = |_token: usize, block: usize, side: usize| {
        let request = AttentionGrid::of(block, side, Pooling::Maximum);
        solver.solve(&open, &request, &AtomicBool::new(false)).unwrap()
    };
    let first = tiles(0, 2, 4);
    assert_eq!((first.rows, first.columns), (4, 4), "15 keys in 4 columns");
    assert!(Arc::ptr_eq(&first, &tiles(1, 2, 4)));
    let other_block = tiles(0, 0, 4);
    assert!(Arc::ptr_eq(&first, &tiles(1, 2, 4)) && !Arc::ptr_eq(&first, &other_block));
    assert_eq!(tiles(0, 2, 96).columns, 15);
}
