//! Runs shaders/render/heatmap.wgsl.

use wgpu::{BufferUsages, ShaderStages};

use super::coloring::Coloring;
use crate::gpu::fold;
use crate::render::device::{Shader, bind_group, bind_group_layout, buffer_with, compute_pipelines, storage, uniform};

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
    padding: u32,
}

/// The pipeline.
pub(in crate::render) struct ColorKernel {
    layout: wgpu::BindGroupLayout,
    pipeline: wgpu::ComputePipeline,
}

impl ColorKernel {
    pub(in crate::render) fn shader() -> Shader {
        let pixels = wgpu::BindGroupLayoutEntry {
            binding: 4,
            visibility: ShaderStages::COMPUTE,
            ty: wgpu::BindingType::StorageTexture {
                access: wgpu::StorageTextureAccess::WriteOnly,
                format: wgpu::TextureFormat::Rgba8Unorm,
                view_dimension: wgpu::TextureViewDimension::D2,
            },
            count: None,
        };
        let read = |binding| storage(binding, ShaderStages::COMPUTE, true);
        Shader {
            name: "heatmap",
            wgsl: concat!(
                include_str!("../../../shaders/shared/decode.wgsl"),
                include_str!("../../../shaders/shared/dispatch.wgsl"),
                include_str!("../../../shaders/render/heatmap.wgsl")
            )
            .to_owned(),
            bindings: vec![uniform::<Params>(0, ShaderStages::COMPUTE), read(1), read(2), read(3), pixels],
        }
    }

    pub(in crate::render) fn new(device: &wgpu::Device) -> Self {
        let shader = Self::shader();
        let layout = bind_group_layout(device, &shader);
        let [pipeline] = compute_pipelines(device, &shader, &layout, ["color"]);
        Self { layout, pipeline }
    }

    /// Colours into the texture, which has a pixel for each pair of spans. `values` holds elements of the dtype from
    /// `first_element` on.
    #[expect(clippy::too_many_arguments, reason = "the parameters of the kernel")]
    pub(in crate::render) fn color(
        &self,
        device: &wgpu::Device,
        encoder: &mut wgpu::CommandEncoder,
        coloring: &Coloring,
        values: &wgpu::Buffer,
        first_element: u32,
        dtype: u32,
        pixels: &wgpu::Texture,
    ) {
        let size = coloring.size();
        let params = Params {
            range: coloring.range,
            opacity: coloring.opacity,
            fade: u32::from(coloring.fade),
            size,
            rows: coloring.rows,
            columns: coloring.columns,
            first_element,
            dtype,
            missing: coloring.missing.0,
            padding: 0,
        };
        let spans = [coloring.column_spans.as_slice(), &coloring.row_spans].concat();
        let params = buffer_with(device, BufferUsages::UNIFORM, bytemuck::bytes_of(&params));
        let spans = buffer_with(device, BufferUsages::STORAGE, bytemuck::cast_slice(&spans));
        let colors = buffer_with(device, BufferUsages::STORAGE, bytemuck::cast_slice(&coloring.lut));
        let view = pixels.create_view(&wgpu::TextureViewDescriptor::default());
        let resources = [
            params.as_entire_binding(),
            values.as_entire_binding(),
            spans.as_entire_binding(),
            colors.as_entire_binding(),
            wgpu::BindingResource::TextureView(&view),
        ];
        let bindings = bind_group(device, &self.layout, &resources);
        let [x, y, z] = fold(
            (u64::from(size[0]) * u64::from(size[1])).div_ceil(64),
            device.limits().max_compute_workgroups_per_dimension,
        );
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &bindings, &[]);
        pass.dispatch_workgroups(x, y, z);
    }
}
