//! vlscope: a microscope for vision-language transformers.
//!
//! Imports point one way, from the bottom of this list to the top (tests/imports); ARCHITECTURE.md says why.
//!
//! - `typed`: choices and numbers as a person types them.
//! - [`trace`]: what one model did on one input, in one file.
//! - [`gpu`]: adapter, device, pages of tensors.
//! - [`analysis`]: the kernels, each on the processor and in shaders.
//! - [`dataset`]: a folder of traces.
//! - [`render`]: draws marks with wgpu; knows neither traces nor egui.
//! - [`query`]: what can be asked of a trace or a dataset, and the engine that answers.
//! - [`view`]: from a document, a selection and results to marks; pure.
//! - [`headless`]: a view as pixels, without a window.
//! - [`export`]: figures, numbers, animations, view states: what leaves the program.
//! - [`app`]: the window.
//! - [`cli`]: the command line.

pub mod analysis;
pub mod app;
pub mod cli;
pub mod dataset;
pub mod export;
pub mod gpu;
pub mod headless;
pub mod query;
pub mod render;
pub mod trace;
mod typed;
pub mod view;
