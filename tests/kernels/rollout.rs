//! Attention rollout: CPU and GPU against a plain reference in f64, rows that sum to 1, and what it refuses.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::common::{Block, assert_close, engine_on_shaders, gpu, limited_gpu, matrix_of, new_key, reference};
use vlscope::analysis::gather::{LayerHeads, Resolved};
use vlscope::analysis::rollout::{self, of_tokens::of_tokens};
use vlscope::analysis::sinks::Criteria;
use vlscope::analysis::{
    BlockLayout, Direction, Engine, EngineError, LayerWeights, Pick, Rollout, Selection, SinkTreatment, WeightKind,
};
use vlscope::gpu::Gpu;
use vlscope::query::{BlockSinks, HeadsApart, OpenTrace, Solver, Weights};
use vlscope::trace::Dtype;

/// As the paper writes it, one sum at a time.
fn plain(block: &Block, heads: &[LayerHeads], head: Pick, residual: f64) -> Vec<f32> {
    let n = block.queries.len();
    let mut rolled: Vec<f64> = (0..n * n).map(|at| f64::from(u8::from(at / n == at % n))).collect();
    for (layer, run) in heads {
        let weights = block.layers()[*layer].to_f32();
        let of_cell = |at: usize| run.clone().map(move |head| f64::from(weights[head * n * n + at]));
        let one = |at: usize| match head {
            Pick::Max => of_cell.clone()(at).fold(f64::NEG_INFINITY, f64::max),
            _ => of_cell.clone()(at).sum::<f64>() / run.len() as f64,
        };
        let mut mixed: Vec<f64> = (0..n * n)
            .map(|at| (1.0 - residual) * one(at) + residual * f64::from(u8::from(at / n == at % n)))
            .collect();
        for row in mixed.chunks_mut(n) {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|weight| *weight /= sum);
        }
        rolled = (0..n * n).map(|at| (0..n).map(|k| mixed[at / n * n + k] * rolled[k * n + at % n]).sum()).collect();
    }
    rolled.into_iter().map(|weight| weight as f32).collect()
}

fn on_processor(block: &Block, heads: &[LayerHeads], head: Pick, residual: f32) -> Vec<f32> {
    rollout::cpu::rollout(&block.weights(), heads, head, residual, &|| true).unwrap()
}

fn on_device(block: &Block, heads: &[LayerHeads], head: Pick, residual: f32, gpu: &Gpu) -> Vec<f32> {
    let rollout = || rollout::gpu::rollout(gpu, new_key(), &block.layers(), heads, head, residual, &|| true);
    gpu.guarded(rollout).unwrap().unwrap()
}

#[test]
fn cpu_and_gpu_agree_with_the_definition_at_awkward_sizes() {
    for tokens in [1, 2, 15, 16, 17, 63, 64, 65, 131] {
        for (causal, dtype) in [(false, Dtype::F32), (true, Dtype::F16), (false, Dtype::Bf16)] {
            let block = Block::mixed(tokens, causal, &[3, 2, 5], dtype);
            for (heads, head, residual) in [
                (vec![(0, 0..3), (1, 0..2), (2, 0..5)], Pick::Mean, 0.5),
                (vec![(1, 0..2), (2, 0..5)], Pick::Max, 0.25),
                (vec![(2, 4..5)], Pick::One(4), 0.0),
            ] {
                let what = format!("{tokens} tokens, {causal}, {dtype:?}, {head:?}");
                let expected = plain(&block, &heads, head, f64::from(residual));
                let processor = on_processor(&block, &heads, head, residual);
                assert_close(&what, &expected, &processor, 2e-6);
                assert_close(&what, &expected, &on_device(&block, &heads, head, residual, gpu()), 2e-6);
                for row in processor.chunks(tokens) {
                    assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{what}: a row does not sum to 1");
                }
                if causal {
                    let future = |at: &usize| at % tokens > at / tokens;
                    assert!((0..tokens * tokens).filter(future).all(|at| processor[at] == 0.0), "{what}: sees ahead");
                }
            }
        }
    }
}

/// Rows and columns of the matrix, one by one and added up.
#[test]
fn the_rollout_of_some_tokens_is_that_of_all() {
    for (tokens, causal) in [(1, false), (17, true), (65, false), (131, true)] {
        let block = Block::mixed(tokens, causal, &[3, 2, 5], Dtype::F32);
        let weights = block.weights();
        for (heads, head) in
            [(vec![(0, 0..3), (1, 0..2), (2, 0..5)], Pick::Mean), (vec![(1, 0..2), (2, 0..5)], Pick::Max)]
        {
            let matrix = on_processor(&block, &heads, head, 0.3);
            let one_hot = |token: usize| (0..tokens).map(|at| f32::from(u8::from(at == token))).collect::<Vec<_>>();
            let factors = vec![one_hot(0), one_hot(tokens - 1), vec![0.25; tokens]];
            for direction in [Direction::AttendsTo, Direction::AttendedBy] {
                let found = of_tokens(&weights, &heads, head, 0.3, direction, factors.clone(), &|| true).unwrap();
                for (found, factors) in found.iter().zip(&factors) {
                    let cell = |one: usize, other: usize| match direction {
                        Direction::AttendsTo => factors[one] * matrix[one * tokens + other],
                        Direction::AttendedBy => factors[one] * matrix[other * tokens + one],
                    };
                    let expected: Vec<f32> =
                        (0..tokens).map(|other| (0..tokens).map(|one| cell(one, other)).sum()).collect();
                    assert_close(&format!("{tokens} tokens, {direction:?}"), &expected, found, 2e-6);
                }
                assert!(of_tokens(&weights, &heads, head, 0.3, direction, factors.clone(), &|| false).is_none());
            }
        }
    }
}

/// Heads that lie in several pages are still one mean.
#[test]
fn a_layer_in_several_pages_is_one_layer() {
    let block = Block::mixed(33, false, &[7, 7], Dtype::F16);
    let heads = vec![(0, 0..7), (1, 2..7)];
    // A matrix of f32 is what two heads take.
    let gpu = limited_gpu(2 * 33 * 33 * 2 + 4);
    for head in [Pick::Mean, Pick::Max] {
        let whole = on_processor(&block, &heads, head, 0.5);
        assert_close("pages", &whole, &on_device(&block, &heads, head, 0.5, &gpu), 2e-6);
    }
}

/// 64 weights a workgroup, so more workgroups than a dispatch has in one dimension.
#[test]
fn a_dispatch_is_folded_into_two_dimensions() {
    let tokens = 2049;
    let block = Block::mixed(tokens, false, &[1], Dtype::F16);
    let heads = [(0, 0..1)];
    let processor = on_processor(&block, &heads, Pick::Mean, 0.5);
    assert_close("2049 tokens", &processor, &on_device(&block, &heads, Pick::Mean, 0.5, gpu()), 2e-6);
}

#[test]
fn two_tokens_by_hand() {
    let tokens = || vec![crate::common::text("a"), crate::common::text("b")];
    let block = Block::given(tokens(), false, Vec::new(), &[0.6, 0.4, 0.2, 0.8]);
    let heads = vec![(0, 0..1), (0, 0..1)];
    // With the residual: [0.8 0.2; 0.1 0.9]; its square.
    let expected = [0.66, 0.34, 0.17, 0.83];
    assert_close("square", &expected, &on_processor(&block, &heads, Pick::Mean, 0.5), 1e-6);
}

#[test]
fn no_tokens_and_empty_rows_are_no_panic() {
    let empty = Block::given(Vec::new(), false, Vec::new(), &[]);
    assert!(on_processor(&empty, &[(0, 0..1)], Pick::Mean, 0.5).is_empty());
    assert!(on_device(&empty, &[(0, 0..1)], Pick::Mean, 0.5, gpu()).is_empty());
    let blind = Block::given(vec![crate::common::text("a"); 2], false, Vec::new(), &[0.0, 0.0, 0.5, 0.5]);
    let heads = [(0, 0..1)];
    assert_eq!(on_processor(&blind, &heads, Pick::Mean, 0.0), [0.0, 0.0, 0.5, 0.5]);
    assert_eq!(on_device(&blind, &heads, Pick::Mean, 0.0, gpu()), [0.0, 0.0, 0.5, 0.5]);
}

#[test]
fn a_nan_breaks_the_same_rows_on_cpu_and_gpu() {
    let mut weights = vec![0.25; 16];
    weights[6] = f32::NAN;
    let block = Block::given(vec![crate::common::text("a"); 4], false, Vec::new(), &weights);
    for heads in [vec![(0, 0..1)], vec![(0, 0..1), (0, 0..1)]] {
        let processor = on_processor(&block, &heads, Pick::Mean, 0.5);
        assert_close("broken", &processor, &on_device(&block, &heads, Pick::Mean, 0.5, gpu()), 1e-6);
        let broken: Vec<bool> = processor.chunks(4).map(|row| row.iter().all(|weight| weight.is_nan())).collect();
        assert_eq!(broken, if heads.len() == 1 { [false, true, false, false] } else { [true; 4] });
    }
}

/// What the engine shows of a rollout, tokens and all, in both directions; from a later start there are fewer layers.
#[test]
fn engines_follow_a_rollout_in_matrix_and_weights() {
    let trace = reference("multi-image");
    for start in [0, 1] {
        for direction in [Direction::AttendsTo, Direction::AttendedBy] {
            let selection = Selection {
                layer: Pick::One(2),
                head: Pick::Mean,
                tokens: vec![1, 5],
                direction,
                weights: WeightKind::Rollout(Rollout { start, residual_percent: 50 }),
                ..Selection::default()
            };
            let heads: Vec<LayerHeads> = (start..3).map(|layer| (layer, 0..trace.heads(0, layer))).collect();
            let layers = LayerWeights::of_block(&trace, 0);
            let expected = rollout::cpu::rollout(&layers, &heads, Pick::Mean, 0.5, &|| true).unwrap();
            let n = 14;
            let weight = |other: usize| match direction {
                Direction::AttendsTo => (expected[n + other] + expected[5 * n + other]) / 2.0,
                Direction::AttendedBy => (expected[other * n + 1] + expected[other * n + 5]) / 2.0,
            };
            let weights: Vec<f32> = (0..n).map(weight).collect();
            for engine in [Engine::cpu(), engine_on_shaders()] {
                assert_close("matrix", &expected, &matrix_of(&engine, &trace, &selection), 2e-6);
                assert_close("weights", &weights, &engine.gather(&trace, &selection, &|| true).unwrap(), 2e-6);
            }
        }
    }
}

#[test]
fn a_mean_over_all_layers_and_a_rollout_can_be_stopped() {
    let trace = reference("multi-image");
    let mean = Selection { layer: Pick::Mean, head: Pick::Mean, ..Selection::default() };
    let rollout = Selection { layer: Pick::One(2), weights: WeightKind::Rollout(Rollout::default()), ..mean.clone() };
    for selection in [mean, rollout] {
        let asked = AtomicUsize::new(0);
        let goes_on = || asked.fetch_add(1, Ordering::Relaxed) < 3;
        let rows = Engine::cpu().rows(&trace, &selection, Vec::new(), &goes_on);
        let stopped = match &rows {
            Ok(rows) => rows.to_matrix(&goes_on).is_none(),
            Err(error) => matches!(error, EngineError::Cancelled),
        };
        assert!(stopped, "{rows:?}");
        assert!(asked.into_inner() < 14, "it went on with the other queries");
    }
}

#[test]
fn cross_attention_and_a_late_start_are_refused() {
    let trace = reference("encoder-decoder");
    let refusal = |block, layer, start| {
        let weights = WeightKind::Rollout(Rollout { start, ..Rollout::default() });
        let selection = Selection { block, layer, head: Pick::Mean, weights, ..Selection::default() };
        Engine::cpu().rows(&trace, &selection, Vec::new(), &|| true).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(2, Pick::One(0), 0),
        "rollout needs self-attention: the queries of block `cross` are not its keys"
    );
    assert_eq!(refusal(0, Pick::One(0), 1), "rollout begins after the selected layer");
}

#[test]
fn every_head_apart_follows_the_rollout_and_the_sinks_too() {
    let open = OpenTrace::open(Path::new("tests/traces/multi-image.safetensors")).unwrap();
    let (trace, solver, stop) = (&open.trace, Solver::new(Engine::cpu()), AtomicBool::new(false));
    let criteria = Criteria { share_ratio: 1.1, head_share: 0.25, ..Criteria::default() };
    let plain = Selection { layer: Pick::One(1), head: Pick::Mean, tokens: vec![4, 6], ..Selection::default() };
    let rolled = Selection { weights: WeightKind::Rollout(Rollout::default()), ..plain.clone() };
    let hidden = Selection { sinks: SinkTreatment::Hide, sink_criteria: criteria, ..plain.clone() };
    let found = solver.solve(&open, &BlockSinks::of(&hidden), &stop).unwrap().tokens();
    assert!(!found.is_empty(), "else the test says nothing");
    let layers = LayerWeights::of_block(trace, 0);
    let apart_of = |selection| solver.solve(&open, &HeadsApart::of(selection), &stop).unwrap();
    for (selection, left_out) in [(&plain, vec![]), (&rolled, vec![]), (&hidden, found)] {
        let apart = apart_of(selection);
        assert_eq!(apart.heads, 2);
        for head in 0..apart.heads {
            let alone = Selection { head: Pick::One(head), ..selection.clone() };
            let part = Resolved::new(&BlockLayout::of(trace, 0), &layers, &alone).unwrap();
            let rows = Engine::cpu().rows(trace, &alone, left_out.clone(), &|| true).unwrap();
            assert_close("a head", apart.of_head(head), &rows.gather(&part, &|| true).unwrap(), 1e-6);
        }
    }
    assert_ne!(apart_of(&rolled).values, apart_of(&plain).values);
    let weights = solver.solve(&open, &Weights::of(&hidden), &stop).unwrap();
    assert!(weights.iter().any(|weight| weight.is_nan()) && weights.iter().any(|weight| !weight.is_nan()));
}
