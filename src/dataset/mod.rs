//! A dataset: a folder of traces, its index, and what is asked of both.

mod folder;
pub mod head_stats;
pub mod index;
pub mod notes;
mod open;
pub mod table;
mod text_line;
mod thumbnails;
pub mod tokens;

pub use folder::{Traces, path_in, traces_in};
pub use index::IndexError;
pub use open::{Dataset, Order};
pub use text_line::text_line;
