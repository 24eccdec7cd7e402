//! A compute shader and what it binds. All entry points of a file share one bind group, number 0.

use wgpu::util::DeviceExt;

use super::{Gpu, fold};

/// A WGSL file, put together, and what it binds: plain data, so that a test can compare the two.
#[derive(Clone, Copy, Debug)]
pub struct Shader {
    /// The file's name in shaders/, without its ending.
    pub name: &'static str,
    /// The text.
    pub wgsl: &'static str,
    /// Binding `i` of group 0.
    pub bindings: &'static [Binding],
    /// Its entry points, in the order of [`Kernel::dispatch`]'s numbers.
    pub entry_points: &'static [&'static str],
}

/// What a compute shader binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// A uniform of that many bytes.
    Uniform(u64),
    /// A storage buffer that is read.
    Read,
    /// A storage buffer that is read and written.
    ReadWrite,
}

/// A shader, compiled for a device.
#[derive(Debug)]
pub struct Kernel {
    layout: wgpu::BindGroupLayout,
    pipelines: Vec<wgpu::ComputePipeline>,
}

impl Binding {
    /// As wgpu has it.
    pub fn ty(self) -> wgpu::BindingType {
        let ty = match self {
            Self::Uniform(_) => wgpu::BufferBindingType::Uniform,
            Self::Read => wgpu::BufferBindingType::Storage { read_only: true },
            Self::ReadWrite => wgpu::BufferBindingType::Storage { read_only: false },
        };
        wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None }
    }
}

impl Kernel {
    /// Compiles all entry points.
    pub fn new(gpu: &Gpu, shader: &Shader) -> Self {
        let device = &gpu.device;
        let label = Some(shader.name);
        let entry = |(binding, what): (usize, &Binding)| wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: what.ty(),
            count: None,
        };
        let entries: Vec<_> = shader.bindings.iter().enumerate().map(entry).collect();
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label,
            source: wgpu::ShaderSource::Wgsl(shader.wgsl.into()),
        });
        let pipeline = |entry_point: &&str| {
            device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label,
                layout: Some(&pipeline_layout),
                module: &module,
                entry_point: Some(entry_point),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                cache: None,
            })
        };
        let pipelines = shader.entry_points.iter().map(pipeline).collect();
        Self { layout, pipelines }
    }

    /// Binds the buffers in the order of [`Shader::bindings`].
    pub fn bind(&self, gpu: &Gpu, buffers: &[&wgpu::Buffer]) -> wgpu::BindGroup {
        let resources = buffers.iter().map(|buffer| buffer.as_entire_binding());
        let entries: Vec<_> =
            (0..).zip(resources).map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource }).collect();
        gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &self.layout,
            entries: &entries,
        })
    }

    /// Lets an entry point run; what came before is seen by it.
    pub fn dispatch(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        entry_point: usize,
        bindings: &wgpu::BindGroup,
        workgroups: u64,
    ) {
        let [x, y, z] = fold(workgroups, gpu.device.limits().max_compute_workgroups_per_dimension);
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(&self.pipelines[entry_point]);
        pass.set_bind_group(0, bindings, &[]);
        pass.dispatch_workgroups(x, y, z);
    }
}

impl Gpu {
    /// A uniform buffer with that content.
    pub fn uniform<T: bytemuck::Pod>(&self, content: &T) -> wgpu::Buffer {
        self.device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
            label: None,
            contents: bytemuck::bytes_of(content),
            usage: wgpu::BufferUsages::UNIFORM,
        })
    }

    /// A storage buffer with that content; at least one element is bound, so an empty slice takes 4 bytes.
    pub fn storage<T: bytemuck::Pod>(&self, content: &[T]) -> wgpu::Buffer {
        let bytes = bytemuck::cast_slice(content);
        self.device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
            label: None,
            contents: if bytes.is_empty() { &[0; 4] } else { bytes },
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
        })
    }

    /// A storage buffer of zeros.
    pub fn zeros(&self, bytes: u64) -> wgpu::Buffer {
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: bytes.max(4),
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    }
}
