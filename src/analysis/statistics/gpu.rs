//! The pass on the device: shaders/analysis/statistics.wgsl, page by page.

use super::plan::Plan;
use super::sums::{SLOTS, STRONGEST, Sums, as_wgsl, slots};
use crate::analysis::LayerWeights;
use crate::analysis::on_device::walk;
use crate::gpu::{Binding, Bound, Gpu, GpuError, Page, PageKernel, PageKey, Shader, dtype_code, mask_words};
use crate::trace::LayerMask;

/// Rows that a workgroup takes at least and at most: those of a step and `MOST_TILE_ROWS` of the shader.
const LEAST_TILE_ROWS: usize = 8;
const MOST_TILE_ROWS: usize = 64;
/// Weights of a tile: of longer rows it has fewer, so that there are tiles enough for a large card.
const TILE_WEIGHTS: usize = 1 << 15;

/// The sums of a block's heads.
#[derive(Debug)]
pub struct Statistics<'a> {
    /// Of each mask that differs from the others.
    masked: Vec<Masked>,
    /// Of each layer: which of them.
    masks: &'a [usize],
    /// How many there are in all.
    queries: usize,
    keys: wgpu::Buffer,
    /// Of the heads of a strip, what keys received from the queries before it.
    received: wgpu::Buffer,
    received_is_kept: bool,
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
    tile_rows: u32,
    first_query: u32,
    all_queries: u32,
    is_part: u32,
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
            Binding::ReadWrite,
        ],
        entry_points: &["tiles", "reduce"],
    };

    fn parameters(&self, page: &Page) -> Parameters {
        Parameters {
            queries: page.queries() as u32,
            keys: page.keys() as u32,
            first_head: page.first_head as u32,
            heads: page.heads.len() as u32,
            dtype: dtype_code(page.dtype),
            tiles: tiles(page) as u32,
            tile_rows: tile_rows(page.keys()) as u32,
            first_query: page.first_query as u32,
            all_queries: self.queries as u32,
            is_part: u32::from(self.received_is_kept),
        }
    }

    fn bound(&self, page: &Page) -> Vec<Bound> {
        let masked = &self.masked[self.masks[page.number]];
        vec![
            Bound::Own(masked.mask.clone()),
            Bound::Own(masked.queries.clone()),
            Bound::Own(self.keys.clone()),
            Bound::Scratch(tiles(page) * SLOTS),
            Bound::Scratch(tiles(page) * page.keys()),
            Bound::Result(SLOTS),
            Bound::Own(self.received.clone()),
        ]
    }

    fn dispatches(&self, page: &Page) -> Vec<(usize, u64)> {
        let heads = page.heads.len() as u64;
        vec![(0, heads * tiles(page) as u64), (1, heads)]
    }

    fn take(&mut self, page: &Page, words: &[u32]) {
        let sums = &mut self.sums[page.number][page.heads.clone()];
        for (sums, slots) in sums.iter_mut().zip(words.chunks_exact(SLOTS)) {
            let slots = slots.iter().map(|&slot| f64::from(f32::from_bits(slot)));
            for (slot, (sum, found)) in sums.iter_mut().zip(slots).enumerate() {
                // The sums of columns go on from page to page, and never fall.
                *sum = if slot == STRONGEST { sum.max(found) } else { *sum + found };
            }
        }
    }
}

/// Workgroups of a head.
fn tiles(page: &Page) -> usize {
    page.queries().div_ceil(tile_rows(page.keys()))
}

/// A power of two, and so a whole number of steps.
fn tile_rows(keys: usize) -> usize {
    let most = (TILE_WEIGHTS / keys.max(1)).clamp(LEAST_TILE_ROWS, MOST_TILE_ROWS);
    1 << most.ilog2()
}

/// The sums of layers, one entry a layer, one a head; `key` is that of the first page. After each layer, and each strip of rows where
/// they have to be computed, `goes_on` hears how many layers were handed in, and says whether to go on; `None` if not.
///
/// # Errors
/// If a head, or a row that has to be computed, is too large for the device, or the device is lost.
pub fn layer_sums(
    gpu: &Gpu,
    key: PageKey,
    layers: &[LayerWeights<'_>],
    plan: &Plan,
    goes_on: &mut dyn FnMut(usize) -> bool,
) -> Result<Option<Vec<Vec<Sums>>>, GpuError> {
    let received_is_kept = layers.iter().any(LayerWeights::is_computed);
    let heads = layers.iter().map(LayerWeights::heads).max().unwrap_or(0);
    // A strip is no larger than a buffer, and no strip has more heads than fit it.
    let received_bytes = ((4 * heads * plan.keys.len()) as u64).min(gpu.storage_limit_bytes());
    let queries: Vec<usize> = (0..plan.queries.len()).collect();
    let (distinct, masks) = LayerMask::distinct(layers.iter().map(LayerWeights::mask));
    let masked = |mask: &LayerMask<'_>| {
        let places = gpu.storage("queries", &plan.queries_under(mask))?;
        Ok(Masked { queries: places, mask: gpu.storage("a mask", &mask_words(mask, &queries))? })
    };
    let mut kernel = Statistics {
        masked: distinct.iter().map(masked).collect::<Result<_, GpuError>>()?,
        masks: &masks,
        queries: queries.len(),
        keys: gpu.storage("keys", &plan.keys)?,
        received: gpu.zeros("received weights", if received_is_kept { received_bytes } else { 0 })?,
        received_is_kept,
        sums: layers.iter().map(|layer| vec![[0.0; SLOTS]; layer.heads()]).collect(),
    };
    let heads: Vec<_> = layers.iter().enumerate().map(|(layer, weights)| (layer, 0..weights.heads())).collect();
    Ok(walk(gpu, key, layers, &heads, &queries, &mut kernel, goes_on)?.then_some(kernel.sums))
}
