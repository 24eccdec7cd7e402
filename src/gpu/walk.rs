//! The way of every kernel over the pages of a block: which heads of which page, what is bound, how it is read back.
//!
//! A kernel says of itself what the walk cannot know ([`PageKernel`]). Pages are pipelined: the next one goes up while the
//! device is at work on those before, and results are taken two pages later.

use std::collections::VecDeque;
use std::ops::Range;

use super::device::Gpu;
use super::error::GpuError;
use super::pages::PageKey;
use super::readback::Pending;
use super::scope::wait_for;
use super::shader::Shader;
use crate::trace::TensorView;

/// Pages that are at work while the next one is prepared.
const PAGES_AT_WORK: usize = 2;

/// A kernel that walks over pages of attention. Binding 0 of its shader are the parameters, binding 1 is the page.
pub trait PageKernel {
    /// The uniform.
    type Parameters: bytemuck::NoUninit;
    /// The shader.
    const SHADER: Shader;

    /// What the shader needs to know of a page.
    fn parameters(&self, page: &Page<'_>) -> Self::Parameters;

    /// What is bound behind the page, in the shader's order.
    fn bound(&self, page: &Page<'_>) -> Vec<Bound>;

    /// Entry points, by their numbers, that run one after the other, and how many workgroups of each.
    fn dispatches(&self, page: &Page<'_>) -> Vec<(usize, u64)>;

    /// What the page's [`Bound::Result`] held in the end, in words. Pages come in order; none comes where the kernel has no result.
    fn take(&mut self, page: &Page<'_>, words: &[u32]);
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

/// Some heads of a layer, on a page.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// The layer, `[heads, queries, keys]`.
    pub layer: &'a TensorView<'a>,
    /// Which of the layers that are walked over, counted from 0.
    pub number: usize,
    /// The heads, as the layer counts them.
    pub heads: Range<usize>,
    /// The first of them, as the page's own heads are counted.
    pub first_head: usize,
    /// Whether these are the first heads of their layer that are walked over.
    pub is_first: bool,
    /// Whether these are the last.
    pub is_last: bool,
}

impl Page<'_> {
    /// Rows of a head.
    pub fn queries(&self) -> usize {
        self.layer.shape[1]
    }

    /// Columns of a head.
    pub fn keys(&self) -> usize {
        self.layer.shape[2]
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
    let mut at_work = VecDeque::new();
    for (number, (layer, selected)) in heads.iter().enumerate() {
        let view = &layers[*layer];
        for (run, heads) in pieces(gpu, kernel, view, number, selected)? {
            let page = Page {
                layer: view,
                number,
                first_head: heads.start - run.start,
                is_first: heads.start == selected.start,
                is_last: heads.end == selected.end,
                heads,
            };
            let buffer = gpu.page(PageKey { layer: key.layer + layer, first_head: run.start, ..key }, view, &run)?;
            at_work.push_back((submit(gpu, kernel, &page, &buffer)?, page));
            if at_work.len() > PAGES_AT_WORK {
                finish_first(gpu, kernel, &mut at_work)?;
            }
        }
        if !goes_on(number + 1) {
            return Ok(false);
        }
    }
    while !at_work.is_empty() {
        finish_first(gpu, kernel, &mut at_work)?;
    }
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
    let whole = Page { layer, number, heads: selected.clone(), first_head: 0, is_first: true, is_last: true };
    let words = kernel.bound(&whole).iter().map(Bound::words_per_head).max().unwrap_or(0);
    let (head_bytes, limit_bytes) = (4 * words as u64, gpu.storage_limit_bytes());
    let most = (limit_bytes / head_bytes.max(1)) as usize;
    if most == 0 {
        return Err(GpuError::BufferTooLarge { what: K::SHADER.name, bytes: head_bytes, limit_bytes });
    }
    let mut pieces = Vec::new();
    for run in gpu.runs(layer)? {
        let end = selected.end.min(run.end);
        for first in (selected.start.max(run.start)..end).step_by(most) {
            pieces.push((run.clone(), first..end.min(first.saturating_add(most))));
        }
    }
    Ok(pieces)
}

fn submit<K: PageKernel>(gpu: &Gpu, kernel: &K, page: &Page<'_>, buffer: &wgpu::Buffer) -> Result<AtWork, GpuError> {
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
    let mut encoder = gpu.encoder();
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

fn finish_first<K: PageKernel>(
    gpu: &Gpu,
    kernel: &mut K,
    at_work: &mut VecDeque<(AtWork, Page<'_>)>,
) -> Result<(), GpuError> {
    match at_work.pop_front() {
        Some(((submission, Some(pending)), page)) => kernel.take(&page, &pending.take::<u32>(gpu, submission)?),
        Some(((submission, None), _)) => wait_for(&gpu.device, submission)?,
        None => {}
    }
    Ok(())
}

impl Bound {
    fn words_per_head(&self) -> usize {
        match self {
            Self::Own(_) => 0,
            Self::Scratch(words) | Self::Result(words) => *words,
        }
    }
}
