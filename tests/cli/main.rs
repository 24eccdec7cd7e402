//! The command line: what each subcommand prints, draws and refuses.

mod bench;
mod command_line;
mod common;
mod compare;
mod dataset;
mod figures;
mod full_disk;
mod heads;
mod hidden;
mod memory;
mod numbers;
mod pictures;
mod selection;
mod shortened;
mod tokens;
mod traces;
mod usage;
