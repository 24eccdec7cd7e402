//! What the passes have in common: pipelines from one shader, layouts as plain data, buffers that grow.

use std::num::NonZeroU64;

use glam::{UVec2, Vec2};
use wgpu::ShaderStages;
use wgpu::util::DeviceExt;

use super::{DrawError, Rect, TARGET_FORMAT, Transform};

/// What a drawing is drawn with.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    pub device: &'a wgpu::Device,
    pub queue: &'a wgpu::Queue,
    /// Pixels per logical pixel.
    pub scale: f32,
    /// Width and height in pixels.
    pub target: [u32; 2],
}

/// A shader's text and the bindings, all in group 0, that it is given; for the test that compares the two.
#[derive(Clone, Debug)]
pub struct Shader {
    /// Its file, without folder and ending.
    pub name: &'static str,
    /// Its whole text.
    pub wgsl: String,
    /// What it is given.
    pub bindings: Vec<wgpu::BindGroupLayoutEntry>,
}

/// A uniform of type `T`.
pub(super) fn uniform<T>(binding: u32, visibility: ShaderStages) -> wgpu::BindGroupLayoutEntry {
    let ty = wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Uniform,
        has_dynamic_offset: false,
        min_binding_size: NonZeroU64::new(size_of::<T>() as u64),
    };
    wgpu::BindGroupLayoutEntry { binding, visibility, ty, count: None }
}

/// A storage buffer.
pub(super) fn storage(binding: u32, visibility: ShaderStages, read_only: bool) -> wgpu::BindGroupLayoutEntry {
    let ty = wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Storage { read_only },
        has_dynamic_offset: false,
        min_binding_size: None,
    };
    wgpu::BindGroupLayoutEntry { binding, visibility, ty, count: None }
}

/// The layout of the shader's bindings.
pub(super) fn bind_group_layout(device: &wgpu::Device, shader: &Shader) -> wgpu::BindGroupLayout {
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some(shader.name),
        entries: &shader.bindings,
    })
}

/// Resources for bindings 0, 1, 2, …
pub(super) fn bind_group(
    device: &wgpu::Device,
    layout: &wgpu::BindGroupLayout,
    resources: &[wgpu::BindingResource<'_>],
) -> wgpu::BindGroup {
    let entries: Vec<_> = (0..)
        .zip(resources)
        .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource: resource.clone() })
        .collect();
    device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
}

fn module(device: &wgpu::Device, shader: &Shader) -> wgpu::ShaderModule {
    device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(shader.name),
        source: wgpu::ShaderSource::Wgsl(shader.wgsl.as_str().into()),
    })
}

fn pipeline_layout(device: &wgpu::Device, layout: &wgpu::BindGroupLayout) -> wgpu::PipelineLayout {
    device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    })
}

/// Draws triangle strips of the shader's `vs_main` and `fs_main` into a [`RenderTarget`](super::RenderTarget).
pub(super) fn strip_pipeline(
    device: &wgpu::Device,
    shader: &Shader,
    layout: &wgpu::BindGroupLayout,
    instances: Option<wgpu::VertexBufferLayout<'_>>,
) -> wgpu::RenderPipeline {
    let module = module(device, shader);
    let buffers: &[_] = if instances.is_some() { &[instances] } else { &[] };
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(shader.name),
        layout: Some(&pipeline_layout(device, layout)),
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
    })
}

/// One pipeline for each entry point of a compute shader.
pub(super) fn compute_pipelines<const N: usize>(
    device: &wgpu::Device,
    shader: &Shader,
    layout: &wgpu::BindGroupLayout,
    entry_points: [&str; N],
) -> [wgpu::ComputePipeline; N] {
    let module = module(device, shader);
    let layout = pipeline_layout(device, layout);
    entry_points.map(|entry_point| {
        device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(entry_point),
            layout: Some(&layout),
            module: &module,
            entry_point: Some(entry_point),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        })
    })
}

/// A buffer with contents; at least 4 bytes, since bindings may not be empty.
pub(super) fn buffer_with(device: &wgpu::Device, usage: wgpu::BufferUsages, contents: &[u8]) -> wgpu::Buffer {
    let contents = if contents.is_empty() { &[0; 4] } else { contents };
    device.create_buffer_init(&wgpu::util::BufferInitDescriptor { label: None, contents, usage })
}

/// Fails with a message about `what` when the device can't have so large a storage buffer.
pub(super) fn check_storage_size(device: &wgpu::Device, what: &'static str, bytes: usize) -> Result<(), DrawError> {
    let limits = device.limits();
    let limit = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
    let bytes = bytes as u64;
    if bytes > limit { Err(DrawError::TooLarge { what, bytes, limit }) } else { Ok(()) }
}

/// A vertex buffer that is written anew for each drawing and grows where it has to.
pub(super) struct Growing {
    buffer: wgpu::Buffer,
}

impl Growing {
    pub(super) fn new(device: &wgpu::Device) -> Self {
        Self { buffer: Self::buffer(device, 4096) }
    }

    fn buffer(device: &wgpu::Device, size: u64) -> wgpu::Buffer {
        device.create_buffer(&wgpu::BufferDescriptor {
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
            let limit = frame.device.limits().max_buffer_size;
            if needed > limit {
                return Err(DrawError::TooLarge { what: "the marks", bytes: needed, limit });
            }
            self.buffer = Self::buffer(frame.device, needed.next_power_of_two().min(limit));
        }
        frame.queue.write_buffer(&self.buffer, 0, bytes);
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

/// The uniform's text, put before a shader that reads it.
pub(super) const VIEW_WGSL: &str = include_str!("../../shaders/render/view.wgsl");
