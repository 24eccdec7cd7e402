//! A shader's text with what it binds: plain data, so that a test can compare the two.

use std::num::NonZeroU64;

/// A WGSL file, put together, and what it binds. All of it is in group 0.
#[derive(Clone, Copy, Debug)]
pub struct Shader {
    /// The file's name in shaders/, without its ending.
    pub name: &'static str,
    /// The text.
    pub wgsl: &'static str,
    /// Binding `i`.
    pub bindings: &'static [Binding],
    /// Its entry points: those of a compute shader in the order of [`Kernel::dispatch`](super::Kernel::dispatch)'s numbers, or
    /// `vs_main` and `fs_main`.
    pub entry_points: &'static [&'static str],
}

/// What a shader binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// A uniform of that many bytes.
    Uniform(u64),
    /// A storage buffer that is read.
    Read,
    /// A storage buffer that is read and written.
    ReadWrite,
    /// A texture that is sampled.
    Texture,
    /// What samples it.
    Sampler,
    /// A texture of RGBA bytes that is written.
    Pixels,
}

impl Binding {
    fn ty(self) -> wgpu::BindingType {
        let buffer = |ty, bytes| wgpu::BindingType::Buffer {
            ty,
            has_dynamic_offset: false,
            min_binding_size: NonZeroU64::new(bytes),
        };
        let view_dimension = wgpu::TextureViewDimension::D2;
        match self {
            Self::Uniform(bytes) => buffer(wgpu::BufferBindingType::Uniform, bytes),
            Self::Read => buffer(wgpu::BufferBindingType::Storage { read_only: true }, 0),
            Self::ReadWrite => buffer(wgpu::BufferBindingType::Storage { read_only: false }, 0),
            Self::Texture => wgpu::BindingType::Texture {
                sample_type: wgpu::TextureSampleType::Float { filterable: true },
                view_dimension,
                multisampled: false,
            },
            Self::Sampler => wgpu::BindingType::Sampler(wgpu::SamplerBindingType::Filtering),
            Self::Pixels => wgpu::BindingType::StorageTexture {
                access: wgpu::StorageTextureAccess::WriteOnly,
                format: wgpu::TextureFormat::Rgba8Unorm,
                view_dimension,
            },
        }
    }
}

/// A shader's module and the layouts that every pipeline of it has.
pub(crate) struct Module {
    pub module: wgpu::ShaderModule,
    pub bindings: wgpu::BindGroupLayout,
    pub pipeline: wgpu::PipelineLayout,
}

impl Module {
    pub fn new(device: &wgpu::Device, shader: &Shader, visibility: wgpu::ShaderStages) -> Self {
        let label = Some(shader.name);
        let entry = |(binding, what): (u32, &Binding)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility,
            ty: what.ty(),
            count: None,
        };
        let entries: Vec<_> = (0..).zip(shader.bindings).map(entry).collect();
        let bindings = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
        let pipeline = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&bindings)],
            immediate_size: 0,
        });
        let source = wgpu::ShaderSource::Wgsl(shader.wgsl.into());
        // Guards count each turn of a loop, and keep a compiler from unrolling it.
        let checks = wgpu::ShaderRuntimeChecks { force_loop_bounding: false, ..wgpu::ShaderRuntimeChecks::checked() };
        let described = wgpu::ShaderModuleDescriptor { label, source };
        // SAFETY: a shader is a constant of ours, and each of its loops counts up, or halves, to an end that does not move. Accesses
        // are checked as ever.
        let module = unsafe { device.create_shader_module_trusted(described, checks) };
        Self { module, bindings, pipeline }
    }
}

/// Resources for bindings 0, 1, 2, …
pub(crate) fn bind_group(
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
