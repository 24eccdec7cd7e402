//! The device: adapter, limits, loss, buffers, shaders, pages of tensors and the kernels' way over them. Compute kernels and
//! the renderer's passes share it. Of ours it knows the trace's plain types only.

mod adapter;
mod budget;
mod buffers;
mod device;
mod dispatch;
mod error;
mod kernel;
mod mask;
mod pages;
mod readback;
mod report;
mod resident;
mod scope;
mod shader;
mod walk;

pub use adapter::{AdapterChoice, choose_adapter, new_instance};
pub use budget::DEFAULT_BUDGET_BYTES;
pub use device::Gpu;
pub use dispatch::fold;
pub use error::GpuError;
pub use kernel::Kernel;
pub use mask::mask_words;
pub use pages::{PageKey, PageTensor};
pub use readback::read_back;
pub use report::{AdapterReport, adapters};
pub use resident::{ResidentMatrix, dtype_code, resident_head};
pub use shader::{Binding, Shader};
pub(crate) use shader::{Module, bind_group};
pub use walk::{Bound, Page, PageKernel, Pipeline, walk};
