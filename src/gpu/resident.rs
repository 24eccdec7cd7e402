//! Matrices in GPU memory.

use super::device::Gpu;
use super::error::GpuError;
use super::pages::PageKey;
use crate::trace::{Dtype, TensorView};

/// `[queries, keys]` in GPU memory, in its stored dtype.
#[derive(Clone, Debug, PartialEq)]
pub struct ResidentMatrix {
    /// On which it lies, and can be drawn.
    pub device: wgpu::Device,
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

/// A head of a layer, on the page that holds it.
///
/// # Errors
/// If the head is too large for a page, or the device refuses it.
pub fn resident_head(
    gpu: &Gpu,
    mut key: PageKey,
    layer: &TensorView<'_>,
    head: usize,
) -> Result<ResidentMatrix, GpuError> {
    let run = gpu.runs(layer)?.into_iter().find(|run| run.contains(&head)).unwrap_or(head..head + 1);
    key.first_head = run.start;
    Ok(ResidentMatrix {
        device: gpu.device.clone(),
        buffer: gpu.page(key, layer, &run)?,
        first_element: ((head - run.start) * layer.shape[1] * layer.shape[2]) as u32,
        dtype: layer.dtype,
    })
}
