//! The command line: what each subcommand prints, draws and refuses.

mod bench;
mod command_line;
mod common;
mod compare;
mod computed;
mod convert;
mod dataset;
mod figures;
mod full_disk;
mod hardware_kit;
mod heads;
mod hidden;
mod hostile;
mod layers;
mod lens;
#[path = "../render/likeness.rs"]
mod likeness;
mod memory;
mod notes;
mod numbers;
#[path = "../common/computed.rs"]
mod pair;
mod pictures;
mod ranked;
#[path = "../common/traces.rs"]
mod raw;
mod recompute;
mod selection;
mod shortened;
mod tokens;
mod traces;
mod usage;
