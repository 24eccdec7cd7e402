//! The gathering on the device: shaders/analysis/gather.wgsl, page by page.

use super::Resolved;
use crate::analysis::{Combine, Direction};
use crate::gpu::{Binding, Bound, Gpu, GpuError, Page, PageKernel, PageKey, Shader, dtype_code, walk};
use crate::trace::TensorView;

/// Threads of a workgroup.
const THREADS: u64 = 64;

/// What the selected tokens attend to, or are attended by, in each selected head.
#[derive(Debug)]
pub struct Gather<'a> {
    part: &'a Resolved,
    tokens: wgpu::Buffer,
    /// For each selected layer the sums over tokens, `[heads, others]`.
    sums: Vec<Vec<f32>>,
}

/// The uniform.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Parameters {
    first_head: u32,
    heads: u32,
    others: u32,
    tokens: u32,
    head_stride: u32,
    token_stride: u32,
    other_stride: u32,
    dtype: u32,
    is_maximum: u32,
}

impl PageKernel for Gather<'_> {
    type Parameters = Parameters;
    const SHADER: Shader = Shader {
        name: "analysis/gather",
        wgsl: concat!(
            include_str!("../../../shaders/shared/decode.wgsl"),
            include_str!("../../../shaders/shared/dispatch.wgsl"),
            include_str!("../../../shaders/analysis/gather.wgsl"),
        ),
        bindings: &[Binding::Uniform(size_of::<Parameters>() as u64), Binding::Read, Binding::Read, Binding::ReadWrite],
        entry_points: &["gather"],
    };

    fn parameters(&self, page: &Page<'_>) -> Parameters {
        let (others, keys) = (self.others(page), page.keys());
        let (token_stride, other_stride) = match self.part.direction {
            Direction::AttendsTo => (keys, 1),
            Direction::AttendedBy => (1, keys),
        };
        Parameters {
            first_head: page.first_head as u32,
            heads: page.heads.len() as u32,
            others: others as u32,
            tokens: self.part.tokens.len() as u32,
            head_stride: (page.queries() * keys) as u32,
            token_stride: token_stride as u32,
            other_stride: other_stride as u32,
            dtype: dtype_code(page.layer.dtype),
            is_maximum: u32::from(self.part.combine == Combine::Max),
        }
    }

    fn bound(&self, page: &Page<'_>) -> Vec<Bound> {
        vec![Bound::Own(self.tokens.clone()), Bound::Result(self.others(page))]
    }

    fn dispatches(&self, page: &Page<'_>) -> Vec<(usize, u64)> {
        vec![(0, ((page.heads.len() * self.others(page)) as u64).div_ceil(THREADS))]
    }

    fn take(&mut self, page: &Page<'_>, words: &[u32]) {
        self.sums[page.number].extend(words.iter().copied().map(f32::from_bits));
    }
}

impl Gather<'_> {
    fn others(&self, page: &Page<'_>) -> usize {
        match self.part.direction {
            Direction::AttendsTo => page.keys(),
            Direction::AttendedBy => page.queries(),
        }
    }
}

/// For each selected layer the sums over the selected tokens, or their maxima, in each selected head: `[heads, others]`. NaN
/// where a weight is not finite. `layers` are all of the block, and `key` says of which trace and block.
///
/// # Errors
/// If a head is too large for a page, or the device is lost.
pub fn of_each_head(
    gpu: &Gpu,
    key: PageKey,
    layers: &[TensorView<'_>],
    part: &Resolved,
) -> Result<Vec<Vec<f32>>, GpuError> {
    let tokens: Vec<u32> = part.tokens.iter().map(|&token| token as u32).collect();
    let tokens = gpu.storage("selected tokens", &tokens)?;
    let mut kernel = Gather { part, tokens, sums: vec![Vec::new(); part.heads.len()] };
    walk(gpu, key, layers, &part.heads, &mut kernel, &mut |_| true)?;
    Ok(kernel.sums)
}

/// One weight per token of the other side; `layers` are all of the block, and `key` says of which trace and block. Of a
/// maximum over tokens, only of one head.
///
/// # Errors
/// If a head is too large for a page, or the device is lost.
pub fn gather(gpu: &Gpu, key: PageKey, layers: &[TensorView<'_>], part: &Resolved) -> Result<Vec<f32>, GpuError> {
    let others = layers.first().map_or(0, |layer| match part.direction {
        Direction::AttendsTo => layer.shape[2],
        Direction::AttendedBy => layer.shape[1],
    });
    let by_head = of_each_head(gpu, key, layers, part)?;
    let rows = by_head.iter().flat_map(|of_layer| of_layer.chunks(others.max(1)));
    Ok(super::mean(rows, others, part.divisor()))
}
