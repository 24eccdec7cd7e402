//! Every head's weights on the device, by the kernel that gathers them.

use super::{HeadWeights, finish};
use crate::analysis::gather::Resolved;
use crate::analysis::gather::gpu::of_each_head;
use crate::analysis::{Combine, Direction};
use crate::gpu::{Gpu, GpuError, PageKey};
use crate::trace::TensorView;

/// `[heads, others]`; `layers` are all of the block, `key` is that of its first page.
///
/// # Errors
/// If a head is too large for a page, or the device is lost.
pub fn per_head(gpu: &Gpu, key: PageKey, layers: &[TensorView<'_>], part: &Resolved) -> Result<HeadWeights, GpuError> {
    let others = layers.first().map_or(0, |layer| match part.direction {
        Direction::AttendsTo => layer.shape[2],
        Direction::AttendedBy => layer.shape[1],
    });
    let summed = Resolved { combine: Combine::Sum, ..part.clone() };
    Ok(finish(part, others, of_each_head(gpu, key, layers, &summed)?.into_iter()))
}
