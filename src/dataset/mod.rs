//! A dataset: a folder of traces.

mod folder;
pub mod index;
mod summary;

pub use folder::traces_in;
pub use summary::Summary;
