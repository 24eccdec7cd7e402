//! What can go wrong on a device.

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
    /// A buffer that is not a page.
    #[error("{what} of {bytes} bytes is too large: the GPU adapter's limit is {limit_bytes} bytes")]
    BufferTooLarge {
        /// What it holds.
        what: &'static str,
        /// Its size.
        bytes: u64,
        /// What the device allows.
        limit_bytes: u64,
    },
    /// There is not enough memory.
    #[error("the GPU has no memory left for what was asked: {0}")]
    OutOfMemory(String),
    /// A mistake of ours.
    #[error("the device refused: {0}")]
    Refused(String),
    /// The device went away.
    #[error("the device was lost")]
    Lost,
}

impl From<wgpu::Error> for GpuError {
    fn from(error: wgpu::Error) -> Self {
        match error {
            wgpu::Error::OutOfMemory { .. } => Self::OutOfMemory(error.to_string()),
            _ => Self::Refused(error.to_string()),
        }
    }
}

impl From<wgpu::PollError> for GpuError {
    fn from(error: wgpu::PollError) -> Self {
        Self::Refused(error.to_string())
    }
}
