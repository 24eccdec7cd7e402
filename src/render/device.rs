//! What the passes have in common: strips drawn by one shader, buffers that grow, from logical pixels to the target's.

use glam::{UVec2, Vec2};
use wgpu::ShaderStages;

use super::{DrawError, Rect, TARGET_FORMAT, Transform};
use crate::gpu::{Gpu, GpuError, Module, Shader, bind_group};

/// What a drawing is drawn with.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    pub gpu: &'a Gpu,
    /// Pixels per logical pixel.
    pub scale: f32,
    /// Width and height in pixels.
    pub target: [u32; 2],
}

/// Draws triangle strips of a shader's `vs_main` and `fs_main` into a [`RenderTarget`](super::RenderTarget).
pub(super) struct Strips {
    bindings: wgpu::BindGroupLayout,
    pub pipeline: wgpu::RenderPipeline,
}

impl Strips {
    pub(super) fn new(gpu: &Gpu, shader: &Shader, instances: Option<wgpu::VertexBufferLayout<'_>>) -> Self {
        let Module { module, bindings, pipeline } = Module::new(&gpu.device, shader, ShaderStages::VERTEX_FRAGMENT);
        let buffers: &[_] = if instances.is_some() { &[instances] } else { &[] };
        let pipeline = gpu.device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some(shader.name),
            layout: Some(&pipeline),
            vertex: wgpu::VertexState {
                module: &module,
                entry_point: Some("vs_main"),
                buffers,
                compilation_options: wgpu::PipelineCompilationOptions::default(),
            },
            primitive: wgpu::PrimitiveState {
                topology: wgpu::PrimitiveTopology::TriangleStrip,
                ..wgpu::PrimitiveState::default()
            },
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &module,
                entry_point: Some("fs_main"),
                targets: &[Some(wgpu::ColorTargetState {
                    format: TARGET_FORMAT,
                    blend: Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                    write_mask: wgpu::ColorWrites::ALL,
                })],
                compilation_options: wgpu::PipelineCompilationOptions::default(),
            }),
            multiview_mask: None,
            cache: None,
        });
        Self { bindings, pipeline }
    }

    pub(super) fn bind(&self, gpu: &Gpu, resources: &[wgpu::BindingResource<'_>]) -> wgpu::BindGroup {
        bind_group(&gpu.device, &self.bindings, resources)
    }
}

/// A vertex buffer that is written anew for each drawing and grows where it has to.
pub(super) struct Growing {
    buffer: wgpu::Buffer,
}

impl Growing {
    pub(super) fn new(gpu: &Gpu) -> Self {
        Self { buffer: Self::buffer(gpu, 4096) }
    }

    fn buffer(gpu: &Gpu, size: u64) -> wgpu::Buffer {
        gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("instances"),
            size,
            usage: wgpu::BufferUsages::VERTEX | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    }

    pub(super) fn write<T: bytemuck::NoUninit>(&mut self, frame: &Frame<'_>, instances: &[T]) -> Result<(), DrawError> {
        let bytes: &[u8] = bytemuck::cast_slice(instances);
        let needed = bytes.len() as u64;
        if needed > self.buffer.size() {
            let limit_bytes = frame.gpu.device.limits().max_buffer_size;
            if needed > limit_bytes {
                return Err(GpuError::BufferTooLarge { what: "the marks", bytes: needed, limit_bytes }.into());
            }
            self.buffer = Self::buffer(frame.gpu, needed.next_power_of_two().min(limit_bytes));
        }
        frame.gpu.queue.write_buffer(&self.buffer, 0, bytes);
        Ok(())
    }

    pub(super) fn slice(&self) -> wgpu::BufferSlice<'_> {
        self.buffer.slice(..)
    }
}

/// A rectangle in whole pixels of the target: `[x, y, width, height]`.
pub(super) type Scissor = [u32; 4];

/// The rectangle in pixels, inside the target; `None` if nothing of it is.
pub(super) fn scissor(frame: &Frame<'_>, clip: &Rect) -> Option<Scissor> {
    let limit = UVec2::from(frame.target).as_vec2();
    let min = (clip.min * frame.scale).round().clamp(Vec2::ZERO, limit);
    let max = (clip.max * frame.scale).round().clamp(Vec2::ZERO, limit);
    let size = max - min;
    (size.x >= 1.0 && size.y >= 1.0).then_some([min.x as u32, min.y as u32, size.x as u32, size.y as u32])
}

/// From a mark's own coordinates to pixels, as the points' and the links' shaders read it.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(super) struct ViewUniform {
    /// Of the target, in pixels.
    pub target: [f32; 2],
    /// Pixels per unit.
    pub scale: [f32; 2],
    /// Of the origin, in pixels.
    pub offset: [f32; 2],
    /// Pixels per logical pixel.
    pub pixel_scale: f32,
    pub padding: f32,
}

impl ViewUniform {
    pub(super) fn new(frame: &Frame<'_>, view: &Transform) -> Self {
        Self {
            target: frame.target.map(|side| side as f32),
            scale: (view.scale * frame.scale).into(),
            offset: (view.offset * frame.scale).into(),
            pixel_scale: frame.scale,
            padding: 0.0,
        }
    }
}
