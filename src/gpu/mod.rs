//! The device: adapter, limits, pages of tensors, dispatches. Of ours it knows the trace's plain types only.

use crate::trace::Dtype;

/// One head of a layer in GPU memory: `[queries, keys]` in its stored dtype.
#[derive(Clone, Debug, PartialEq)]
pub struct ResidentMatrix {
    /// The page that holds it.
    pub buffer: wgpu::Buffer,
    /// Index of its first element in the buffer.
    pub first_element: u32,
    /// How an element is stored.
    pub dtype: Dtype,
}
