//! What the numbers say: one folder a kernel, each with a CPU and a GPU backend of the same name and parameters.

pub mod attention;
mod engine;
pub mod gather;
mod layout;
pub mod neighbours;
pub mod normalize;
mod on_device;
pub mod peaks;
pub mod per_head;
pub mod pool;
pub mod projection;
pub(crate) mod random;
pub mod recompute;
pub mod rollout;
mod rows;
mod seen_by;
mod selection;
pub mod similarity;
pub mod sinks;
pub mod statistics;
pub mod timeline;
pub mod token_sets;
pub mod token_statistics;
mod weights;
pub mod words;

pub use engine::{Compute, Engine, EngineError};
pub use layout::BlockLayout;
pub use rows::{Cells, HeadRows};
pub use seen_by::seen_by;
pub use selection::{Combine, Direction, NoLayer, Pick, Rollout, Selection, SinkTreatment};
pub use weights::{LayerWeights, RowBuffers};
