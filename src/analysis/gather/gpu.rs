//! The gathering on the device: shaders/analysis/gather.wgsl, page by page. Of weights that have to be computed only the rows of the
//! selected tokens are made; what is attended *by* keys would take all rows, so it is the processor's.

use super::Resolved;
use crate::analysis::on_device::walk;
use crate::analysis::{Combine, Direction, LayerWeights};
use crate::gpu::{Binding, Bound, Gpu, GpuError, Page, PageKernel, PageKey, Shader, dtype_code};

/// Threads of a workgroup.
const THREADS: u64 = 64;

/// What the selected tokens attend to, or are attended by, in each selected head.
#[derive(Debug)]
pub struct Gather<'a> {
    part: &'a Resolved,
    tokens: wgpu::Buffer,
    /// Whether pages hold the rows of the selected tokens and no others.
    only_tokens: bool,
    /// Whether heads are added.
    adds_heads: bool,
    /// For each selected layer the sums over tokens, `[heads, others]`, or over heads as well, `[others]`.
    sums: Vec<Vec<f32>>,
}

/// The uniform.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Parameters {
    first_head: u32,
    results: u32,
    heads_together: u32,
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

    fn parameters(&self, page: &Page) -> Parameters {
        let (others, keys) = (self.others(page), page.keys());
        let (token_stride, other_stride) = match self.part.direction {
            Direction::AttendsTo => (keys, 1),
            Direction::AttendedBy => (1, keys),
        };
        let results = self.results(page);
        let tokens = if self.only_tokens { page.queries() } else { self.part.tokens.len() };
        Parameters {
            first_head: page.first_head as u32,
            results: results as u32,
            heads_together: (page.heads.len() / results) as u32,
            others: others as u32,
            tokens: tokens as u32,
            head_stride: (page.queries() * keys) as u32,
            token_stride: token_stride as u32,
            other_stride: other_stride as u32,
            dtype: dtype_code(page.dtype),
            is_maximum: u32::from(self.part.combine == Combine::Max),
        }
    }

    fn bound(&self, page: &Page) -> Vec<Bound> {
        vec![
            Bound::Own(self.tokens.clone()),
            Bound::Result((self.results(page) * self.others(page)).div_ceil(page.heads.len())),
        ]
    }

    fn dispatches(&self, page: &Page) -> Vec<(usize, u64)> {
        vec![(0, ((self.results(page) * self.others(page)) as u64).div_ceil(THREADS))]
    }

    fn take(&mut self, page: &Page, words: &[u32]) {
        let others = self.others(page);
        let first_head = if self.adds_heads { 0 } else { page.heads.start - self.part.heads[page.number].1.start };
        let values = words[..self.results(page) * others].iter().map(|&word| f32::from_bits(word));
        let sums = &mut self.sums[page.number];
        match sums.get_mut(first_head * others..first_head * others + values.len()) {
            // Of these heads, other rows were on a page before.
            Some(before) if !before.is_empty() => {
                let combine = |(one, other): (&mut f32, f32)| *one = of_two(*one, other, self.part.combine);
                before.iter_mut().zip(values).for_each(combine);
            }
            _ => sums.extend(values),
        }
    }
}

impl Gather<'_> {
    fn results(&self, page: &Page) -> usize {
        if self.adds_heads { 1 } else { page.heads.len() }
    }

    fn others(&self, page: &Page) -> usize {
        match self.part.direction {
            Direction::AttendsTo => page.keys(),
            Direction::AttendedBy => page.queries(),
        }
    }
}

/// NaN stays NaN.
fn of_two(one: f32, other: f32, combine: Combine) -> f32 {
    match combine {
        Combine::Mean | Combine::Sum => one + other,
        Combine::Max if one.is_nan() || other.is_nan() => f32::NAN,
        Combine::Max => one.max(other),
    }
}

/// For each selected layer the sums over the selected tokens, or their maxima, in each selected head: `[heads, others]`; or if heads need
/// not stay `apart`, and that is as fast, the sums over heads as well, `[others]`. NaN where a weight is not finite. `layers` are all of
/// the block, and `key` says of which trace and block.
///
/// # Errors
/// If a head, or a row that has to be computed, is too large for the device, or the device is lost.
pub fn of_heads(
    gpu: &Gpu,
    key: PageKey,
    layers: &[LayerWeights<'_>],
    part: &Resolved,
    apart: bool,
) -> Result<Vec<Vec<f32>>, GpuError> {
    let only_tokens = layers.iter().any(LayerWeights::is_computed);
    let number = |(number, &token): (usize, &usize)| if only_tokens { number as u32 } else { token as u32 };
    let tokens: Vec<u32> = part.tokens.iter().enumerate().map(number).collect();
    let tokens = gpu.storage("selected tokens", &tokens)?;
    let sums = vec![Vec::new(); part.heads.len()];
    let mut kernel = Gather { part, tokens, only_tokens, adds_heads: only_tokens && !apart, sums };
    walk(gpu, key, layers, &part.heads, &part.tokens, &mut kernel, &mut |_| true)?;
    Ok(kernel.sums)
}

/// Whether the device can gather this.
pub fn can_gather(layers: &[LayerWeights<'_>], part: &Resolved) -> bool {
    let are_known = layers.iter().all(LayerWeights::has_shaders);
    are_known && (part.direction == Direction::AttendsTo || !layers.iter().any(LayerWeights::is_computed))
}

/// One weight per token of the other side; `layers` are all of the block, and `key` says of which trace and block. Of a
/// maximum over tokens, only of one head.
///
/// # Errors
/// As [`of_heads`].
pub fn gather(gpu: &Gpu, key: PageKey, layers: &[LayerWeights<'_>], part: &Resolved) -> Result<Vec<f32>, GpuError> {
    let others = layers.first().map_or(0, |layer| match part.direction {
        Direction::AttendsTo => layer.shape()[2],
        Direction::AttendedBy => layer.shape()[1],
    });
    let by_head = of_heads(gpu, key, layers, part, false)?;
    let rows = by_head.iter().flat_map(|of_layer| of_layer.chunks(others.max(1)));
    Ok(super::mean(rows, others, part.divisor()))
}
