//! What takes longer than a frame, in threads.

pub mod desk;
pub mod destination;
pub mod dialog;
pub mod exporter;
pub mod loader;
mod motion;
mod preloaded;
pub mod queries;
pub mod screenshot;
mod stamp;
pub mod textures;
pub mod token_desk;
pub mod worker;
