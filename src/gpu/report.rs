//! Which adapters there are: `vlscope devices`.

use serde::Serialize;

use super::adapter::{new_instance, sorted_adapters};

/// An adapter and what it allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// Threads in one workgroup.
    pub max_threads_per_workgroup: u32,
    /// Memory that the threads of a workgroup share.
    pub max_workgroup_bytes: u32,
    /// The fewest and the most threads of a subgroup.
    pub subgroup_sizes: [u32; 2],
    /// The largest texture in pixels, each side.
    pub max_texture_side: u32,
    /// Whether `--compute auto` lets the statistics run in shaders there, or else on the processor.
    pub runs_shaders: bool,
}

/// All adapters of all backends; the first is the one that is taken unless another is asked for.
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
            max_threads_per_workgroup: limits.max_compute_invocations_per_workgroup,
            max_workgroup_bytes: limits.max_compute_workgroup_storage_size,
            subgroup_sizes: [info.subgroup_min_size, info.subgroup_max_size],
            max_texture_side: limits.max_texture_dimension_2d,
            runs_shaders: info.device_type != wgpu::DeviceType::Cpu,
            name: info.name,
        }
    };
    sorted_adapters(&new_instance()).into_iter().map(report).collect()
}
