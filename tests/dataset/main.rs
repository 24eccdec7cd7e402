//! Folders of traces: their index, its repair, and what is opened.

mod common;
mod concurrent;
mod index;
mod open;
mod repair;
#[path = "../common/traces.rs"]
mod traces;
