//! Which adapter draws, and which engine computes.

use clap::{Args, ValueEnum};

use crate::analysis::Compute;
use crate::gpu::AdapterChoice;

/// Shared by all commands that draw or compute.
#[derive(Args, Clone, Debug)]
pub struct AdapterArguments {
    /// A part of the adapter's name; `vlscope devices` lists them.
    #[arg(long, value_name = "NAME")]
    pub adapter: Option<String>,
    /// Where the numbers are computed.
    #[arg(long, value_enum, default_value_t = ComputeName::Auto)]
    pub compute: ComputeName,
}

/// [`Compute`] as it is typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ComputeName {
    /// On the GPU if it is a real one, else on the processor.
    Auto,
    /// By compute shaders.
    Gpu,
    /// On the processor.
    Cpu,
}

impl AdapterArguments {
    /// The adapter that was asked for.
    pub fn choice(&self) -> AdapterChoice {
        self.adapter.clone().map_or(AdapterChoice::Auto, AdapterChoice::Named)
    }

    /// The engine that was asked for.
    pub fn compute(&self) -> Compute {
        match self.compute {
            ComputeName::Auto => Compute::Auto,
            ComputeName::Gpu => Compute::Gpu,
            ComputeName::Cpu => Compute::Cpu,
        }
    }
}
