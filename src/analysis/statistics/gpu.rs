//! The pass on the device: shaders/analysis/statistics.wgsl, page by page.

use super::plan::Plan;
use super::sums::{SLOTS, Sums, as_wgsl, slots};
use crate::gpu::{Binding, Bound, Gpu, GpuError, Page, PageKernel, PageKey, Shader, dtype_code, mask_words, walk};
use crate::trace::{LayerMask, TensorView};

/// Rows that a workgroup takes: `TILE_ROWS` of the shader.
const TILE_ROWS: usize = 64;

/// The sums of a block's heads.
#[derive(Debug)]
pub struct Statistics<'a> {
    /// Of each mask that differs from the others.
    masked: Vec<Masked>,
    /// Of each layer: which of them.
    masks: &'a [usize],
    keys: wgpu::Buffer,
    /// One entry a layer, one a head.
    sums: Vec<Vec<Sums>>,
}

/// The queries under a mask.
#[derive(Debug)]
struct Masked {
    queries: wgpu::Buffer,
    mask: wgpu::Buffer,
}

/// The uniform.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Parameters {
    queries: u32,
    keys: u32,
    first_head: u32,
    heads: u32,
    dtype: u32,
    tiles: u32,
}

impl PageKernel for Statistics<'_> {
    type Parameters = Parameters;
    const SHADER: Shader = Shader {
        name: "analysis/statistics",
        wgsl: concat!(
            include_str!("../../../shaders/shared/decode.wgsl"),
            include_str!("../../../shaders/shared/dispatch.wgsl"),
            include_str!("../../../shaders/shared/mask.wgsl"),
            slots!(as_wgsl),
            include_str!("../../../shaders/analysis/statistics.wgsl"),
        ),
        bindings: &[
            Binding::Uniform(size_of::<Parameters>() as u64),
            Binding::Read,
            Binding::Read,
            Binding::Read,
            Binding::Read,
            Binding::ReadWrite,
            Binding::ReadWrite,
            Binding::ReadWrite,
        ],
        entry_points: &["tiles", "reduce"],
    };

    fn parameters(&self, page: &Page<'_>) -> Parameters {
        Parameters {
            queries: page.queries() as u32,
            keys: page.keys() as u32,
            first_head: page.first_head as u32,
            heads: page.heads.len() as u32,
            dtype: dtype_code(page.layer.dtype),
            tiles: tiles(page) as u32,
        }
    }

    fn bound(&self, page: &Page<'_>) -> Vec<Bound> {
        let masked = &self.masked[self.masks[page.number]];
        vec![
            Bound::Own(masked.mask.clone()),
            Bound::Own(masked.queries.clone()),
            Bound::Own(self.keys.clone()),
            Bound::Scratch(tiles(page) * SLOTS),
            Bound::Scratch(tiles(page) * page.keys()),
            Bound::Result(SLOTS),
        ]
    }

    fn dispatches(&self, page: &Page<'_>) -> Vec<(usize, u64)> {
        let heads = page.heads.len() as u64;
        vec![(0, heads * tiles(page) as u64), (1, heads)]
    }

    fn take(&mut self, page: &Page<'_>, words: &[u32]) {
        let of_head = |slots: &[u32]| std::array::from_fn(|slot| f64::from(f32::from_bits(slots[slot])));
        let sums = &mut self.sums[page.number][page.heads.clone()];
        sums.iter_mut().zip(words.chunks_exact(SLOTS)).for_each(|(sums, slots)| *sums = of_head(slots));
    }
}

/// Workgroups of a head.
fn tiles(page: &Page<'_>) -> usize {
    page.queries().div_ceil(TILE_ROWS)
}

/// The sums of layers, each of which has a mask, one entry a layer, one a head; `key` is that of the first page. After each layer
/// `goes_on` hears how many
/// were handed in, and says whether to go on; `None` if not.
///
/// # Errors
/// If a head is too large for a page, or the device is lost.
pub fn layer_sums(
    gpu: &Gpu,
    key: PageKey,
    layers: &[TensorView<'_>],
    masks: &[LayerMask<'_>],
    plan: &Plan,
    goes_on: &mut dyn FnMut(usize) -> bool,
) -> Result<Option<Vec<Vec<Sums>>>, GpuError> {
    let (distinct, masks) = LayerMask::distinct(masks.iter().copied());
    let masked = |mask: &LayerMask<'_>| {
        let queries = gpu.storage("queries", &plan.queries_under(mask))?;
        Ok(Masked { queries, mask: gpu.storage("a mask", &mask_words(mask, plan.queries.len()))? })
    };
    let mut kernel = Statistics {
        masked: distinct.iter().map(masked).collect::<Result<_, GpuError>>()?,
        masks: &masks,
        keys: gpu.storage("keys", &plan.keys)?,
        sums: layers.iter().map(|layer| vec![[0.0; SLOTS]; layer.shape[0]]).collect(),
    };
    let heads: Vec<_> = layers.iter().enumerate().map(|(layer, view)| (layer, 0..view.shape[0])).collect();
    Ok(walk(gpu, key, layers, &heads, &mut kernel, goes_on)?.then_some(kernel.sums))
}
