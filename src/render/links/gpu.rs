//! Runs shaders/render/links_select.wgsl.

use wgpu::BufferUsages;

use super::curve::{key, strip_vertices};
use crate::gpu::{Binding, Gpu, GpuError, Shader};
use crate::render::Keep;

/// The shader and what it binds.
pub(in crate::render) const SHADER: Shader = Shader {
    name: "render/links_select",
    wgsl: concat!(
        include_str!("../../../shaders/shared/dispatch.wgsl"),
        include_str!("../../../shaders/render/links_select.wgsl")
    ),
    bindings: &[
        Binding::Uniform(size_of::<Params>() as u64),
        Binding::Read,
        Binding::ReadWrite,
        Binding::ReadWrite,
        Binding::ReadWrite,
        Binding::ReadWrite,
    ],
    entry_points: &["start", "count_digits", "pick_digit", "tally", "scan", "compact"],
};

const START: usize = 0;
const COUNT_DIGITS: usize = 1;
const PICK_DIGIT: usize = 2;
const TALLY: usize = 3;
const SCAN: usize = 4;
const COMPACT: usize = 5;

/// Links that a workgroup looks at; that of the shader.
const BLOCK: u32 = 256;
/// Words of the shader's `Progress`.
const PROGRESS_WORDS: u64 = 256 + 4;

/// The uniform.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    /// How many are kept, if the strongest are.
    strongest: u32,
    /// The least key that is kept, otherwise.
    least_key: u32,
    is_strongest: u32,
}

/// Buffers with the indices of the kept links, ascending, and with the arguments of their draw, of which the second is their
/// number. They are filled when the encoder's commands have run.
pub(in crate::render) fn select(
    gpu: &Gpu,
    encoder: &mut wgpu::CommandEncoder,
    links: &wgpu::Buffer,
    count: u32,
    keep: Keep,
) -> Result<(wgpu::Buffer, wgpu::Buffer), GpuError> {
    let (strongest, least_key) = match keep {
        Keep::Strongest(strongest) => (strongest, 0),
        // Nothing is at least NaN.
        Keep::AtLeast(least) if least.is_nan() => (0, u32::MAX),
        Keep::AtLeast(least) => (0, key(least)),
    };
    let is_strongest = u32::from(matches!(keep, Keep::Strongest(_)));
    let blocks = u64::from(count.div_ceil(BLOCK));

    let kernel = gpu.kernel(&SHADER)?;
    let params = gpu.uniform(&Params { count, strongest, least_key, is_strongest });
    let progress = gpu.zeros("the selection of links", 4 * PROGRESS_WORDS)?;
    let tallies = gpu.zeros("the selection of links", 8 * blocks)?;
    let kept = gpu.zeros("the selection of links", 4 * u64::from(count))?;
    let arguments = gpu.buffer(
        BufferUsages::STORAGE | BufferUsages::INDIRECT | BufferUsages::COPY_SRC,
        bytemuck::cast_slice(&[strip_vertices(), 0, 0, 0]),
    );
    let bindings = kernel.bind(&[&params, links, &progress, &tallies, &kept, &arguments]);
    let mut dispatch = |entry_point, workgroups| kernel.dispatch(encoder, entry_point, &bindings, workgroups);
    dispatch(START, 1);
    if is_strongest == 1 {
        for _digit in 0..4 {
            dispatch(COUNT_DIGITS, blocks);
            dispatch(PICK_DIGIT, 1);
        }
    }
    dispatch(TALLY, blocks);
    dispatch(SCAN, 1);
    dispatch(COMPACT, blocks);
    Ok((kept, arguments))
}
