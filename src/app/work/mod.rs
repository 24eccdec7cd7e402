//! What takes longer than a frame, in threads.

pub mod about;
pub mod desk;
pub mod destination;
pub mod dialog;
pub mod exporter;
pub mod latest;
mod listing;
mod motion;
mod opening;
mod preloaded;
pub mod queries;
pub mod screenshot;
mod stamp;
pub mod textures;
pub mod token_desk;
