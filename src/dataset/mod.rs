//! A dataset: a folder of traces.

mod folder;
mod summary;

pub use folder::traces_in;
pub use summary::Summary;
