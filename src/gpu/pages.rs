//! Attention tensors in GPU memory, in pages: one place and one budget for all that use a device.
//!
//! A page is one layer's tensor, or a run of its heads where the layer exceeds what a shader may bind or half the
//! budget (so that the next page goes up while the one before is at work). Bytes go up as they are on disk, padded to
//! 4; shaders decode. Pages stay until the budget is needed for others, least recently used first: the budget is ours,
//! since drivers do not refuse in time. Rejected: pages of equal size that cut heads apart, which would spare the
//! allocator but make every kernel gather its rows.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use super::error::GpuError;
use super::scope::{scoped, wait_for};
use crate::trace::TensorView;

/// Bytes that go up in one submission. wgpu copies them to memory of the driver first.
const CHUNK_BYTES: usize = 32 << 20;
/// Bytes that may be on their way.
const IN_FLIGHT_BYTES: usize = 4 * CHUNK_BYTES;
/// The most threads that copy, and the least that is worth one.
const COPYING_THREADS: usize = 8;
const LEAST_COPIED_BYTES: usize = 1 << 20;

/// Which part of which trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageKey {
    /// The trace's serial number.
    pub trace: u64,
    /// Index of the attention block.
    pub block: usize,
    /// Index of the layer.
    pub layer: usize,
    /// Which tensor of the layer.
    pub tensor: PageTensor,
    /// Index of the page's first head.
    pub first_head: usize,
}

/// A tensor of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PageTensor {
    /// `[heads, queries, keys]`.
    Weights,
    /// `[heads, queries, dim]`.
    Queries,
    /// `[key heads, keys, dim]`.
    Keys,
}

/// The pages of a device.
#[derive(Debug)]
pub(super) struct Pages {
    device: wgpu::Device,
    queue: wgpu::Queue,
    budget_bytes: u64,
    resident_bytes: u64,
    resident: HashMap<PageKey, Page>,
    /// Counts uses, to know the least recent.
    uses: u64,
    /// What is on its way, and how many bytes that is.
    in_flight: VecDeque<(wgpu::SubmissionIndex, usize)>,
    in_flight_bytes: usize,
}

#[derive(Debug)]
struct Page {
    buffer: wgpu::Buffer,
    last_use: u64,
}

/// The largest storage buffer that a shader can be given. Shaders count elements with 32 bits.
pub(super) fn storage_limit_bytes(device: &wgpu::Device) -> u64 {
    let limits = device.limits();
    limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min(u64::from(u32::MAX)) & !3
}

impl Pages {
    pub fn new(device: &wgpu::Device, queue: &wgpu::Queue, budget_bytes: u64) -> Self {
        Self {
            device: device.clone(),
            queue: queue.clone(),
            budget_bytes,
            resident_bytes: 0,
            resident: HashMap::new(),
            uses: 0,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
        }
    }

    pub fn budget_bytes(&self) -> u64 {
        self.budget_bytes
    }

    pub fn set_budget(&mut self, bytes: u64) {
        // Which heads a page holds follows from the budget.
        if bytes != self.budget_bytes {
            self.clear();
        }
        self.budget_bytes = bytes;
    }

    pub fn resident_bytes(&self) -> u64 {
        self.resident_bytes
    }

    pub fn runs(&self, layer: &TensorView<'_>) -> Result<Vec<Range<usize>>, GpuError> {
        let binding_bytes = storage_limit_bytes(&self.device);
        let heads = layer.shape[0];
        let head_bytes = (layer.shape[1] * layer.shape[2] * layer.dtype.bytes()) as u64;
        for (what, limit_bytes) in
            [("the most that a shader may bind", binding_bytes), ("the memory budget", self.budget_bytes)]
        {
            if head_bytes.next_multiple_of(4) > limit_bytes {
                return Err(GpuError::HeadTooLarge { head_bytes, what, limit_bytes });
            }
        }
        let page_bytes = binding_bytes.min(self.budget_bytes / 2);
        let heads_per_page = (page_bytes / head_bytes.max(1)).max(1).min(heads.max(1) as u64) as usize;
        Ok((0..heads).step_by(heads_per_page).map(|first| first..(first + heads_per_page).min(heads)).collect())
    }

    pub fn page(
        &mut self,
        key: PageKey,
        layer: &TensorView<'_>,
        heads: &Range<usize>,
    ) -> Result<wgpu::Buffer, GpuError> {
        if let Some(buffer) = self.resident(key) {
            return Ok(buffer);
        }
        let head_bytes = layer.shape[1] * layer.shape[2] * layer.dtype.bytes();
        let bytes = &layer.bytes[heads.start * head_bytes..heads.end * head_bytes];
        let size = (bytes.len() as u64).next_multiple_of(4).max(4);
        if self.make_room(size) {
            self.wait_for_last_upload()?;
        }
        let device = self.device.clone();
        let buffer = match scoped(&device, || self.upload(bytes, size)) {
            Err(GpuError::OutOfMemory(_)) => {
                // Others use the adapter too. What is ours goes, once the work on it is done.
                self.clear();
                device.poll(wgpu::PollType::wait_indefinitely())?;
                scoped(&device, || self.upload(bytes, size))?
            }
            uploaded => uploaded?,
        };
        self.resident_bytes += size;
        self.resident.insert(key, Page { buffer: buffer.clone(), last_use: self.uses });
        Ok(buffer)
    }

    fn resident(&mut self, key: PageKey) -> Option<wgpu::Buffer> {
        self.uses += 1;
        let page = self.resident.get_mut(&key)?;
        page.last_use = self.uses;
        Some(page.buffer.clone())
    }

    /// A new page, written in pieces, so that little of the driver's memory is taken meanwhile.
    fn upload(&mut self, bytes: &[u8], size: u64) -> Result<wgpu::Buffer, GpuError> {
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("page"),
            size,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let mut offset = 0;
        for chunk in bytes.chunks(CHUNK_BYTES) {
            while self.in_flight_bytes + chunk.len() > IN_FLIGHT_BYTES
                && let Some((oldest, bytes)) = self.in_flight.pop_front()
            {
                self.in_flight_bytes -= bytes;
                wait_for(&self.device, oldest)?;
            }
            let (whole, rest) = chunk.split_at(chunk.len() & !3);
            write(&self.queue, &buffer, offset, whole);
            if !rest.is_empty() {
                self.queue.write_buffer(&buffer, offset + whole.len() as u64, &padded(rest));
            }
            self.in_flight.push_back((self.queue.submit([]), chunk.len()));
            self.in_flight_bytes += chunk.len();
            offset += chunk.len() as u64;
        }
        Ok(buffer)
    }

    /// Drops the least recently used pages until `bytes` more fit; whether there were any. A page at work lives on until its
    /// work is done.
    fn make_room(&mut self, bytes: u64) -> bool {
        let before = self.resident.len();
        while self.resident_bytes + bytes > self.budget_bytes {
            let Some((&key, _)) = self.resident.iter().min_by_key(|(_, page)| page.last_use) else { break };
            if let Some(page) = self.resident.remove(&key) {
                self.resident_bytes -= page.buffer.size();
            }
        }
        self.resident.len() < before
    }

    /// The work on pages that made room was handed in before the last page went up, so it ends before that does.
    fn wait_for_last_upload(&mut self) -> Result<(), GpuError> {
        let last = self.in_flight.pop_back().map(|(submission, _)| submission);
        self.in_flight.clear();
        self.in_flight_bytes = 0;
        last.map_or(Ok(()), |submission| wait_for(&self.device, submission))
    }

    pub fn clear(&mut self) {
        self.resident.clear();
        self.resident_bytes = 0;
    }
}

/// As `write_buffer`, but on several threads: one reads the pages of a file several times slower than the bus takes them. They are
/// threads of their own, since those of rayon may be at work for long.
fn write(queue: &wgpu::Queue, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(COPYING_THREADS);
    let part_bytes = bytes.len().div_ceil(threads).next_multiple_of(4).max(LEAST_COPIED_BYTES);
    let parts = bytes.chunks(part_bytes).enumerate().filter_map(|(part, bytes)| {
        let size = wgpu::BufferSize::new(bytes.len() as u64)?;
        // None where the device refused, which whoever watches it hears.
        Some((queue.write_buffer_with(buffer, offset + (part * part_bytes) as u64, size)?, bytes))
    });
    let mut parts: Vec<_> = parts.collect();
    std::thread::scope(|scope| {
        let Some(((first, bytes), others)) = parts.split_first_mut() else { return };
        for (staging, bytes) in others {
            scope.spawn(|| staging.copy_from_slice(bytes));
        }
        first.copy_from_slice(bytes);
    });
}

/// Up to four bytes as a word: copies are made in words.
pub(super) fn padded(rest: &[u8]) -> [u8; 4] {
    std::array::from_fn(|at| rest.get(at).copied().unwrap_or(0))
}
