//! The pooling on the device: shaders/analysis/pool.wgsl, page by page.

use super::{Pooling, Tiling};
use crate::gpu::{Binding, Bound, Gpu, GpuError, Page, PageKernel, PageKey, Shader, dtype_code, mask_words, walk};
use crate::trace::{LayerMask, TensorView};

/// Threads of a workgroup.
const THREADS: u64 = 64;

/// The tiles of a layer's heads.
#[derive(Debug)]
pub struct Pool<'a> {
    tiling: &'a Tiling,
    mask: wgpu::Buffer,
    tiles: Vec<f32>,
}

/// The uniform.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Parameters {
    first_head: u32,
    heads: u32,
    queries: u32,
    keys: u32,
    rows: u32,
    columns: u32,
    mean: u32,
    dtype: u32,
}

impl PageKernel for Pool<'_> {
    type Parameters = Parameters;
    const SHADER: Shader = Shader {
        name: "analysis/pool",
        wgsl: concat!(
            include_str!("../../../shaders/shared/decode.wgsl"),
            include_str!("../../../shaders/shared/dispatch.wgsl"),
            include_str!("../../../shaders/shared/mask.wgsl"),
            include_str!("../../../shaders/analysis/pool.wgsl"),
        ),
        bindings: &[Binding::Uniform(size_of::<Parameters>() as u64), Binding::Read, Binding::Read, Binding::ReadWrite],
        entry_points: &["pool"],
    };

    fn parameters(&self, page: &Page) -> Parameters {
        Parameters {
            first_head: page.first_head as u32,
            heads: page.heads.len() as u32,
            queries: page.queries() as u32,
            keys: page.keys() as u32,
            rows: self.tiling.rows as u32,
            columns: self.tiling.columns as u32,
            mean: u32::from(self.tiling.pooling == Pooling::Mean),
            dtype: dtype_code(page.dtype),
        }
    }

    fn bound(&self, _: &Page) -> Vec<Bound> {
        vec![Bound::Own(self.mask.clone()), Bound::Result(self.tiling.cells())]
    }

    fn dispatches(&self, page: &Page) -> Vec<(usize, u64)> {
        vec![(0, ((page.heads.len() * self.tiling.cells()) as u64).div_ceil(THREADS))]
    }

    fn take(&mut self, _: &Page, words: &[u32]) {
        self.tiles.extend(words.iter().copied().map(f32::from_bits));
    }
}

/// `[heads, rows, columns]` of a layer's `[heads, queries, keys]`; `key` is that of the layer's first page.
///
/// # Errors
/// If a head is too large for a page, or the device is lost.
pub fn pool(
    gpu: &Gpu,
    key: PageKey,
    layer: &TensorView<'_>,
    mask: &LayerMask<'_>,
    tiling: &Tiling,
) -> Result<Vec<f32>, GpuError> {
    let queries: Vec<usize> = (0..layer.shape[1]).collect();
    let mask = gpu.storage("a mask", &mask_words(mask, &queries))?;
    let mut kernel = Pool { tiling, mask, tiles: Vec::new() };
    if tiling.cells() > 0 {
        let heads = [(0, 0..layer.shape[0])];
        walk(gpu, key, std::slice::from_ref(layer), &heads, &mut kernel, &mut |_| true)?;
    }
    Ok(kernel.tiles)
}
