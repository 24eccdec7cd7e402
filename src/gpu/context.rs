//! Instance, adapter, device and queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Which adapter to use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AdapterChoice {
    /// The first discrete GPU; else integrated, virtual, whatever else, software.
    #[default]
    Auto,
    /// The first in that order whose name has this in it, in upper or lower case.
    Named(String),
}

/// An open device. Shared by all that compute and draw.
#[derive(Debug)]
pub struct Gpu {
    /// Makes surfaces.
    pub instance: wgpu::Instance,
    /// Where the device came from.
    pub adapter: wgpu::Adapter,
    /// Makes buffers and pipelines.
    pub device: wgpu::Device,
    /// Takes work.
    pub queue: wgpu::Queue,
    /// The adapter's name and kind.
    pub info: wgpu::AdapterInfo,
    lost: Arc<AtomicBool>,
}

/// Why the device did not do it.
#[derive(Debug, thiserror::Error)]
pub enum GpuError {
    /// No adapter at all.
    #[error(
        "no GPU adapter found, and no software adapter either; on Debian or Ubuntu, \
         `sudo apt install mesa-vulkan-drivers libvulkan1` installs both kinds"
    )]
    NoAdapter,
    /// Adapters, but not the wanted one.
    #[error("no adapter has `{wanted}` in its name; there are: {}", present.join(", "))]
    NoSuchAdapter {
        /// As asked for.
        wanted: String,
        /// What there is.
        present: Vec<String>,
    },
    /// Adapters, but none that fits the window.
    #[error("no adapter can draw in this window; there are: {}", present.join(", "))]
    NoFittingAdapter {
        /// What there is.
        present: Vec<String>,
    },
    /// The adapter gives no device.
    #[error("adapter `{adapter}` gives no device: {reason}")]
    NoDevice {
        /// Its name.
        adapter: String,
        /// In wgpu's words.
        reason: wgpu::RequestDeviceError,
    },
    /// A head is the smallest part that goes up.
    #[error("one head has {head_bytes} bytes, {what} is {limit_bytes}")]
    HeadTooLarge {
        /// Size of one head.
        head_bytes: u64,
        /// Which limit: the adapter's, or the budget.
        what: &'static str,
        /// Its value.
        limit_bytes: u64,
    },
    /// Out of memory, or a mistake of ours.
    #[error("the device refused: {0}")]
    Refused(String),
    /// The device went away.
    #[error("the device was lost")]
    Lost,
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

impl Gpu {
    /// Opens a device without a window.
    ///
    /// # Errors
    /// If there is no such adapter, or it gives no device.
    pub fn open(choice: &AdapterChoice) -> Result<Self, GpuError> {
        let instance = new_instance();
        let adapter = choose_adapter(&instance, choice, |_| true)?;
        Self::from_adapter(instance, adapter)
    }

    /// The same; `None` if that adapter is a program, of which no device is opened then.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_hardware(choice: &AdapterChoice) -> Result<Option<Self>, GpuError> {
        let instance = new_instance();
        let adapter = choose_adapter(&instance, choice, |_| true)?;
        let is_hardware = adapter.get_info().device_type != wgpu::DeviceType::Cpu;
        is_hardware.then(|| Self::from_adapter(instance, adapter)).transpose()
    }

    /// Opens a device of an adapter that was chosen already, with all that the adapter allows.
    ///
    /// # Errors
    /// If it gives no device.
    pub fn from_adapter(instance: wgpu::Instance, adapter: wgpu::Adapter) -> Result<Self, GpuError> {
        let info = adapter.get_info();
        let descriptor =
            wgpu::DeviceDescriptor { label: Some("vlscope"), required_limits: adapter.limits(), ..Default::default() };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|reason| GpuError::NoDevice { adapter: info.name.clone(), reason })?;
        // wgpu's own handler panics.
        device.on_uncaptured_error(Arc::new(|error| eprintln!("vlscope: error from the GPU: {error}")));
        let lost = Arc::new(AtomicBool::new(false));
        let flag = lost.clone();
        device.set_device_lost_callback(move |reason, message| {
            flag.store(true, Ordering::Relaxed);
            if reason != wgpu::DeviceLostReason::Destroyed {
                eprintln!("vlscope: the GPU was lost: {message}");
            }
        });
        Ok(Self { instance, adapter, device, queue, info, lost })
    }

    /// Whether the adapter is a program, such as llvmpipe.
    pub fn is_software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    /// Whether the device went away; a new one must be opened.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Waits until the device has done all that was submitted.
    ///
    /// # Errors
    /// If it is lost.
    pub fn wait(&self) -> Result<(), GpuError> {
        self.device.poll(wgpu::PollType::wait_indefinitely()).map_err(|error| GpuError::Refused(error.to_string()))?;
        Ok(())
    }

    /// Does work on this thread and turns what the device complains of meanwhile into an error.
    ///
    /// # Errors
    /// Those of the work, or the device's.
    pub fn guarded<T>(&self, work: impl FnOnce() -> Result<T, GpuError>) -> Result<T, GpuError> {
        use wgpu::ErrorFilter::{Internal, OutOfMemory, Validation};
        let scopes = [OutOfMemory, Validation, Internal].map(|filter| self.device.push_error_scope(filter));
        let result = work();
        let complaints: Vec<wgpu::Error> =
            scopes.into_iter().rev().filter_map(|scope| pollster::block_on(scope.pop())).collect();
        match complaints.first() {
            _ if self.is_lost() => Err(GpuError::Lost),
            Some(complaint) => Err(GpuError::Refused(complaint.to_string())),
            None => result,
        }
    }
}
