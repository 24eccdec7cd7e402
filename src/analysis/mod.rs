//! What the numbers say: one folder a kernel, each with a CPU and a GPU twin of the same name and parameters.

mod engine;
pub mod gather;
mod layout;
pub mod normalize;
pub mod peaks;
mod projection;
mod selection;
pub mod statistics;
pub mod timeline;

pub use engine::{Compute, Engine, EngineError, Matrix};
pub use layout::BlockLayout;
pub use projection::{Projection, project};
pub use selection::{Direction, Pick, Selection};
