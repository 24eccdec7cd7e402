//! The device: adapter, limits, pages of tensors, dispatches. Of ours it knows the trace's plain types only.

mod budget;
mod context;
mod dispatch;
mod kernel;
mod readback;
mod report;
mod residency;

pub use budget::{DEFAULT_BUDGET_BYTES, default_budget_bytes};
pub use context::{AdapterChoice, Gpu, GpuError, choose_adapter, new_instance};
pub use dispatch::fold;
pub use kernel::{Binding, Kernel, Shader};
pub use readback::read_back;
pub use report::{AdapterReport, adapters};
pub use residency::{PageKey, Residency};

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

/// A dtype's number in shaders/shared/decode.wgsl.
pub fn dtype_code(dtype: Dtype) -> u32 {
    match dtype {
        Dtype::F32 => 0,
        Dtype::F16 => 1,
        Dtype::Bf16 => 2,
    }
}
