//! The trace: what one model did on one input, in one safetensors file. Imports nothing else of ours.

pub mod check;
pub mod convert;
mod display;
mod error;
mod format;
mod header;
mod json;
pub mod kinds;
mod map;
mod mask;
mod new_file;
mod reader;
mod schema;
mod stamp;
mod synthetic;
mod synthetic_dataset;
mod synthetic_queries;
mod take;
mod tensor;
mod vocabulary;
mod writer;

pub use display::{LINE_LETTERS, NAME_LETTERS, beginning, escaped, shortened};
pub use error::TraceError;
pub use format::{
    Area, Block, Content, Document, FORMATS, HeadMetric, Hidden, METADATA_KEY, Modality, Region, Relevance, Sequence,
    Stored, Token, WordState, Words,
};
pub use mask::{LayerMask, Mask, MaskRow};
pub use new_file::NewFile;
pub use reader::{ImageView, LayerTensors, QueriesKeys, Trace};
pub use synthetic::Synthetic;
pub use synthetic_dataset::SyntheticDataset;
pub use synthetic_queries::SyntheticQueries;
pub use tensor::{Dtype, TensorView};
pub use vocabulary::{Vocabulary, WordsView};
pub use writer::{TensorSpec, TraceWriter};
