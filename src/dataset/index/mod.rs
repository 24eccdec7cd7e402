//! The index of a dataset: what the traces of a folder say, as Parquet (docs/datasets.md describes the tables).
//!
//! An index is a folder of parts, each with its four tables, and needs no other file: a reader takes all parts together,
//! any number of writers add parts of their own. A part never changes; it is written under a hidden name, renamed once
//! it is whole, and replaced by another part when one of its traces changes.
//!
//! Rejected: one file a table, which every run would rewrite; a data base, which two machines cannot write at once on a
//! shared folder; a list of parts in a file of its own, which would have to be merged.

mod build;
mod columns;
mod commit;
mod error;
mod headers;
mod ledger;
mod part;
mod reader;
mod reduce;
mod rows;
mod schema;
mod tables;
mod thumbnail;

pub use build::{Build, BuildOptions, Report, Shard};
pub use error::IndexError;
pub use headers::headers;
pub use reader::{Index, Part};
pub use reduce::REDUCED;
pub(in crate::dataset) use reduce::reduced;
pub use rows::{ContentOptions, HiddenStates};
pub use schema::{Table, example_key, metric_column, statistic_column};
