//! `vlscope devices`: the adapters of this machine, and what runs where.

use anyhow::{Result, bail};
use clap::Args;

use super::table::{print_json, print_rows};
use crate::gpu::{GpuError, adapters};

const EXAMPLES: &str = "Examples:
  vlscope devices
  vlscope devices --json
  vlscope trace.safetensors --adapter llvmpipe";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// As JSON, with more of their limits.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let adapters = adapters();
    if adapters.is_empty() {
        bail!(GpuError::NoAdapter);
    }
    if arguments.json {
        return print_json(&adapters);
    }
    let rows: Vec<Vec<String>> = adapters
        .iter()
        .map(|adapter| {
            vec![
                adapter.name.clone(),
                adapter.kind.to_string(),
                adapter.backend.clone(),
                adapter.driver.clone(),
                mebibytes(adapter.max_binding_bytes),
                mebibytes(adapter.max_buffer_bytes),
                adapter.max_workgroups_per_dimension.to_string(),
                if adapter.runs_shaders { "compute shaders" } else { "the processor" }.to_owned(),
            ]
        })
        .collect();
    let header = ["adapter", "kind", "backend", "driver", "binding", "buffer", "workgroups", "numbers are computed by"];
    print_rows(false, &header, &rows)
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}
