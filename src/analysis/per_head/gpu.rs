//! Every head's weights on the device: shaders/analysis/per_head.wgsl, page by page.

use super::{HeadWeights, finish};
use crate::analysis::Direction;
use crate::analysis::gather::Resolved;
use crate::gpu::{Binding, Gpu, GpuError, Kernel, PageKey, Residency, Shader, dtype_code, read_back};
use crate::trace::TensorView;

/// The shader and what it binds.
pub const SHADER: Shader = Shader {
    name: "analysis/per_head",
    wgsl: concat!(
        include_str!("../../../shaders/shared/decode.wgsl"),
        include_str!("../../../shaders/shared/dispatch.wgsl"),
        include_str!("../../../shaders/analysis/per_head.wgsl"),
    ),
    bindings: &[Binding::Uniform(size_of::<Parameters>() as u64), Binding::Read, Binding::Read, Binding::ReadWrite],
    entry_points: &["per_head"],
};

/// Threads of a workgroup.
const THREADS: u64 = 64;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Parameters {
    heads: u32,
    others: u32,
    tokens: u32,
    head_stride: u32,
    token_stride: u32,
    other_stride: u32,
    dtype: u32,
}

/// `[heads, others]`; `layers` are all of the block, `key` is that of its first page.
///
/// # Errors
/// If a head is too large for a page, or the device is lost.
pub fn per_head(
    gpu: &Gpu,
    kernel: &Kernel,
    residency: &mut Residency,
    key: PageKey,
    layers: &[TensorView<'_>],
    part: &Resolved,
) -> Result<HeadWeights, GpuError> {
    let [queries, keys] = layers.first().map_or([0; 2], |layer| [layer.shape[1], layer.shape[2]]);
    let (others, token_stride, other_stride) = match part.direction {
        Direction::AttendsTo => (keys, keys, 1),
        Direction::AttendedBy => (queries, 1, keys),
    };
    let tokens: Vec<u32> = part.tokens.iter().map(|&token| token as u32).collect();
    let tokens = gpu.storage(&tokens);
    let mut sums = Vec::with_capacity(part.heads.len());
    for (layer, _) in &part.heads {
        let view = &layers[*layer];
        let mut of_layer = Vec::new();
        for run in residency.runs(view)? {
            let page = residency.page(PageKey { layer: *layer, first_head: run.start, ..key }, view, &run);
            let parameters = Parameters {
                heads: run.len() as u32,
                others: others as u32,
                tokens: part.tokens.len() as u32,
                head_stride: (queries * keys) as u32,
                token_stride: token_stride as u32,
                other_stride: other_stride as u32,
                dtype: dtype_code(view.dtype),
            };
            let count = (run.len() * others) as u64;
            let out = gpu.zeros(count * size_of::<f32>() as u64);
            let bindings = kernel.bind(gpu, &[&gpu.uniform(&parameters), &page, &tokens, &out]);
            let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            kernel.dispatch(gpu, &mut encoder, 0, &bindings, count.div_ceil(THREADS));
            gpu.queue.submit([encoder.finish()]);
            of_layer.extend(read_back::<f32>(gpu, &out)?);
        }
        of_layer.truncate(view.shape[0] * others);
        sums.push(of_layer);
    }
    Ok(finish(part, others, sums.into_iter()))
}
