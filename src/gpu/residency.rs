//! Attention tensors in GPU memory, in pages.
//!
//! A page is one layer's tensor, or a run of its heads where the layer exceeds what a shader may bind or half the
//! budget (so that the next page goes up while the one before is at work). Bytes go up as they are on disk, padded to
//! 4; shaders decode. Pages stay until the budget is needed for others, least recently used first: the budget is ours,
//! since drivers do not refuse in time. Rejected: pages of equal size that cut heads apart, which would spare the
//! allocator but make every kernel gather its rows.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::{Gpu, GpuError};
use crate::trace::TensorView;

/// Which part of which trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageKey {
    /// The trace's serial number.
    pub trace: u64,
    /// Index of the attention block.
    pub block: usize,
    /// Index of the layer.
    pub layer: usize,
    /// Index of the page's first head.
    pub first_head: usize,
}

/// The pages of a device.
#[derive(Debug)]
pub struct Residency {
    gpu: Arc<Gpu>,
    budget_bytes: u64,
    binding_bytes: u64,
    resident_bytes: u64,
    pages: HashMap<PageKey, Page>,
    /// Counts uses, to know the least recent.
    uses: u64,
}

#[derive(Debug)]
struct Page {
    buffer: wgpu::Buffer,
    last_use: u64,
}

impl Residency {
    /// Nothing is resident at first.
    pub fn new(gpu: Arc<Gpu>, budget_bytes: u64) -> Self {
        let limits = gpu.device.limits();
        // Shaders count elements with 32 bits.
        let binding_bytes =
            limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min(u64::from(u32::MAX)) & !3;
        Self { gpu, budget_bytes, binding_bytes, resident_bytes: 0, pages: HashMap::new(), uses: 0 }
    }

    /// Pretends that the adapter binds no more than this.
    pub fn limit_binding(&mut self, bytes: u64) {
        self.binding_bytes = self.binding_bytes.min(bytes);
    }

    /// How many bytes of pages there are.
    pub fn resident_bytes(&self) -> u64 {
        self.resident_bytes
    }

    /// The runs of heads that are a layer's pages, of `[heads, queries, keys]`.
    ///
    /// # Errors
    /// If a single head is too large for a page.
    pub fn runs(&self, layer: &TensorView<'_>) -> Result<Vec<Range<usize>>, GpuError> {
        let heads = layer.shape[0];
        let head_bytes = (layer.shape[1] * layer.shape[2] * layer.dtype.bytes()) as u64;
        for (what, limit_bytes) in
            [("the most that a shader may bind", self.binding_bytes), ("the memory budget", self.budget_bytes)]
        {
            if head_bytes.next_multiple_of(4) > limit_bytes {
                return Err(GpuError::HeadTooLarge { head_bytes, what, limit_bytes });
            }
        }
        let page_bytes = self.binding_bytes.min(self.budget_bytes / 2);
        let heads_per_page = (page_bytes / head_bytes.max(1)).max(1).min(heads.max(1) as u64) as usize;
        Ok((0..heads).step_by(heads_per_page).map(|first| first..(first + heads_per_page).min(heads)).collect())
    }

    /// The page with a run of heads of a layer, uploaded if it is not resident.
    pub fn page(&mut self, key: PageKey, layer: &TensorView<'_>, heads: &Range<usize>) -> wgpu::Buffer {
        self.uses += 1;
        if let Some(page) = self.pages.get_mut(&key) {
            page.last_use = self.uses;
            return page.buffer.clone();
        }
        let head_bytes = layer.shape[1] * layer.shape[2] * layer.dtype.bytes();
        let bytes = &layer.bytes[heads.start * head_bytes..heads.end * head_bytes];
        let size = (bytes.len() as u64).next_multiple_of(4).max(4);
        self.evict_for(size);
        let buffer = self.gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("page"),
            size,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let (whole, rest) = bytes.split_at(bytes.len() & !3);
        self.gpu.queue.write_buffer(&buffer, 0, whole);
        if !rest.is_empty() {
            let mut word = [0; 4];
            word[..rest.len()].copy_from_slice(rest);
            self.gpu.queue.write_buffer(&buffer, whole.len() as u64, &word);
        }
        self.resident_bytes += size;
        self.pages.insert(key, Page { buffer: buffer.clone(), last_use: self.uses });
        buffer
    }

    /// The page of a layer that holds a head, with the index of its first head.
    ///
    /// # Errors
    /// If a single head is too large for a page.
    pub fn page_of_head(
        &mut self,
        mut key: PageKey,
        layer: &TensorView<'_>,
        head: usize,
    ) -> Result<(wgpu::Buffer, usize), GpuError> {
        let run = self.runs(layer)?.into_iter().find(|run| run.contains(&head)).unwrap_or(head..head + 1);
        key.first_head = run.start;
        Ok((self.page(key, layer, &run), run.start))
    }

    /// Drops the least recently used pages until `bytes` more fit. A page at work lives on until its work is done.
    fn evict_for(&mut self, bytes: u64) {
        while self.resident_bytes + bytes > self.budget_bytes {
            let Some((&key, _)) = self.pages.iter().min_by_key(|(_, page)| page.last_use) else { return };
            if let Some(page) = self.pages.remove(&key) {
                self.resident_bytes -= page.buffer.size();
            }
        }
    }
}
