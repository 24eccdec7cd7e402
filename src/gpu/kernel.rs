//! A compute shader, compiled for a device.

use super::dispatch::fold;
use super::shader::{Module, Shader, bind_group};

/// The pipelines of a compute shader, one for each entry point.
#[derive(Debug)]
pub struct Kernel {
    device: wgpu::Device,
    bindings: wgpu::BindGroupLayout,
    pipelines: Vec<wgpu::ComputePipeline>,
}

impl Kernel {
    pub(super) fn new(device: &wgpu::Device, shader: &Shader) -> Self {
        let made = Module::new(device, shader, wgpu::ShaderStages::COMPUTE);
        let pipeline = |entry_point: &&str| {
            device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(entry_point),
                layout: Some(&made.pipeline),
                module: &made.module,
                entry_point: Some(entry_point),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                cache: None,
            })
        };
        let pipelines = shader.entry_points.iter().map(pipeline).collect();
        Self { device: device.clone(), bindings: made.bindings, pipelines }
    }

    /// Binds the buffers in the order of [`Shader::bindings`].
    pub fn bind(&self, buffers: &[&wgpu::Buffer]) -> wgpu::BindGroup {
        let resources: Vec<_> = buffers.iter().map(|buffer| buffer.as_entire_binding()).collect();
        self.bind_resources(&resources)
    }

    /// The same where not all are buffers.
    pub fn bind_resources(&self, resources: &[wgpu::BindingResource<'_>]) -> wgpu::BindGroup {
        bind_group(&self.device, &self.bindings, resources)
    }

    /// Lets an entry point run; what came before is seen by it.
    pub fn dispatch(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        entry_point: usize,
        bindings: &wgpu::BindGroup,
        workgroups: u64,
    ) {
        let [x, y, z] = fold(workgroups, self.device.limits().max_compute_workgroups_per_dimension);
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(&self.pipelines[entry_point]);
        pass.set_bind_group(0, bindings, &[]);
        pass.dispatch_workgroups(x, y, z);
    }
}
