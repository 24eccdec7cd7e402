//! Normalization on the device: shaders/analysis/normalize.wgsl.

use super::{LOG_FLOOR, Normalization};
use crate::gpu::{Binding, Gpu, GpuError, Shader, read_back};

/// The shader and what it binds.
pub const SHADER: Shader = Shader {
    name: "analysis/normalize",
    wgsl: concat!(
        include_str!("../../../shaders/shared/decode.wgsl"),
        include_str!("../../../shaders/shared/dispatch.wgsl"),
        include_str!("../../../shaders/analysis/normalize.wgsl"),
    ),
    bindings: &[Binding::Uniform(size_of::<Parameters>() as u64), Binding::ReadWrite, Binding::ReadWrite],
    entry_points: &["ranges", "scale"],
};

/// Threads of a workgroup.
const THREADS: u64 = 256;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Parameters {
    count: u32,
    group_size: u32,
    how: u32,
    percent: f32,
    log_floor: f32,
}

/// Normalizes `[rows, columns]` in place and returns the ranges: one for all, or one per row for
/// [`Normalization::RowMaximum`].
///
/// # Errors
/// If there are more values than the device allows, or it is lost.
pub fn normalize(gpu: &Gpu, values: &mut [f32], columns: usize, how: Normalization) -> Result<Vec<[f32; 2]>, GpuError> {
    let (code, percent) = match how {
        Normalization::None => return Ok(vec![[0.0, 1.0]]),
        Normalization::MinMax => (1, 0.0),
        Normalization::RowMaximum => (2, 0.0),
        Normalization::Percentile(percent) => (3, percent),
        Normalization::Log => (4, 0.0),
    };
    let by_row = how == Normalization::RowMaximum;
    if values.is_empty() {
        return Ok(if by_row { Vec::new() } else { vec![[0.0; 2]] });
    }
    let group_size = if by_row { columns.max(1) } else { values.len() };
    let groups = values.len().div_ceil(group_size);
    let parameters = Parameters {
        count: values.len() as u32,
        group_size: group_size as u32,
        how: code,
        percent,
        log_floor: LOG_FLOOR,
    };
    let kernel = gpu.kernel(&SHADER)?;
    let on_device = gpu.storage("values", values)?;
    let limits = gpu.zeros("ranges", (groups * size_of::<[f32; 2]>()) as u64)?;
    let bindings = kernel.bind(&[&gpu.uniform(&parameters), &on_device, &limits]);
    let mut encoder = gpu.encoder();
    kernel.dispatch(&mut encoder, 0, &bindings, groups as u64);
    kernel.dispatch(&mut encoder, 1, &bindings, (values.len() as u64).div_ceil(THREADS));
    gpu.queue.submit([encoder.finish()]);
    values.copy_from_slice(&read_back::<f32>(gpu, &on_device)?);
    read_back(gpu, &limits)
}
