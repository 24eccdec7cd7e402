//! The way of every kernel over the pages of a block: which heads of which page, what is bound, how it is read back.
//!
//! A kernel says of itself what the walk cannot know ([`PageKernel`]). Pages are pipelined ([`Pipeline`]): the next one goes up
//! while the device is at work on those before, and results are taken some pages later. A page may be filled by commands as well,
//! with weights that are not stored.

use std::collections::VecDeque;
use std::ops::Range;

use super::device::Gpu;
use super::error::GpuError;
use super::pages::PageKey;
use super::readback::Pending;
use super::scope::wait_for;
use super::shader::Shader;
use crate::trace::{Dtype, TensorView};

/// Pages that are at work while the next one is prepared.
const PAGES_AT_WORK: usize = 2;
/// The same of small pages, which a card is done with sooner than the next is handed in, and what is small.
const SMALL_PAGES_AT_WORK: usize = 8;
const SMALL_PAGE_BYTES: u64 = 64 << 20;

/// A kernel that walks over pages of attention. Binding 0 of its shader are the parameters, binding 1 is the page.
pub trait PageKernel {
    /// The uniform.
    type Parameters: bytemuck::NoUninit;
    /// The shader.
    const SHADER: Shader;

    /// What the shader needs to know of a page.
    fn parameters(&self, page: &Page) -> Self::Parameters;

    /// What is bound behind the page, in the shader's order.
    fn bound(&self, page: &Page) -> Vec<Bound>;

    /// Entry points, by their numbers, that run one after the other, and how many workgroups of each.
    fn dispatches(&self, page: &Page) -> Vec<(usize, u64)>;

    /// What the page's [`Bound::Result`] held in the end, in words. Pages come in order; none comes where the kernel has no result.
    fn take(&mut self, page: &Page, words: &[u32]);
}

/// A buffer that a kernel binds behind the page.
#[derive(Clone, Debug)]
pub enum Bound {
    /// The kernel's own, the same for many pages.
    Own(wgpu::Buffer),
    /// For this page alone, that many words for each head; zeros at first.
    Scratch(usize),
    /// The same, and read back. At most one of a kernel's buffers.
    Result(usize),
}

/// Some heads of a layer, or some of their rows, on a page.
#[derive(Clone, Debug)]
pub struct Page {
    /// `[heads, queries, keys]` of the page.
    pub shape: [usize; 3],
    /// How its elements are stored.
    pub dtype: Dtype,
    /// Which of the layers that are walked over, counted from 0.
    pub number: usize,
    /// The heads, as the layer counts them.
    pub heads: Range<usize>,
    /// The first of them, as the page's own heads are counted.
    pub first_head: usize,
    /// Which of the queries that are walked over has the first row of each head on the page.
    pub first_query: usize,
    /// Whether these are the first heads of their layer that are walked over.
    pub is_first: bool,
    /// Whether these are the last.
    pub is_last: bool,
}

impl Page {
    fn of_layer(layer: &TensorView<'_>, number: usize, heads: Range<usize>) -> Self {
        let shape = [heads.len(), layer.shape[1], layer.shape[2]];
        let (first_head, first_query, is_first, is_last) = (0, 0, true, true);
        Self { shape, dtype: layer.dtype, number, heads, first_head, first_query, is_first, is_last }
    }

    /// Rows of a head on the page.
    pub fn queries(&self) -> usize {
        self.shape[1]
    }

    /// Columns of a head.
    pub fn keys(&self) -> usize {
        self.shape[2]
    }

    /// How many of a page's heads a kernel can walk over at once: no more than its buffers allow, none if one is too many.
    pub fn heads_at_once<K: PageKernel>(&self, gpu: &Gpu, kernel: &K) -> Result<usize, GpuError> {
        let words = kernel.bound(self).iter().map(Bound::words_per_head).max().unwrap_or(0);
        let (head_bytes, limit_bytes) = (4 * words as u64, gpu.storage_limit_bytes());
        match (limit_bytes / head_bytes.max(1)) as usize {
            0 => Err(GpuError::BufferTooLarge { what: K::SHADER.name, bytes: head_bytes, limit_bytes }),
            most => Ok(most),
        }
    }
}

/// Lets a kernel walk over the heads of layers, of which `heads` names those that take part; `key` is that of the first page of
/// `layers`. After each layer that was handed in, `goes_on` hears how many were, and says whether to go on; if not, the result
/// is false.
///
/// # Errors
/// If a head is too large for the device, or the device refuses or is lost.
pub fn walk<K: PageKernel>(
    gpu: &Gpu,
    key: PageKey,
    layers: &[TensorView<'_>],
    heads: &[(usize, Range<usize>)],
    kernel: &mut K,
    goes_on: &mut dyn FnMut(usize) -> bool,
) -> Result<bool, GpuError> {
    let mut pipeline = Pipeline::new(gpu, kernel);
    for (number, (layer, selected)) in heads.iter().enumerate() {
        let view = &layers[*layer];
        for (run, heads) in pieces(gpu, pipeline.kernel, view, number, selected)? {
            let page = Page {
                first_head: heads.start - run.start,
                is_first: heads.start == selected.start,
                is_last: heads.end == selected.end,
                heads,
                ..Page::of_layer(view, number, run.clone())
            };
            let buffer = gpu.page(PageKey { layer: key.layer + layer, first_head: run.start, ..key }, view, &run)?;
            pipeline.push(page, &buffer, gpu.encoder())?;
        }
        if !goes_on(number + 1) {
            return Ok(false);
        }
    }
    pipeline.finish()?;
    Ok(true)
}

/// What was handed in: its number, and its result if there is one.
type AtWork = (wgpu::SubmissionIndex, Option<Pending>);

/// A run of heads on a page, and those of them that are walked over at once.
type Piece = (Range<usize>, Range<usize>);

/// The runs of heads that lie on pages, with what of them is walked over at once: no more than the kernel's buffers allow.
fn pieces<K: PageKernel>(
    gpu: &Gpu,
    kernel: &K,
    layer: &TensorView<'_>,
    number: usize,
    selected: &Range<usize>,
) -> Result<Vec<Piece>, GpuError> {
    if layer.is_empty() || selected.is_empty() {
        return Ok(Vec::new());
    }
    let most = Page::of_layer(layer, number, selected.clone()).heads_at_once(gpu, kernel)?;
    let mut pieces = Vec::new();
    for run in gpu.runs(layer)? {
        let end = selected.end.min(run.end);
        for first in (selected.start.max(run.start)..end).step_by(most) {
            pieces.push((run.clone(), first..end.min(first.saturating_add(most))));
        }
    }
    Ok(pieces)
}

/// The pages that a kernel is at work on.
pub struct Pipeline<'a, K> {
    gpu: &'a Gpu,
    kernel: &'a mut K,
    at_work: VecDeque<(AtWork, Page)>,
}

impl<'a, K: PageKernel> Pipeline<'a, K> {
    /// Nothing is at work yet.
    pub fn new(gpu: &'a Gpu, kernel: &'a mut K) -> Self {
        Self { gpu, kernel, at_work: VecDeque::new() }
    }

    /// Who walks.
    pub fn kernel(&self) -> &K {
        self.kernel
    }

    /// Hands in a page, which the commands that come before may have filled, and takes the result of one that was handed in before.
    ///
    /// # Errors
    /// If the device refuses or is lost.
    pub fn push(&mut self, page: Page, buffer: &wgpu::Buffer, commands: wgpu::CommandEncoder) -> Result<(), GpuError> {
        let is_small = buffer.size() <= SMALL_PAGE_BYTES;
        self.at_work.push_back((submit(self.gpu, self.kernel, &page, buffer, commands)?, page));
        let most = if is_small { SMALL_PAGES_AT_WORK } else { PAGES_AT_WORK };
        if self.at_work.len() > most { self.take_first() } else { Ok(()) }
    }

    /// Takes what is not taken yet.
    ///
    /// # Errors
    /// If the device is lost.
    pub fn finish(mut self) -> Result<(), GpuError> {
        while !self.at_work.is_empty() {
            self.take_first()?;
        }
        Ok(())
    }

    fn take_first(&mut self) -> Result<(), GpuError> {
        match self.at_work.pop_front() {
            Some(((submission, Some(pending)), page)) => {
                self.kernel.take(&page, &pending.take::<u32>(self.gpu, submission)?);
            }
            Some(((submission, None), _)) => wait_for(&self.gpu.device, submission)?,
            None => {}
        }
        Ok(())
    }
}

fn submit<K: PageKernel>(
    gpu: &Gpu,
    kernel: &K,
    page: &Page,
    buffer: &wgpu::Buffer,
    mut encoder: wgpu::CommandEncoder,
) -> Result<AtWork, GpuError> {
    let compiled = gpu.kernel(&K::SHADER)?;
    let mut bound = vec![gpu.uniform(&kernel.parameters(page)), buffer.clone()];
    let mut result = None;
    for what in kernel.bound(page) {
        let bytes = (4 * what.words_per_head() * page.heads.len()) as u64;
        let buffer = match what {
            Bound::Own(buffer) => buffer,
            Bound::Scratch(_) => gpu.zeros(K::SHADER.name, bytes)?,
            Bound::Result(_) => result.insert(gpu.zeros(K::SHADER.name, bytes)?).clone(),
        };
        bound.push(buffer);
    }
    let bindings = compiled.bind(&bound.iter().collect::<Vec<_>>());
    for (entry_point, workgroups) in kernel.dispatches(page) {
        compiled.dispatch(&mut encoder, entry_point, &bindings, workgroups);
    }
    Ok(match result {
        Some(result) => {
            let (pending, submission) = Pending::submit(gpu, encoder, &result);
            (submission, Some(pending))
        }
        None => (gpu.queue.submit([encoder.finish()]), None),
    })
}

impl Bound {
    fn words_per_head(&self) -> usize {
        match self {
            Self::Own(_) => 0,
            Self::Scratch(words) | Self::Result(words) => *words,
        }
    }
}
