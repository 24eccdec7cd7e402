//! The pass on the device: shaders/analysis/statistics.wgsl, page by page.

use std::ops::Range;

use super::plan::Plan;
use super::sums::{SLOTS, Sums, as_wgsl, slots};
use crate::gpu::{Binding, Gpu, GpuError, Kernel, PageKey, Residency, Shader, dtype_code, read_back};
use crate::trace::TensorView;

/// The shader and what it binds.
pub const SHADER: Shader = Shader {
    name: "analysis/statistics",
    wgsl: concat!(
        include_str!("../../../shaders/shared/decode.wgsl"),
        include_str!("../../../shaders/shared/dispatch.wgsl"),
        slots!(as_wgsl),
        include_str!("../../../shaders/analysis/statistics.wgsl"),
    ),
    bindings: &[
        Binding::Uniform(size_of::<Parameters>() as u64),
        Binding::Read,
        Binding::Read,
        Binding::Read,
        Binding::ReadWrite,
        Binding::ReadWrite,
        Binding::ReadWrite,
    ],
    entry_points: &["tiles", "reduce"],
};

/// Rows that a workgroup takes: `TILE_ROWS` of the shader.
const TILE_ROWS: usize = 64;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Parameters {
    queries: u32,
    keys: u32,
    heads: u32,
    dtype: u32,
    tiles: u32,
    first_result: u32,
    causal: u32,
}

/// The sums of one block, layer by layer. Work is handed in and read at the end, so that uploading and computing
/// overlap; at most two layers are under way, so that evicted pages do not pile up.
#[derive(Debug)]
pub struct Pass<'a> {
    gpu: &'a Gpu,
    kernel: &'a Kernel,
    plan: &'a Plan,
    queries: wgpu::Buffer,
    keys: wgpu::Buffer,
    /// `[heads of the block, slots]`
    results: wgpu::Buffer,
    /// Heads of each layer that was handed in.
    heads: Vec<usize>,
    before: Option<wgpu::SubmissionIndex>,
}

impl<'a> Pass<'a> {
    /// Prepares for a block with that many heads in all its layers together.
    pub fn new(gpu: &'a Gpu, kernel: &'a Kernel, plan: &'a Plan, heads: usize) -> Self {
        Self {
            gpu,
            kernel,
            plan,
            queries: gpu.storage(&plan.queries),
            keys: gpu.storage(&plan.keys),
            results: gpu.zeros((heads * SLOTS * size_of::<f32>()) as u64),
            heads: Vec::new(),
            before: None,
        }
    }

    /// Hands in the next layer, `[heads, queries, keys]`.
    ///
    /// # Errors
    /// If a head is too large for a page, or the device is lost.
    pub fn add_layer(
        &mut self,
        residency: &mut Residency,
        mut key: PageKey,
        layer: &TensorView<'_>,
    ) -> Result<(), GpuError> {
        let first_result: usize = self.heads.iter().sum();
        self.heads.push(layer.shape[0]);
        if layer.is_empty() {
            return Ok(());
        }
        for run in residency.runs(layer)? {
            key.first_head = run.start;
            let page = residency.page(key, layer, &run);
            let submitted = self.add_page(&page, layer, &run, first_result + run.start);
            if let Some(before) = self.before.replace(submitted) {
                let wait = wgpu::PollType::Wait { submission_index: Some(before), timeout: None };
                self.gpu.device.poll(wait).map_err(|error| GpuError::Refused(error.to_string()))?;
            }
        }
        Ok(())
    }

    fn add_page(
        &self,
        page: &wgpu::Buffer,
        layer: &TensorView<'_>,
        run: &Range<usize>,
        first_result: usize,
    ) -> wgpu::SubmissionIndex {
        let [queries, keys] = [layer.shape[1], layer.shape[2]];
        let tiles = queries.div_ceil(TILE_ROWS);
        let parameters = Parameters {
            queries: queries as u32,
            keys: keys as u32,
            heads: run.len() as u32,
            dtype: dtype_code(layer.dtype),
            tiles: tiles as u32,
            first_result: first_result as u32,
            causal: u32::from(self.plan.causal),
        };
        let scratch = |per_tile: usize| self.gpu.zeros((run.len() * tiles * per_tile * size_of::<f32>()) as u64);
        let bindings = self.kernel.bind(
            self.gpu,
            &[
                &self.gpu.uniform(&parameters),
                page,
                &self.queries,
                &self.keys,
                &scratch(SLOTS),
                &scratch(keys),
                &self.results,
            ],
        );
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        self.kernel.dispatch(self.gpu, &mut encoder, 0, &bindings, (run.len() * tiles) as u64);
        self.kernel.dispatch(self.gpu, &mut encoder, 1, &bindings, run.len() as u64);
        self.gpu.queue.submit([encoder.finish()])
    }

    /// Waits for the sums: one entry a layer, one a head.
    ///
    /// # Errors
    /// If the device is lost.
    pub fn finish(self) -> Result<Vec<Vec<Sums>>, GpuError> {
        let results: Vec<f32> = read_back(self.gpu, &self.results)?;
        let mut sums = results
            .chunks_exact(SLOTS)
            .map(|slots| std::array::from_fn::<f64, SLOTS, _>(|slot| f64::from(slots[slot])));
        Ok(self.heads.iter().map(|&heads| sums.by_ref().take(heads).collect()).collect())
    }
}
