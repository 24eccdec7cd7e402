//! vlscope: a microscope for vision-language transformers.

pub mod analysis;
pub mod gpu;
pub mod render;
pub mod scene;
pub mod trace;
