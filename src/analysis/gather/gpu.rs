//! The gathering on the device: shaders/analysis/gather.wgsl, page by page.

use super::Resolved;
use crate::analysis::{Combine, Direction};
use crate::gpu::{Binding, Gpu, GpuError, Kernel, PageKey, Residency, Shader, dtype_code, read_back};
use crate::trace::TensorView;

/// The shader and what it binds.
pub const SHADER: Shader = Shader {
    name: "analysis/gather",
    wgsl: concat!(
        include_str!("../../../shaders/shared/decode.wgsl"),
        include_str!("../../../shaders/shared/dispatch.wgsl"),
        include_str!("../../../shaders/analysis/gather.wgsl"),
    ),
    bindings: &[
        Binding::Uniform(size_of::<Parameters>() as u64),
        Binding::Read,
        Binding::Read,
        Binding::ReadWrite,
        Binding::ReadWrite,
        Binding::ReadWrite,
    ],
    entry_points: &["slices", "add"],
};

/// Pairs of a head and a token that a thread adds: `SLICE_PAIRS` of the shader.
const SLICE_PAIRS: usize = 64;
/// Threads of a workgroup.
const THREADS: u64 = 64;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Parameters {
    outputs: u32,
    tokens: u32,
    first_head: u32,
    heads: u32,
    head_stride: u32,
    token_stride: u32,
    output_stride: u32,
    slices: u32,
    dtype: u32,
    is_maximum: u32,
}

/// One weight per token of the other side; `layers` are all of the block, and `key` says of which trace and block. Of a
/// maximum over tokens, only of one head.
///
/// # Errors
/// If a head is too large for a page, or the device is lost.
pub fn gather(
    gpu: &Gpu,
    kernel: &Kernel,
    residency: &mut Residency,
    key: PageKey,
    layers: &[TensorView<'_>],
    part: &Resolved,
) -> Result<Vec<f32>, GpuError> {
    let [queries, keys] = layers.first().map_or([0; 2], |layer| [layer.shape[1], layer.shape[2]]);
    let (outputs, token_stride, output_stride) = match part.direction {
        Direction::AttendsTo => (keys, keys, 1),
        Direction::AttendedBy => (queries, 1, keys),
    };
    if outputs == 0 {
        return Ok(Vec::new());
    }
    let tokens: Vec<u32> = part.tokens.iter().map(|&token| token as u32).collect();
    let tokens = gpu.storage(&tokens);
    let sums = gpu.zeros((outputs * size_of::<f32>()) as u64);
    let broken = gpu.zeros((outputs * size_of::<u32>()) as u64);
    for (layer, heads) in &part.heads {
        let view = &layers[*layer];
        for run in residency.runs(view)? {
            let selected = heads.start.max(run.start)..heads.end.min(run.end);
            if selected.is_empty() {
                continue;
            }
            let page = residency.page(PageKey { layer: *layer, first_head: run.start, ..key }, view, &run);
            let slices = (selected.len() * part.tokens.len()).div_ceil(SLICE_PAIRS);
            let parameters = Parameters {
                outputs: outputs as u32,
                tokens: part.tokens.len() as u32,
                first_head: (selected.start - run.start) as u32,
                heads: selected.len() as u32,
                head_stride: (queries * keys) as u32,
                token_stride: token_stride as u32,
                output_stride: output_stride as u32,
                slices: slices as u32,
                dtype: dtype_code(view.dtype),
                is_maximum: u32::from(part.combine == Combine::Max),
            };
            let slice_sums = gpu.zeros((slices * outputs * size_of::<f32>()) as u64);
            let bindings = kernel.bind(gpu, &[&gpu.uniform(&parameters), &page, &tokens, &slice_sums, &sums, &broken]);
            let groups = (outputs as u64).div_ceil(THREADS);
            let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            kernel.dispatch(gpu, &mut encoder, 0, &bindings, groups * slices as u64);
            kernel.dispatch(gpu, &mut encoder, 1, &bindings, groups);
            gpu.queue.submit([encoder.finish()]);
        }
    }
    let sums: Vec<f32> = read_back(gpu, &sums)?;
    let broken: Vec<u32> = read_back(gpu, &broken)?;
    let count = part.divisor() as f32;
    let value = |(sum, &broken): (f32, &u32)| if broken == 0 { sum / count } else { f32::NAN };
    Ok(sums.into_iter().zip(&broken).map(value).collect())
}
