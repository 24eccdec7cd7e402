//! How near the statistics' shader comes to what the device's memory gives: its rate over pages that are resident, beside
//! the rate of a plain copy within the device.

use std::sync::Arc;

use anyhow::Result;
use serde::Serialize;

use super::timing::measure;
use crate::analysis::statistics::Options;
use crate::analysis::{Compute, Engine};
use crate::gpu::Gpu;
use crate::query::OpenTrace;

/// Large enough that no cache holds it.
const COPIED_BYTES: u64 = 256 << 20;
/// Copies that are timed together, so that the start of one does not count.
const COPIES: u64 = 8;
const RUNS: usize = 5;

/// Rates in gigabytes a second.
#[derive(Debug, Serialize)]
pub struct Bandwidth {
    /// What a copy reads and writes together.
    pub copy_gb_per_s: f64,
    /// What the statistics read of the first block.
    pub statistics_gb_per_s: f64,
    /// The second over the first.
    pub ratio: f64,
}

/// Measures both; `None` where the block does not fit into the budget, so that its pages cannot stay.
///
/// # Errors
/// If the device fails.
pub fn bandwidth(gpu: &Arc<Gpu>, open: &OpenTrace, budget_bytes: u64) -> Result<Option<Bandwidth>> {
    let layers = open.document().attention.first().map_or(0, |block| block.layers);
    let bytes: u64 = (0..layers).map(|layer| open.trace.attention(0, layer).bytes.len() as u64).sum();
    if bytes == 0 || bytes > budget_bytes {
        return Ok(None);
    }
    let engine = Engine::new(Some(Arc::clone(gpu)), Compute::Gpu, budget_bytes)?;
    let statistics = measure(RUNS, |_| {
        engine.statistics(&open.trace, 0, &Options::default(), &mut |_, _| true)?;
        Ok(())
    })?;
    let copied_bytes = COPIED_BYTES.min(gpu.device.limits().max_buffer_size);
    let [from, to] = [(), ()].map(|()| {
        gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("copied"),
            size: copied_bytes,
            usage: wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    });
    let copy = measure(RUNS, |_| {
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        for _ in 0..COPIES {
            encoder.copy_buffer_to_buffer(&from, 0, &to, 0, copied_bytes);
        }
        gpu.queue.submit([encoder.finish()]);
        Ok(gpu.wait()?)
    })?;
    let rate = |bytes: u64, time_ms: f64| bytes as f64 / time_ms / 1e6;
    let copy_gb_per_s = rate(2 * COPIES * copied_bytes, copy.median);
    let statistics_gb_per_s = rate(bytes, statistics.median);
    Ok(Some(Bandwidth { copy_gb_per_s, statistics_gb_per_s, ratio: statistics_gb_per_s / copy_gb_per_s }))
}
