//! What the numbers say: one folder a kernel, each with a CPU and a GPU twin of the same name and parameters.

mod engine;
pub mod gather;
mod layout;
pub mod neighbours;
pub mod normalize;
pub mod projection;
mod selection;
pub mod similarity;
pub mod statistics;

pub use engine::{Compute, Engine, EngineError, Matrix};
pub use layout::BlockLayout;
pub use selection::{Direction, Pick, Selection};
