//! What takes longer than a frame, in threads.

pub mod comparer;
pub mod desk;
pub mod destination;
pub mod dialog;
pub mod exporter;
pub mod loader;
mod preloaded;
pub mod projections;
pub mod screenshot;
mod stamp;
pub mod textures;
pub mod token_desk;
pub mod worker;
