//! Runs shaders/render/links_select.wgsl.

use wgpu::{BufferUsages, ShaderStages};

use super::curve::{key, strip_vertices};
use crate::gpu::fold;
use crate::render::Keep;
use crate::render::device::{Shader, bind_group, bind_group_layout, buffer_with, compute_pipelines, storage, uniform};

/// Links that a workgroup looks at; that of the shader.
const BLOCK: u32 = 256;
/// Words of the shader's `Progress`.
const PROGRESS_WORDS: usize = 256 + 4;

/// The uniform.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    /// How many are kept, if the strongest are.
    strongest: u32,
    /// The least key that is kept, otherwise.
    least_key: u32,
    is_strongest: u32,
}

/// The pipelines, in the order in which they run.
pub(in crate::render) struct SelectKernel {
    layout: wgpu::BindGroupLayout,
    pipelines: [wgpu::ComputePipeline; 6],
}

impl SelectKernel {
    pub(in crate::render) fn shader() -> Shader {
        let written = |binding| storage(binding, ShaderStages::COMPUTE, false);
        Shader {
            name: "links_select",
            wgsl: concat!(
                include_str!("../../../shaders/shared/dispatch.wgsl"),
                include_str!("../../../shaders/render/links_select.wgsl")
            )
            .to_owned(),
            bindings: vec![
                uniform::<Params>(0, ShaderStages::COMPUTE),
                storage(1, ShaderStages::COMPUTE, true),
                written(2),
                written(3),
                written(4),
                written(5),
            ],
        }
    }

    pub(in crate::render) fn new(device: &wgpu::Device) -> Self {
        let shader = Self::shader();
        let layout = bind_group_layout(device, &shader);
        let entry_points = ["start", "count_digits", "pick_digit", "tally", "scan", "compact"];
        let pipelines = compute_pipelines(device, &shader, &layout, entry_points);
        Self { layout, pipelines }
    }

    /// Buffers with the indices of the kept links, ascending, and with the arguments of their draw, of which the second
    /// is their number. They are filled when the encoder's commands have run.
    pub(in crate::render) fn select(
        &self,
        device: &wgpu::Device,
        encoder: &mut wgpu::CommandEncoder,
        links: &wgpu::Buffer,
        count: u32,
        keep: Keep,
    ) -> (wgpu::Buffer, wgpu::Buffer) {
        let (strongest, least_key) = match keep {
            Keep::Strongest(strongest) => (strongest, 0),
            // Nothing is at least NaN.
            Keep::AtLeast(least) if least.is_nan() => (0, u32::MAX),
            Keep::AtLeast(least) => (0, key(least)),
        };
        let is_strongest = u32::from(matches!(keep, Keep::Strongest(_)));
        let params = Params { count, strongest, least_key, is_strongest };
        let blocks = count.div_ceil(BLOCK);

        let zeros = |words: usize, usages| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: 4 * words.max(1) as u64,
                usage: BufferUsages::STORAGE | usages,
                mapped_at_creation: false,
            })
        };
        let params = buffer_with(device, BufferUsages::UNIFORM, bytemuck::bytes_of(&params));
        let progress = zeros(PROGRESS_WORDS, BufferUsages::empty());
        let tallies = zeros(2 * blocks as usize, BufferUsages::empty());
        let kept = zeros(count as usize, BufferUsages::COPY_SRC);
        let arguments = buffer_with(
            device,
            BufferUsages::STORAGE | BufferUsages::INDIRECT | BufferUsages::COPY_SRC,
            bytemuck::cast_slice(&[strip_vertices(), 0, 0, 0]),
        );
        let buffers = [&params, links, &progress, &tallies, &kept, &arguments];
        let bindings = bind_group(device, &self.layout, &buffers.map(|buffer| buffer.as_entire_binding()));

        let [x, y, z] = fold(u64::from(blocks), device.limits().max_compute_workgroups_per_dimension);
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_bind_group(0, &bindings, &[]);
        let [start, count_digits, pick_digit, tally, scan, compact] = &self.pipelines;
        pass.set_pipeline(start);
        pass.dispatch_workgroups(1, 1, 1);
        if is_strongest == 1 {
            for _digit in 0..4 {
                pass.set_pipeline(count_digits);
                pass.dispatch_workgroups(x, y, z);
                pass.set_pipeline(pick_digit);
                pass.dispatch_workgroups(1, 1, 1);
            }
        }
        pass.set_pipeline(tally);
        pass.dispatch_workgroups(x, y, z);
        pass.set_pipeline(scan);
        pass.dispatch_workgroups(1, 1, 1);
        pass.set_pipeline(compact);
        pass.dispatch_workgroups(x, y, z);
        drop(pass);
        (kept, arguments)
    }
}
