//! The numbers: every kernel against its definition, and against its counterpart on the GPU.

mod attention;
mod common;
mod definitions;
mod gpu;
mod heads;
mod limits;
mod loss;
mod pages;
mod rollout;
mod shaders;
mod sinks;
mod statistics;
mod twins;
