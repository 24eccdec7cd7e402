//! Instance and adapters.

use super::error::GpuError;

/// Which adapter to use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AdapterChoice {
    /// The first discrete GPU; else integrated, virtual, whatever else, software.
    #[default]
    Auto,
    /// The first in that order whose name has this in it, in upper or lower case.
    Named(String),
}

/// An instance with Vulkan, Metal and DirectX 12, or the backends that the environment variable `WGPU_BACKEND` names.
pub fn new_instance() -> wgpu::Instance {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    // OpenGL has no storage buffers where it is old, and writes to standard error where there is no display.
    descriptor.backends = wgpu::Backends::PRIMARY;
    wgpu::Instance::new(descriptor.with_env())
}

/// The first adapter of the preferred kind that has the wanted name and fits.
///
/// # Errors
/// If there is none; the message says what there is.
pub fn choose_adapter(
    instance: &wgpu::Instance,
    choice: &AdapterChoice,
    fits: impl Fn(&wgpu::Adapter) -> bool,
) -> Result<wgpu::Adapter, GpuError> {
    let mut adapters = sorted_adapters(instance);
    if adapters.is_empty() {
        return Err(GpuError::NoAdapter);
    }
    let present = adapters.iter().map(|adapter| adapter.get_info().name).collect();
    if let AdapterChoice::Named(wanted) = choice {
        let is_wanted =
            |adapter: &wgpu::Adapter| adapter.get_info().name.to_lowercase().contains(&wanted.to_lowercase());
        adapters.retain(is_wanted);
        if adapters.is_empty() {
            return Err(GpuError::NoSuchAdapter { wanted: wanted.clone(), present });
        }
    }
    adapters.into_iter().find(fits).ok_or(GpuError::NoFittingAdapter { present })
}

/// All adapters, the preferred kind first.
pub(super) fn sorted_adapters(instance: &wgpu::Instance) -> Vec<wgpu::Adapter> {
    let mut adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    adapters.sort_by_key(|adapter| preference(adapter.get_info().device_type));
    adapters
}

/// 0 is the best.
fn preference(kind: wgpu::DeviceType) -> u32 {
    match kind {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}
