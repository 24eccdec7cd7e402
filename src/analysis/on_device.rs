//! The way of a kernel over layers on the device, wherever their weights come from.

use std::ops::Range;

use super::attention::{self, ComputedLayer};
use super::weights::LayerWeights;
use crate::gpu::{self, Gpu, GpuError, PageKernel, PageKey};
use crate::trace::TensorView;

/// Lets a kernel walk over the heads of layers, of which `heads` names those that take part: page by page where the weights are
/// stored, else over the rows of `queries`, strip by strip. `key` is that of the first page of `layers`. `goes_on` hears how many layers
/// were handed in, and says whether to go on; if not, the result is false.
///
/// # Errors
/// As [`gpu::walk`] and [`attention::gpu::walk`].
pub fn walk<K: PageKernel>(
    gpu: &Gpu,
    key: PageKey,
    layers: &[LayerWeights<'_>],
    heads: &[(usize, Range<usize>)],
    queries: &[usize],
    kernel: &mut K,
    goes_on: &mut dyn FnMut(usize) -> bool,
) -> Result<bool, GpuError> {
    let stored: Option<Vec<TensorView<'_>>> = layers.iter().map(|layer| layer.stored().cloned()).collect();
    if let Some(stored) = stored {
        return gpu::walk(gpu, key, &stored, heads, kernel, goes_on);
    }
    // All layers of a block are stored in one way.
    let computed: Vec<&ComputedLayer<'_>> = layers.iter().filter_map(LayerWeights::computed).collect();
    attention::gpu::walk(gpu, key, &computed, heads, queries, kernel, goes_on)
}
