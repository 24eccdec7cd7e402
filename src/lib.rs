//! vlscope: a microscope for vision-language transformers.

pub mod analysis;
pub mod app;
pub mod dataset;
pub mod evidence;
pub mod gpu;
pub mod render;
pub mod scene;
pub mod trace;
