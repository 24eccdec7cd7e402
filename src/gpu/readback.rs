//! From the device to the host.

use super::{Gpu, GpuError};

/// Waits for all work and copies a buffer's content, which must have been made with `COPY_SRC`.
///
/// # Errors
/// If the device is lost or refuses.
pub fn read_back<T: bytemuck::Pod>(gpu: &Gpu, buffer: &wgpu::Buffer) -> Result<Vec<T>, GpuError> {
    let staging = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("readback"),
        size: buffer.size(),
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    });
    let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, buffer.size());
    gpu.queue.submit([encoder.finish()]);
    let (sender, receiver) = std::sync::mpsc::channel();
    staging.map_async(wgpu::MapMode::Read, .., move |outcome| {
        // The receiver waits below; if it is gone, so is the wish for the answer.
        let _ = sender.send(outcome);
    });
    gpu.device.poll(wgpu::PollType::wait_indefinitely()).map_err(|error| GpuError::Refused(error.to_string()))?;
    // Another thread's poll may have taken our callback along and be about to call it, so this waits.
    match receiver.recv() {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(GpuError::Refused(error.to_string())),
        Err(_) => return Err(GpuError::Lost),
    }
    let mapped = staging.get_mapped_range(..).map_err(|error| GpuError::Refused(error.to_string()))?;
    Ok(bytemuck::pod_collect_to_vec(&mapped))
}
