//! The shaders of the strips, and their uniforms.

use crate::gpu::{Binding, Shader};

/// Rows and keys of a tile of `logits`.
pub const TILE: usize = 128;
/// Dims that a thread of `turn` takes; a whole number of the slices of `logits`.
pub const DIMS: usize = 16;
/// Threads of a workgroup of `turn`.
pub const TURNED_VECTORS: usize = 64;

/// Queries or keys, decoded and turned: shaders/analysis/turn.wgsl.
pub const TURN: Shader = Shader {
    name: "analysis/turn",
    wgsl: concat!(
        include_str!("../../../../shaders/shared/decode.wgsl"),
        include_str!("../../../../shaders/shared/dispatch.wgsl"),
        include_str!("../../../../shaders/analysis/turn.wgsl"),
    ),
    bindings: &[Binding::Uniform(size_of::<TurnParameters>() as u64), Binding::Read, Binding::ReadWrite],
    entry_points: &["turn"],
};

/// Their logits: shaders/analysis/logits.wgsl.
pub const LOGITS: Shader = Shader {
    name: "analysis/logits",
    wgsl: concat!(
        include_str!("../../../../shaders/shared/dispatch.wgsl"),
        include_str!("../../../../shaders/analysis/logits.wgsl"),
    ),
    bindings: &[
        Binding::Uniform(size_of::<LogitsParameters>() as u64),
        Binding::Read,
        Binding::Read,
        Binding::Read,
        Binding::ReadWrite,
    ],
    entry_points: &["logits"],
};

/// The weights of logits: shaders/analysis/softmax.wgsl.
pub const SOFTMAX: Shader = Shader {
    name: "analysis/softmax",
    wgsl: concat!(
        include_str!("../../../../shaders/shared/dispatch.wgsl"),
        include_str!("../../../../shaders/shared/mask.wgsl"),
        include_str!("../../../../shaders/analysis/softmax.wgsl"),
    ),
    bindings: &[
        Binding::Uniform(size_of::<SoftmaxParameters>() as u64),
        Binding::Read,
        Binding::Read,
        Binding::ReadWrite,
        Binding::ReadWrite,
    ],
    entry_points: &["softmax"],
};

/// The uniform of [`TURN`].
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(super) struct TurnParameters {
    pub(super) groups: u32,
    pub(super) heads: u32,
    pub(super) vectors: u32,
    pub(super) first_head: u32,
    pub(super) first_vector: u32,
    pub(super) source_vectors: u32,
    pub(super) dims: u32,
    pub(super) padded_dims: u32,
    pub(super) padded_vectors: u32,
    pub(super) dtype: u32,
}

/// The uniform of [`LOGITS`].
#[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(super) struct LogitsParameters {
    pub(super) groups: u32,
    pub(super) rows: u32,
    pub(super) keys: u32,
    pub(super) dims: u32,
    pub(super) row_tiles: u32,
    pub(super) key_tiles: u32,
    pub(super) scale: f32,
    pub(super) softcap: f32,
}

/// The uniform of [`SOFTMAX`].
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(super) struct SoftmaxParameters {
    pub(super) heads: u32,
    pub(super) queries: u32,
    pub(super) keys: u32,
}
