//! The numbers: every kernel against its definition, and against its counterpart on the GPU.

mod common;
mod definitions;
mod gpu;
mod heads;
mod pages;
mod rollout;
mod shader_bindings;
mod sinks;
mod statistics;
mod twins;
