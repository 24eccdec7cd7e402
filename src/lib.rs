//! vlscope: a microscope for vision-language transformers.

pub mod analysis;
pub mod app;
pub mod cli;
pub mod dataset;
pub mod evidence;
pub mod gpu;
pub mod headless;
pub mod render;
pub mod scene;
pub mod trace;
