//! What the numbers say: one folder a kernel, each with a CPU and a GPU twin of the same name and parameters.

mod selection;

pub use selection::{Direction, Pick, Selection};
