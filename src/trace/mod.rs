//! The trace: what one model did on one input, in one safetensors file. Imports nothing else of ours.

mod error;
mod format;
mod header;
mod reader;
mod schema;
mod tensor;

pub use error::TraceError;
pub use format::{
    Area, Block, Content, Document, FORMAT, HeadMetric, Hidden, METADATA_KEY, Modality, Region, Sequence, Token,
};
pub use reader::{ImageView, Trace};
pub use tensor::{Dtype, TensorView};
