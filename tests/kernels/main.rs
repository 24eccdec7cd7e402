//! The numbers: every kernel against its definition, and against its counterpart on the GPU.

mod attention;
mod broken_rows;
mod common;
mod computed;
mod definitions;
mod gpu;
mod heads;
mod limits;
mod loss;
mod masks;
mod pages;
#[path = "../common/computed.rs"]
mod pair;
mod rollout;
mod shaders;
mod sinks;
mod statistics;
mod twins;
mod weight_kinds;
