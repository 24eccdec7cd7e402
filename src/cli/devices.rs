//! `vlscope devices`: the adapters of this machine, and what runs where.

use anyhow::{Result, bail};
use clap::Args;

use super::table::print_rows;
use crate::gpu::{GpuError, adapters};

const EXAMPLES: &str = "Examples:
  vlscope devices
  vlscope trace.safetensors --adapter llvmpipe";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {}

pub fn run(_: &Arguments) -> Result<()> {
    let adapters = adapters();
    if adapters.is_empty() {
        bail!(GpuError::NoAdapter);
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
