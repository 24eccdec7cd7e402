//! Which adapters there are: `vlscope devices`.

use super::adapter::new_instance;

/// An adapter and what it allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterReport {
    /// As `--adapter` finds it.
    pub name: String,
    /// Discrete, integrated, virtual, software or other.
    pub kind: &'static str,
    /// Vulkan, Metal or DX12.
    pub backend: String,
    /// Name and version.
    pub driver: String,
    /// The largest page of a tensor.
    pub max_binding_bytes: u64,
    /// The largest buffer.
    pub max_buffer_bytes: u64,
    /// Workgroups in one dimension of a dispatch; more are folded into two.
    pub max_workgroups_per_dimension: u32,
    /// The largest texture in pixels, each side.
    pub max_texture_side: u32,
    /// Whether `--compute auto` lets the statistics run in shaders there, or else on the processor.
    pub runs_shaders: bool,
}

/// All adapters of all backends.
pub fn adapters() -> Vec<AdapterReport> {
    let report = |adapter: wgpu::Adapter| {
        let (info, limits) = (adapter.get_info(), adapter.limits());
        AdapterReport {
            kind: match info.device_type {
                wgpu::DeviceType::DiscreteGpu => "discrete",
                wgpu::DeviceType::IntegratedGpu => "integrated",
                wgpu::DeviceType::VirtualGpu => "virtual",
                wgpu::DeviceType::Cpu => "software",
                wgpu::DeviceType::Other => "other",
            },
            backend: info.backend.to_string(),
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
            max_binding_bytes: limits.max_storage_buffer_binding_size,
            max_buffer_bytes: limits.max_buffer_size,
            max_workgroups_per_dimension: limits.max_compute_workgroups_per_dimension,
            max_texture_side: limits.max_texture_dimension_2d,
            runs_shaders: info.device_type != wgpu::DeviceType::Cpu,
            name: info.name,
        }
    };
    pollster::block_on(new_instance().enumerate_adapters(wgpu::Backends::all())).into_iter().map(report).collect()
}
