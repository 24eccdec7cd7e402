//! Runs shaders/render/heatmap.wgsl.

use super::coloring::Coloring;
use crate::gpu::{Binding, Gpu, GpuError, Shader, dtype_code};
use crate::trace::Dtype;

/// The shader and what it binds.
pub(in crate::render) const SHADER: Shader = Shader {
    name: "render/heatmap",
    wgsl: concat!(
        include_str!("../../../shaders/shared/decode.wgsl"),
        include_str!("../../../shaders/shared/dispatch.wgsl"),
        include_str!("../../../shaders/render/heatmap.wgsl")
    ),
    bindings: &[
        Binding::Uniform(size_of::<Params>() as u64),
        Binding::Read,
        Binding::Read,
        Binding::Read,
        Binding::Pixels,
    ],
    entry_points: &["color"],
};

/// Threads of a workgroup.
const THREADS: u64 = 64;

/// The uniform.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    range: [f32; 2],
    opacity: f32,
    fade: u32,
    size: [u32; 2],
    rows: u32,
    columns: u32,
    first_element: u32,
    dtype: u32,
    missing: [u8; 4],
    diverging: u32,
}

/// `[rows, columns]` on the device: elements of a dtype from one on.
#[derive(Clone, Copy)]
pub(super) struct Cells<'a> {
    pub buffer: &'a wgpu::Buffer,
    pub first_element: u32,
    pub dtype: Dtype,
}

/// Colours into the texture, which has a pixel for each pair of spans.
pub(super) fn color(
    gpu: &Gpu,
    encoder: &mut wgpu::CommandEncoder,
    coloring: &Coloring,
    cells: Cells<'_>,
    pixels: &wgpu::Texture,
) -> Result<(), GpuError> {
    let size = coloring.size();
    let params = gpu.uniform(&Params {
        range: coloring.range,
        opacity: coloring.opacity,
        fade: u32::from(coloring.fade),
        size,
        rows: coloring.rows,
        columns: coloring.columns,
        first_element: cells.first_element,
        dtype: dtype_code(cells.dtype),
        missing: coloring.missing.0,
        diverging: u32::from(coloring.diverging),
    });
    let kernel = gpu.kernel(&SHADER)?;
    let spans = gpu.storage("spans", &[coloring.column_spans.as_slice(), &coloring.row_spans].concat())?;
    let colors = gpu.storage("colours", &coloring.lut)?;
    let view = pixels.create_view(&wgpu::TextureViewDescriptor::default());
    let bindings = kernel.bind_resources(&[
        params.as_entire_binding(),
        cells.buffer.as_entire_binding(),
        spans.as_entire_binding(),
        colors.as_entire_binding(),
        wgpu::BindingResource::TextureView(&view),
    ]);
    kernel.dispatch(encoder, 0, &bindings, (u64::from(size[0]) * u64::from(size[1])).div_ceil(THREADS));
    Ok(())
}
