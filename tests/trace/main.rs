//! The trace format: what is read, written and refused.

mod changes;
mod check;
#[path = "../common/traces.rs"]
mod common;
mod document;
mod kinds;
mod refusals;
mod schema;
mod second;
mod synthetic;
mod synthetic_queries;
mod touched;
