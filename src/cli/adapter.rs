//! Which adapter draws, and which engine computes.

use clap::{Args, ValueEnum};

use crate::analysis::Compute;
use crate::gpu::{AdapterChoice, Gpu};

/// Shared by all commands that draw or compute.
#[derive(Args, Clone, Debug)]
pub struct AdapterArguments {
    /// A part of the adapter's name; `vlscope devices` lists them.
    #[arg(long, value_name = "NAME")]
    pub adapter: Option<String>,
    /// Where the numbers are computed.
    #[arg(long, value_enum, default_value_t = ComputeName::Auto)]
    pub compute: ComputeName,
    /// The most GPU memory that attention takes, for example 512M or 2G; a share of the adapter's, and 1G on a software
    /// adapter, if not given.
    #[arg(long, value_name = "SIZE", value_parser = parse_memory)]
    pub gpu_memory: Option<u64>,
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

    /// How many bytes of attention the device may hold.
    pub fn budget_bytes(&self, gpu: &Gpu) -> u64 {
        self.gpu_memory.unwrap_or_else(|| gpu.page_budget())
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

/// Bytes, from a number with K, M or G (powers of 1024) behind it, or with nothing.
fn parse_memory(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => Some(1_u64),
        "K" | "KB" | "KIB" => Some(1 << 10),
        "M" | "MB" | "MIB" => Some(1 << 20),
        "G" | "GB" | "GIB" => Some(1 << 30),
        _ => None,
    };
    let bytes = unit.and_then(|unit| Some(digits.parse::<f64>().ok()? * unit as f64));
    let bytes = bytes.filter(|bytes| bytes.is_finite() && *bytes >= 1.0).map(|bytes| bytes as u64);
    bytes.ok_or_else(|| format!("`{text}` is no size: expected for example 512M or 2G"))
}

#[cfg(test)]
mod tests {
    use super::parse_memory;

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(parse_memory("20000"), Ok(20_000));
        assert_eq!(parse_memory("512M"), Ok(512 << 20));
        assert_eq!(parse_memory("1.5g"), Ok(3 << 29));
        assert_eq!(parse_memory("2GiB"), Ok(2 << 30));
        for wrong in ["", "M", "0", "-1G", "1T", "much", "infG"] {
            assert!(parse_memory(wrong).is_err(), "{wrong}");
        }
    }
}
