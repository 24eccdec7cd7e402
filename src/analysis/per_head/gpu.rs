//! Every head's weights on the device, by the kernel that gathers them.

use super::{HeadWeights, heads_of};
use crate::analysis::gather::Resolved;
use crate::analysis::gather::gpu::of_heads;
use crate::analysis::{Combine, Direction, LayerWeights};
use crate::gpu::{Gpu, GpuError, PageKey};

/// `[heads, others]`; `layers` are all of the block, `key` is that of its first page.
///
/// # Errors
/// As [`of_heads`].
pub fn per_head(
    gpu: &Gpu,
    key: PageKey,
    layers: &[LayerWeights<'_>],
    part: &Resolved,
) -> Result<HeadWeights, GpuError> {
    let others = layers.first().map_or(0, |layer| match part.direction {
        Direction::AttendsTo => layer.shape()[2],
        Direction::AttendedBy => layer.shape()[1],
    });
    let summed = Resolved { combine: Combine::Sum, ..part.clone() };
    Ok(finish(part, others, of_heads(gpu, key, layers, &summed, true)?.into_iter()))
}

/// Per layer sums over the selected tokens, `[heads of the layer, others]`, to means of each head number.
fn finish(part: &Resolved, others: usize, sums: impl Iterator<Item = Vec<f32>>) -> HeadWeights {
    let heads = heads_of(part);
    let mut values = vec![0.0_f32; heads * others];
    for of_layer in sums {
        values.iter_mut().zip(of_layer).for_each(|(value, sum)| *value += sum);
    }
    if others == 0 {
        return HeadWeights { heads, values };
    }
    for (head, values) in values.chunks_mut(others).enumerate() {
        let layers = part.heads.iter().filter(|(_, heads)| heads.contains(&head)).count();
        let count = (layers * part.tokens.len()) as f32;
        // An infinite weight is as broken as one that is no number.
        values.iter_mut().for_each(|value| *value = if value.is_finite() { *value / count } else { f32::NAN });
    }
    HeadWeights { heads, values }
}
