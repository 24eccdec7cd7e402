//! The pooling on the device: shaders/analysis/pool.wgsl, page by page.

use std::ops::Range;

use super::{Pooling, Rectangle, Tiling};
use crate::gpu::{Binding, Bound, Gpu, GpuError, Page, PageKernel, PageKey, ResidentMatrix, Shader, dtype_code, walk};
use crate::trace::{Dtype, TensorView};

/// Threads of a workgroup.
const THREADS: u64 = 64;

/// The tiles of a layer's heads.
#[derive(Debug)]
pub struct Pool<'a> {
    tiling: &'a Tiling,
    queries: Range<usize>,
    keys: Range<usize>,
    /// Where the only tile stays, if it is to stay on the device.
    resident: Option<wgpu::Buffer>,
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
    first_query: u32,
    part_queries: u32,
    first_key: u32,
    part_keys: u32,
    rows: u32,
    columns: u32,
    mean: u32,
    causal: u32,
    dtype: u32,
}

impl PageKernel for Pool<'_> {
    type Parameters = Parameters;
    const SHADER: Shader = Shader {
        name: "analysis/pool",
        wgsl: concat!(
            include_str!("../../../shaders/shared/decode.wgsl"),
            include_str!("../../../shaders/shared/dispatch.wgsl"),
            include_str!("../../../shaders/analysis/pool.wgsl"),
        ),
        bindings: &[Binding::Uniform(size_of::<Parameters>() as u64), Binding::Read, Binding::ReadWrite],
        entry_points: &["pool"],
    };

    fn parameters(&self, page: &Page<'_>) -> Parameters {
        Parameters {
            first_head: page.first_head as u32,
            heads: page.heads.len() as u32,
            queries: page.queries() as u32,
            keys: page.keys() as u32,
            first_query: self.queries.start as u32,
            part_queries: self.queries.len() as u32,
            first_key: self.keys.start as u32,
            part_keys: self.keys.len() as u32,
            rows: self.tiling.rows as u32,
            columns: self.tiling.columns as u32,
            mean: u32::from(self.tiling.pooling == Pooling::Mean),
            causal: u32::from(self.tiling.causal),
            dtype: dtype_code(page.layer.dtype),
        }
    }

    fn bound(&self, _: &Page<'_>) -> Vec<Bound> {
        vec![self.resident.clone().map_or(Bound::Result(self.tiling.cells()), Bound::Own)]
    }

    fn dispatches(&self, page: &Page<'_>) -> Vec<(usize, u64)> {
        vec![(0, ((page.heads.len() * self.tiling.cells()) as u64).div_ceil(THREADS))]
    }

    fn take(&mut self, _: &Page<'_>, words: &[u32]) {
        self.tiles.extend(words.iter().copied().map(f32::from_bits));
    }
}

/// `[heads, rows, columns]` of a layer's `[heads, queries, keys]`; `key` is that of the layer's first page.
///
/// # Errors
/// If a head is too large for a page, or the device is lost.
pub fn pool(gpu: &Gpu, key: PageKey, layer: &TensorView<'_>, tiling: &Tiling) -> Result<Vec<f32>, GpuError> {
    let (queries, keys) = (0..layer.shape[1], 0..layer.shape[2]);
    let mut kernel = Pool { tiling, queries, keys, resident: None, tiles: Vec::new() };
    if tiling.cells() > 0 {
        let heads = [(0, 0..layer.shape[0])];
        walk(gpu, key, std::slice::from_ref(layer), &heads, &mut kernel, &mut |_| true)?;
    }
    Ok(kernel.tiles)
}

/// `[rows, columns]` of a part of a head of a layer's `[heads, queries, keys]`, which stays on the device; `key` is that of the
/// layer's first page.
///
/// # Errors
/// If the head is too large for a page, or the device is lost.
pub fn rectangle(
    gpu: &Gpu,
    key: PageKey,
    layer: &TensorView<'_>,
    part: &Rectangle,
) -> Result<ResidentMatrix, GpuError> {
    let buffer = gpu.zeros("a matrix", (part.tiling.cells() * size_of::<f32>()) as u64)?;
    let (queries, keys, resident) = (part.queries.clone(), part.keys.clone(), Some(buffer.clone()));
    let mut kernel = Pool { tiling: &part.tiling, queries, keys, resident, tiles: Vec::new() };
    if part.tiling.cells() > 0 {
        let heads = [(0, part.head..part.head + 1)];
        walk(gpu, key, std::slice::from_ref(layer), &heads, &mut kernel, &mut |_| true)?;
    }
    Ok(ResidentMatrix { device: gpu.device.clone(), buffer, first_element: 0, dtype: Dtype::F32 })
}
