//! The rollout on the device: shaders/analysis/rollout.wgsl, a layer at a time.

use crate::analysis::Pick;
use crate::analysis::gather::LayerHeads;
use crate::gpu::{Binding, Bound, Gpu, GpuError, Page, PageKernel, PageKey, Shader, dtype_code, read_back, walk};
use crate::trace::TensorView;

/// Threads of a workgroup of `heads`.
const THREADS: u64 = 64;
/// Side of a tile of `multiply`.
const TILE: u64 = 16;

/// The matrices of a rollout, `[tokens, tokens]` each.
#[derive(Debug)]
pub struct Multiplication {
    tokens: usize,
    is_maximum: bool,
    residual: f32,
    /// How many heads of each layer take part.
    heads: Vec<usize>,
    /// The layer's heads as one.
    attention: wgpu::Buffer,
    /// The rollout of the layers so far is in one of them, and the next goes into the other.
    rolled: [wgpu::Buffer; 2],
}

/// The uniform.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Parameters {
    tokens: u32,
    first_head: u32,
    heads: u32,
    dtype: u32,
    is_maximum: u32,
    is_first: u32,
    is_start: u32,
    scale: f32,
    residual: f32,
}

impl PageKernel for Multiplication {
    type Parameters = Parameters;
    const SHADER: Shader = Shader {
        name: "analysis/rollout",
        wgsl: concat!(
            include_str!("../../../shaders/shared/decode.wgsl"),
            include_str!("../../../shaders/shared/dispatch.wgsl"),
            include_str!("../../../shaders/analysis/rollout.wgsl"),
        ),
        bindings: &[
            Binding::Uniform(size_of::<Parameters>() as u64),
            Binding::Read,
            Binding::ReadWrite,
            Binding::Read,
            Binding::ReadWrite,
        ],
        entry_points: &["heads", "residual", "multiply"],
    };

    fn parameters(&self, page: &Page) -> Parameters {
        Parameters {
            tokens: self.tokens as u32,
            first_head: page.first_head as u32,
            heads: page.heads.len() as u32,
            dtype: dtype_code(page.dtype),
            is_maximum: u32::from(self.is_maximum),
            is_first: u32::from(page.is_first),
            is_start: u32::from(page.number == 0),
            scale: if self.is_maximum { 1.0 } else { 1.0 / self.heads[page.number] as f32 },
            residual: self.residual,
        }
    }

    fn bound(&self, page: &Page) -> Vec<Bound> {
        let after = page.number % 2;
        [&self.attention, &self.rolled[1 - after], &self.rolled[after]].map(|buffer| Bound::Own(buffer.clone())).into()
    }

    fn dispatches(&self, page: &Page) -> Vec<(usize, u64)> {
        let tokens = self.tokens as u64;
        let mut dispatches = vec![(0, (tokens * tokens).div_ceil(THREADS))];
        if page.is_last {
            dispatches.extend([(1, tokens), (2, tokens.div_ceil(TILE).pow(2))]);
        }
        dispatches
    }

    fn take(&mut self, _: &Page, _: &[u32]) {}
}

/// `[tokens, tokens]`; `layers` are all of the block, `heads` those that take part, `residual` is the share of the
/// identity, and `key` says of which trace and block. `goes_on` is asked after each layer; `None` if it says no.
///
/// # Errors
/// If a head is too large for a page, or the device is lost.
pub fn rollout(
    gpu: &Gpu,
    key: PageKey,
    layers: &[TensorView<'_>],
    heads: &[LayerHeads],
    head: Pick,
    residual: f32,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Result<Option<Vec<f32>>, GpuError> {
    let tokens = layers.first().map_or(0, |layer| layer.shape[1]);
    if tokens == 0 || heads.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let matrix = || gpu.zeros("a matrix", (tokens * tokens * size_of::<f32>()) as u64);
    let mut kernel = Multiplication {
        tokens,
        is_maximum: head == Pick::Max,
        residual,
        heads: heads.iter().map(|(_, heads)| heads.len()).collect(),
        attention: matrix()?,
        rolled: [matrix()?, matrix()?],
    };
    if !walk(gpu, key, layers, heads, &mut kernel, &mut |_| goes_on())? {
        return Ok(None);
    }
    read_back(gpu, &kernel.rolled[(heads.len() - 1) % 2]).map(Some)
}
