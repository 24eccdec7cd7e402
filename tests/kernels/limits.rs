//! Every kernel against its CPU counterpart on a device with little: 32,000 bytes in a binding, 32 workgroups in a dimension.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use crate::common::{Block, assert_close, limited_gpu, new_key};
use vlscope::analysis::gather::{self, Resolved};
use vlscope::analysis::normalize::{self, Normalization};
use vlscope::analysis::pool::{self, Pooling, Tiling};
use vlscope::analysis::statistics::{self, Options, plan::Plan};
use vlscope::analysis::{Combine, Direction, Pick, Selection, per_head, rollout};
use vlscope::gpu::Gpu;
use vlscope::trace::Dtype;

const CLOSE: f32 = 2e-6;

/// Blocks of awkward sizes: heads that begin in the middle of a word, layers with other numbers of heads.
fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    for (tokens, dtype) in
        [(0, Dtype::F16), (1, Dtype::F16), (63, Dtype::F16), (64, Dtype::F32), (65, Dtype::F16), (65, Dtype::Bf16)]
    {
        blocks.push(Block::mixed(tokens, tokens % 2 == 1, &[3, 1, 5], dtype));
    }
    // What a kernel makes of a head may take more than the head.
    blocks.extend([Block::cross(1, 65, &[200], Dtype::F16), Block::cross(65, 1, &[200], Dtype::F16)]);
    blocks.push(Block::cross(3, 1000, &[9, 2], Dtype::Bf16));
    blocks
}

fn check_weights(gpu: &Gpu, block: &Block) {
    let weights = block.weights();
    for direction in [Direction::AttendsTo, Direction::AttendedBy] {
        for (layer, head, combine) in [
            (Pick::Mean, Pick::Mean, Combine::Mean),
            (Pick::One(0), Pick::One(0), Combine::Max),
            (Pick::Mean, Pick::One(2), Combine::Sum),
        ] {
            let selection = Selection { layer, head, direction, combine, ..Selection::default() };
            let Ok(part) = Resolved::new(&block.layout(), &weights, &selection) else { continue };
            let what = format!("{:?} of {:?}, {selection:?}", block.shapes, block.dtype);
            let on_device = gpu.guarded(|| gather::gpu::gather(gpu, new_key(), &weights, &part)).unwrap();
            assert_close(&what, &gather::cpu::gather(&weights, &part, &|| true).unwrap(), &on_device, CLOSE);
            let on_device = gpu.guarded(|| per_head::gpu::per_head(gpu, new_key(), &weights, &part)).unwrap();
            if part.heads.iter().all(|(layer, heads)| *heads == (0..weights[*layer].heads())) {
                assert_close(
                    &what,
                    &per_head::cpu::per_head(&weights, &part, &|| true).unwrap().values,
                    &on_device.values,
                    CLOSE,
                );
            }
        }
    }
}

fn check_matrices(gpu: &Gpu, block: &Block) {
    let (layers, weights) = (block.layers(), block.weights());
    let what = format!("{:?} of {:?}", block.shapes, block.dtype);
    let masks = block.layer_masks();
    for ((layer, mask), stored) in layers.iter().zip(&masks).zip(&weights) {
        for side in [1, 7, 64] {
            for pooling in Pooling::ALL {
                let tiling = Tiling::within(side, [layer.shape[1], layer.shape[2]], pooling);
                let on_device = gpu.guarded(|| pool::gpu::pool(gpu, new_key(), layer, mask, &tiling)).unwrap();
                assert_close(&what, &pool::cpu::pool(stored, &tiling, &|| true).unwrap(), &on_device, CLOSE);
            }
        }
    }
    let plan = Plan::new(&block.layout(), &Options { specials: true, ..Options::default() });
    let pass = statistics::cpu::Pass::new(&plan, &weights);
    let sums: Vec<_> = (0..weights.len()).map(|layer| pass.layer_sums(layer, &|| true).unwrap()).collect();
    let on_device =
        gpu.guarded(|| statistics::gpu::layer_sums(gpu, new_key(), &weights, &plan, &mut |_| true)).unwrap().unwrap();
    for (one, other) in statistics::finish(&plan, &sums).iter().zip(statistics::finish(&plan, &on_device)) {
        let tolerance = if one.name.starts_with("vli.") { 1e-3 } else { 2e-5 };
        assert_close(&format!("{what}: {}", one.name), &one.values, &other.values, tolerance);
    }
    if block.keys.is_none() {
        let heads: Vec<_> = layers.iter().enumerate().map(|(layer, view)| (layer, 0..view.shape[0])).collect();
        let rolled = rollout::cpu::rollout(&weights, &heads, Pick::Max, 0.5, &|| true).unwrap();
        let on_device =
            gpu.guarded(|| rollout::gpu::rollout(gpu, new_key(), &layers, &heads, Pick::Max, 0.5, &|| true)).unwrap();
        assert_close(&what, &rolled, &on_device.unwrap(), CLOSE);
    }
}

#[test]
fn every_kernel_agrees_at_awkward_sizes_on_an_adapter_with_little() {
    let gpu = limited_gpu(32_000);
    for block in blocks() {
        check_weights(&gpu, &block);
        check_matrices(&gpu, &block);
    }
    for count in [0, 1, 63, 64, 65, 4_999] {
        for how in Normalization::ALL {
            let mut left: Vec<f32> = (0..count).map(|i| ((i * 7919 % 1009) as f32 / 1009.0).powi(3)).collect();
            let mut right = left.clone();
            let ranges = normalize::cpu::normalize(&mut left, 65, how);
            let on_device = gpu.guarded(|| normalize::gpu::normalize(&gpu, &mut right, 65, how)).unwrap();
            assert_close("ranges", ranges.as_flattened(), on_device.as_flattened(), 1e-5);
            assert_close("normalized", &left, &right, 1e-5);
        }
    }
}

/// The processor takes over where that is allowed, so it has to be an error.
#[test]
fn what_fits_no_buffer_is_refused_with_the_reason() {
    let gpu = limited_gpu(20_000);
    let error = gpu.guarded(|| normalize::gpu::normalize(&gpu, &mut [0.0; 5_001], 3, Normalization::MinMax));
    let limit = "is too large: the GPU adapter's limit is 20000 bytes";
    assert_eq!(error.unwrap_err().to_string(), format!("values of 20004 bytes {limit}"));
    // A head of 19,602 bytes, which is a matrix of 39,204 once it is decoded.
    let block = Block::mixed(99, false, &[1], Dtype::F16);
    let rolled = || rollout::gpu::rollout(&gpu, new_key(), &block.layers(), &[(0, 0..1)], Pick::Mean, 0.5, &|| true);
    assert_eq!(gpu.guarded(rolled).unwrap_err().to_string(), format!("a matrix of 39204 bytes {limit}"));
    let tiling = Tiling::within(99, [99, 99], Pooling::Mean);
    let pooled = || pool::gpu::pool(&gpu, new_key(), &block.layers()[0], &block.layer_masks()[0], &tiling);
    assert_eq!(gpu.guarded(pooled).unwrap_err().to_string(), format!("analysis/pool of 39204 bytes {limit}"));
}
