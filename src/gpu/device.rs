//! The open device, with what belongs to it: its pages, its kernels, and the device that comes after it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::adapter::{AdapterChoice, choose_adapter, new_instance};
use super::budget::default_budget_bytes;
use super::error::GpuError;
use super::kernel::Kernel;
use super::pages::{PageKey, Pages};
use super::scope::scoped;
use super::shader::Shader;
use crate::trace::TensorView;

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
    pages: Mutex<Pages>,
    /// By the shader's name. Compiled when they are first used.
    kernels: Mutex<HashMap<&'static str, Arc<Kernel>>>,
    /// The device that was opened once this one was lost.
    successor: Mutex<Option<Arc<Gpu>>>,
}

impl Gpu {
    /// Opens a device without a window.
    ///
    /// # Errors
    /// If there is no such adapter, or it gives no device.
    pub fn open(choice: &AdapterChoice) -> Result<Self, GpuError> {
        Self::open_limited(choice, |limits| limits)
    }

    /// The same with other limits than the adapter's, as a smaller adapter has them.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_limited(
        choice: &AdapterChoice,
        limits: impl FnOnce(wgpu::Limits) -> wgpu::Limits,
    ) -> Result<Self, GpuError> {
        let instance = new_instance();
        let adapter = choose_adapter(&instance, choice, |_| true)?;
        let limits = limits(adapter.limits());
        Self::request(instance, adapter, limits)
    }

    /// [`Self::open`]; `None` if that adapter is a program, of which no device is opened then.
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
        let limits = adapter.limits();
        Self::request(instance, adapter, limits)
    }

    fn request(instance: wgpu::Instance, adapter: wgpu::Adapter, limits: wgpu::Limits) -> Result<Self, GpuError> {
        let info = adapter.get_info();
        let descriptor =
            wgpu::DeviceDescriptor { label: Some("vlscope"), required_limits: limits, ..Default::default() };
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
        let pages = Mutex::new(Pages::new(&device, &queue, default_budget_bytes(&info, &device.limits())));
        let (kernels, successor) = (Mutex::default(), Mutex::default());
        Ok(Self { instance, adapter, device, queue, info, lost, pages, kernels, successor })
    }

    /// This device; or if it was lost, the one that takes its place, opened now unless somebody did already. What was made
    /// on the lost one has to be made anew.
    ///
    /// # Errors
    /// If the adapter gives no device any more.
    pub fn current(self: &Arc<Self>) -> Result<Arc<Self>, GpuError> {
        if !self.is_lost() {
            return Ok(Arc::clone(self));
        }
        let mut successor = unpoisoned(&self.successor);
        let opened = match &*successor {
            Some(opened) => opened.current()?,
            None => self.reopen()?,
        };
        *successor = Some(Arc::clone(&opened));
        Ok(opened)
    }

    fn reopen(&self) -> Result<Arc<Self>, GpuError> {
        let budget_bytes = self.page_budget();
        self.drop_pages();
        unpoisoned(&self.kernels).clear();
        let limits = self.device.limits();
        let by_the_same = Self::request(self.instance.clone(), self.adapter.clone(), limits.clone());
        let opened = by_the_same.or_else(|_| {
            // A driver that was reset may have to be looked for anew.
            let choice = AdapterChoice::Named(self.info.name.clone());
            Self::open_limited(&choice, |_| limits)
        })?;
        opened.set_page_budget(budget_bytes);
        Ok(Arc::new(opened))
    }

    /// Whether the adapter is a program, such as llvmpipe.
    pub fn is_software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    /// Whether the device went away; [`Self::current`] is another one then.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Waits until the device has done all that was submitted.
    ///
    /// # Errors
    /// If it is lost.
    pub fn wait(&self) -> Result<(), GpuError> {
        self.device.poll(wgpu::PollType::wait_indefinitely())?;
        Ok(())
    }

    /// Does work on this thread and turns what the device complains of meanwhile into an error.
    ///
    /// # Errors
    /// Those of the work, or the device's.
    pub fn guarded<T>(&self, work: impl FnOnce() -> Result<T, GpuError>) -> Result<T, GpuError> {
        let result = scoped(&self.device, work);
        // Only a poll tells of a loss, and a lost device complains of nothing else.
        let polled = self.device.poll(wgpu::PollType::Poll);
        if self.is_lost() {
            return Err(GpuError::Lost);
        }
        polled.map_err(GpuError::from).and(result)
    }

    /// The kernel of a shader, compiled when it is first asked for.
    ///
    /// # Errors
    /// If the device refuses the shader.
    pub fn kernel(&self, shader: &Shader) -> Result<Arc<Kernel>, GpuError> {
        let mut kernels = unpoisoned(&self.kernels);
        if let Some(kernel) = kernels.get(shader.name) {
            return Ok(Arc::clone(kernel));
        }
        let kernel = Arc::new(self.guarded(|| Ok(Kernel::new(&self.device, shader)))?);
        kernels.insert(shader.name, Arc::clone(&kernel));
        Ok(kernel)
    }

    /// Lets pages take that many bytes together, whoever uses them.
    pub fn set_page_budget(&self, bytes: u64) {
        unpoisoned(&self.pages).set_budget(bytes);
    }

    /// How many bytes pages may take. Unless somebody set it: half of the adapter's largest buffer within 1 to 8 GiB; 1 GiB on
    /// software adapters.
    pub fn page_budget(&self) -> u64 {
        unpoisoned(&self.pages).budget_bytes()
    }

    /// How many bytes of pages there are.
    pub fn resident_bytes(&self) -> u64 {
        unpoisoned(&self.pages).resident_bytes()
    }

    /// Drops all pages.
    pub fn drop_pages(&self) {
        unpoisoned(&self.pages).clear();
    }

    /// The runs of heads that are a layer's pages, of `[heads, queries, keys]`.
    ///
    /// # Errors
    /// If a single head is too large for a page.
    pub fn runs(&self, layer: &TensorView<'_>) -> Result<Vec<Range<usize>>, GpuError> {
        unpoisoned(&self.pages).runs(layer)
    }

    /// The page with a run of heads of a layer, uploaded if it is not resident.
    ///
    /// # Errors
    /// If the device has no memory for it, or refuses it; then it is not resident.
    pub fn page(&self, key: PageKey, layer: &TensorView<'_>, heads: &Range<usize>) -> Result<wgpu::Buffer, GpuError> {
        unpoisoned(&self.pages).page(key, layer, heads)
    }
}

/// A thread that panicked left what is behind the lock as sound as before: each of its changes is made in one step.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
