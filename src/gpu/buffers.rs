//! Buffers and bind groups. A buffer's content is written by the queue: one that is mapped as it is made panics where the
//! device is lost or out of memory.

use wgpu::BufferUsages;

use super::device::Gpu;
use super::error::GpuError;
use super::pages::{padded, storage_limit_bytes};

impl Gpu {
    /// A buffer with that content, at least 4 bytes, since bindings may not be empty.
    pub fn buffer(&self, usage: BufferUsages, content: &[u8]) -> wgpu::Buffer {
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: (content.len() as u64).next_multiple_of(4).max(4),
            usage: usage | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let (whole, rest) = content.split_at(content.len() & !3);
        if !whole.is_empty() {
            self.queue.write_buffer(&buffer, 0, whole);
        }
        if !rest.is_empty() {
            self.queue.write_buffer(&buffer, whole.len() as u64, &padded(rest));
        }
        buffer
    }

    /// A uniform buffer with that content.
    pub fn uniform<T: bytemuck::NoUninit>(&self, content: &T) -> wgpu::Buffer {
        self.buffer(BufferUsages::UNIFORM, bytemuck::bytes_of(content))
    }

    /// A storage buffer with that content, called `what` if it is refused.
    ///
    /// # Errors
    /// If the adapter allows no buffer so large.
    pub fn storage<T: bytemuck::NoUninit>(&self, what: &'static str, content: &[T]) -> Result<wgpu::Buffer, GpuError> {
        let bytes: &[u8] = bytemuck::cast_slice(content);
        self.check_storage(what, bytes.len() as u64)?;
        Ok(self.buffer(BufferUsages::STORAGE | BufferUsages::COPY_SRC, bytes))
    }

    /// A storage buffer of zeros, called `what` if it is refused.
    ///
    /// # Errors
    /// If the adapter allows no buffer so large.
    pub fn zeros(&self, what: &'static str, bytes: u64) -> Result<wgpu::Buffer, GpuError> {
        self.check_storage(what, bytes)?;
        Ok(self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(what),
            size: bytes.next_multiple_of(4).max(4),
            usage: BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        }))
    }

    /// The largest storage buffer that a shader can be given.
    pub fn storage_limit_bytes(&self) -> u64 {
        storage_limit_bytes(&self.device)
    }

    fn check_storage(&self, what: &'static str, bytes: u64) -> Result<(), GpuError> {
        let limit_bytes = self.storage_limit_bytes();
        if bytes > limit_bytes { Err(GpuError::BufferTooLarge { what, bytes, limit_bytes }) } else { Ok(()) }
    }

    /// A place for commands.
    pub(crate) fn encoder(&self) -> wgpu::CommandEncoder {
        self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }
}
