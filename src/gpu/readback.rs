//! From the device to the host.

use std::sync::mpsc::{Receiver, channel};

use super::device::Gpu;
use super::error::GpuError;
use super::scope::wait_for;

/// A copy of a buffer that is on its way to the host.
pub(super) struct Pending {
    staging: wgpu::Buffer,
    outcome: Receiver<Result<(), wgpu::BufferAsyncError>>,
}

impl Pending {
    /// Submits the commands, and then a copy of what is in the buffer, which must have been made with `COPY_SRC`.
    pub fn submit(
        gpu: &Gpu,
        mut encoder: wgpu::CommandEncoder,
        buffer: &wgpu::Buffer,
    ) -> (Self, wgpu::SubmissionIndex) {
        let staging = gpu.staging(buffer.size());
        encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, buffer.size());
        Self::submit_copied(gpu, encoder, staging)
    }

    /// The same where the commands make the copy.
    pub fn submit_copied(
        gpu: &Gpu,
        encoder: wgpu::CommandEncoder,
        staging: wgpu::Buffer,
    ) -> (Self, wgpu::SubmissionIndex) {
        let submission = gpu.queue.submit([encoder.finish()]);
        let (sender, outcome) = channel();
        staging.map_async(wgpu::MapMode::Read, .., move |outcome| {
            // The receiver waits below; if it is gone, so is the wish for the answer.
            let _ = sender.send(outcome);
        });
        (Self { staging, outcome }, submission)
    }

    /// The bytes, once the device has got so far.
    pub fn take<T: bytemuck::Pod>(self, gpu: &Gpu, submission: wgpu::SubmissionIndex) -> Result<Vec<T>, GpuError> {
        wait_for(&gpu.device, submission)?;
        // Another thread's poll may have taken our callback along and be about to call it, so this waits.
        match self.outcome.recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(GpuError::Refused(error.to_string())),
            Err(_) => return Err(GpuError::Lost),
        }
        let mapped = self.staging.get_mapped_range(..).map_err(|error| GpuError::Refused(error.to_string()))?;
        Ok(bytemuck::pod_collect_to_vec(&mapped))
    }
}

impl Gpu {
    /// A buffer that is read by the host once commands have copied something into it.
    pub(crate) fn staging(&self, bytes: u64) -> wgpu::Buffer {
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("readback"),
            size: bytes,
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        })
    }

    /// Submits commands that copy something into a [`Self::staging`] buffer, and waits for it.
    pub(crate) fn read_staging<T: bytemuck::Pod>(
        &self,
        encoder: wgpu::CommandEncoder,
        staging: wgpu::Buffer,
    ) -> Result<Vec<T>, GpuError> {
        let (pending, submission) = Pending::submit_copied(self, encoder, staging);
        pending.take(self, submission)
    }
}

/// Waits for all work and copies a buffer's content, which must have been made with `COPY_SRC`.
///
/// # Errors
/// If the device is lost or refuses.
pub fn read_back<T: bytemuck::Pod>(gpu: &Gpu, buffer: &wgpu::Buffer) -> Result<Vec<T>, GpuError> {
    let (pending, submission) = Pending::submit(gpu, gpu.encoder(), buffer);
    pending.take(gpu, submission)
}
