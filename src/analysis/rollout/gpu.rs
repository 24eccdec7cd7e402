//! The rollout on the device: shaders/analysis/rollout.wgsl, a layer at a time.

use crate::analysis::Pick;
use crate::analysis::gather::LayerHeads;
use crate::gpu::{Binding, Gpu, GpuError, Kernel, PageKey, Residency, Shader, dtype_code, read_back};
use crate::trace::TensorView;

/// The shader and what it binds.
pub const SHADER: Shader = Shader {
    name: "analysis/rollout",
    wgsl: concat!(
        include_str!("../../../shaders/shared/decode.wgsl"),
        include_str!("../../../shaders/shared/dispatch.wgsl"),
        include_str!("../../../shaders/analysis/rollout.wgsl"),
    ),
    bindings: &[
        Binding::Uniform(size_of::<Parameters>() as u64),
        Binding::Read,
        Binding::ReadWrite,
        Binding::Read,
        Binding::ReadWrite,
    ],
    entry_points: &["heads", "residual", "multiply"],
};

/// Threads of a workgroup of `heads`.
const THREADS: u64 = 64;
/// Side of a tile of `multiply`.
const TILE: u64 = 16;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Parameters {
    tokens: u32,
    first_head: u32,
    heads: u32,
    dtype: u32,
    is_maximum: u32,
    is_first: u32,
    scale: f32,
    residual: f32,
}

/// `[tokens, tokens]`; `layers` are all of the block, `heads` those that take part, `residual` is the share of the
/// identity, and `key` says of which trace and block.
///
/// # Errors
/// If a head is too large for a page, or the device is lost.
#[expect(clippy::too_many_arguments, reason = "those of the twin, and the device's")]
pub fn rollout(
    gpu: &Gpu,
    kernel: &Kernel,
    residency: &mut Residency,
    key: PageKey,
    layers: &[TensorView<'_>],
    heads: &[LayerHeads],
    head: Pick,
    residual: f32,
) -> Result<Vec<f32>, GpuError> {
    let tokens = layers.first().map_or(0, |layer| layer.shape[1]);
    if tokens == 0 || heads.is_empty() {
        return Ok(Vec::new());
    }
    let matrix_bytes = (tokens * tokens * size_of::<f32>()) as u64;
    let attention = gpu.zeros(matrix_bytes);
    let (mut before, mut after) = (gpu.zeros(matrix_bytes), gpu.zeros(matrix_bytes));
    for (number, (layer, run)) in heads.iter().enumerate() {
        let view = &layers[*layer];
        let is_maximum = head == Pick::Max;
        let mut parameters = Parameters {
            tokens: tokens as u32,
            first_head: 0,
            heads: 0,
            dtype: dtype_code(view.dtype),
            is_maximum: u32::from(is_maximum),
            is_first: 1,
            scale: if is_maximum { 1.0 } else { 1.0 / run.len() as f32 },
            residual,
        };
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut bindings = None;
        for of_page in residency.runs(view)? {
            let selected = run.start.max(of_page.start)..run.end.min(of_page.end);
            if selected.is_empty() {
                continue;
            }
            let page = residency.page(PageKey { layer: *layer, first_head: of_page.start, ..key }, view, &of_page);
            parameters.first_head = (selected.start - of_page.start) as u32;
            parameters.heads = selected.len() as u32;
            let uniform = gpu.uniform(&parameters);
            let bound = kernel.bind(gpu, &[&uniform, &page, &attention, &before, &after]);
            kernel.dispatch(gpu, &mut encoder, 0, &bound, ((tokens * tokens) as u64).div_ceil(THREADS));
            parameters.is_first = 0;
            bindings = Some(bound);
        }
        let Some(bindings) = bindings else { continue };
        kernel.dispatch(gpu, &mut encoder, 1, &bindings, tokens as u64);
        if number == 0 {
            encoder.copy_buffer_to_buffer(&attention, 0, &after, 0, matrix_bytes);
        } else {
            kernel.dispatch(gpu, &mut encoder, 2, &bindings, (tokens as u64).div_ceil(TILE).pow(2));
        }
        gpu.queue.submit([encoder.finish()]);
        std::mem::swap(&mut before, &mut after);
    }
    read_back(gpu, &before)
}
