//! The pooling on the device: shaders/analysis/pool.wgsl, once a page.

use super::{Pooling, Tiling};
use crate::gpu::{Binding, Gpu, GpuError, Kernel, PageKey, Residency, Shader, dtype_code, read_back};
use crate::trace::TensorView;

/// The shader and what it binds.
pub const SHADER: Shader = Shader {
    name: "analysis/pool",
    wgsl: concat!(
        include_str!("../../../shaders/shared/decode.wgsl"),
        include_str!("../../../shaders/shared/dispatch.wgsl"),
        include_str!("../../../shaders/analysis/pool.wgsl"),
    ),
    bindings: &[Binding::Uniform(size_of::<Parameters>() as u64), Binding::Read, Binding::ReadWrite],
    entry_points: &["pool"],
};

/// Threads of a workgroup.
const THREADS: u64 = 64;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Parameters {
    heads: u32,
    queries: u32,
    keys: u32,
    rows: u32,
    columns: u32,
    mean: u32,
    causal: u32,
    dtype: u32,
}

/// `[heads, rows, columns]` of a layer's `[heads, queries, keys]`; `key` is that of the layer's first page.
///
/// # Errors
/// If a head is too large for a page, or the device is lost.
pub fn pool(
    gpu: &Gpu,
    kernel: &Kernel,
    residency: &mut Residency,
    key: PageKey,
    layer: &TensorView<'_>,
    tiling: &Tiling,
) -> Result<Vec<f32>, GpuError> {
    let mut tiles = Vec::new();
    if tiling.cells() == 0 {
        return Ok(tiles);
    }
    for run in residency.runs(layer)? {
        let page = residency.page(PageKey { first_head: run.start, ..key }, layer, &run);
        let parameters = Parameters {
            heads: run.len() as u32,
            queries: layer.shape[1] as u32,
            keys: layer.shape[2] as u32,
            rows: tiling.rows as u32,
            columns: tiling.columns as u32,
            mean: u32::from(tiling.pooling == Pooling::Mean),
            causal: u32::from(tiling.causal),
            dtype: dtype_code(layer.dtype),
        };
        let cells = (run.len() * tiling.cells()) as u64;
        let out = gpu.zeros(cells * size_of::<f32>() as u64);
        let bindings = kernel.bind(gpu, &[&gpu.uniform(&parameters), &page, &out]);
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        kernel.dispatch(gpu, &mut encoder, 0, &bindings, cells.div_ceil(THREADS));
        gpu.queue.submit([encoder.finish()]);
        tiles.extend(read_back::<f32>(gpu, &out)?);
    }
    Ok(tiles)
}
