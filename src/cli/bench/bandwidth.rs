//! How near the device comes to what its memory gives: the upload of attention, and the statistics' shader over pages
//! that are resident, beside a plain copy within the device.

use std::sync::Arc;

use anyhow::Result;
use serde::Serialize;

use super::timing::{Timing, measure};
use crate::analysis::statistics::Options;
use crate::analysis::{Compute, Engine};
use crate::gpu::{Gpu, PageKey};
use crate::query::OpenTrace;
use crate::trace::Stored;

/// Large enough that no cache holds it.
const COPIED_BYTES: u64 = 256 << 20;
/// Copies that are timed together, so that the start of one does not count.
const COPIES: u64 = 8;
const RUNS: usize = 5;

/// Rates in gigabytes a second.
#[derive(Debug, Serialize)]
pub struct Bandwidth {
    /// From the file's pages in memory to the device.
    pub upload_gb_per_s: f64,
    /// What a copy from one buffer to another reads and writes together.
    pub copy_gb_per_s: f64,
    /// What the statistics read, and they read every weight once; `None` if the first block does not fit into the
    /// budget, so that its pages cannot stay.
    pub statistics_gb_per_s: Option<f64>,
    /// The third over the second.
    pub statistics_share_of_copy: Option<f64>,
}

/// All pages of the first block, until the device has them.
///
/// # Errors
/// If the device fails.
pub fn upload(gpu: &Arc<Gpu>, open: &OpenTrace, budget_bytes: u64) -> Result<Timing> {
    measure(RUNS, |_| {
        gpu.drop_pages();
        gpu.set_page_budget(budget_bytes);
        for layer in 0..layers(open) {
            let view = open.trace.attention(0, layer);
            for heads in gpu.runs(&view)? {
                let key = PageKey { trace: open.trace.serial(), block: 0, layer, first_head: heads.start };
                gpu.page(key, &view, &heads)?;
            }
        }
        Ok(gpu.wait()?)
    })
}

/// The rates of the first block, of which `upload` took so long.
///
/// # Errors
/// If the device fails.
pub fn bandwidth(gpu: &Arc<Gpu>, open: &OpenTrace, budget_bytes: u64, upload: &Timing) -> Result<Bandwidth> {
    let bytes: u64 = (0..layers(open)).map(|layer| open.trace.attention(0, layer).bytes.len() as u64).sum();
    let rate = |bytes: u64, timing: &Timing| bytes as f64 / timing.median / 1e6;
    let copy_gb_per_s = copy(gpu)?;
    let statistics_gb_per_s =
        if bytes <= budget_bytes { Some(rate(bytes, &statistics(gpu, open, budget_bytes)?)) } else { None };
    Ok(Bandwidth {
        upload_gb_per_s: rate(bytes, upload),
        copy_gb_per_s,
        statistics_gb_per_s,
        statistics_share_of_copy: statistics_gb_per_s.map(|rate| rate / copy_gb_per_s),
    })
}

/// Of the first block; none if its weights are not stored.
fn layers(open: &OpenTrace) -> usize {
    let block = open.document().attention.first().filter(|block| block.stored == Stored::Weights);
    block.map_or(0, |block| block.layers)
}

/// The first run uploads, and is not counted.
fn statistics(gpu: &Arc<Gpu>, open: &OpenTrace, budget_bytes: u64) -> Result<Timing> {
    let engine = Engine::new(Some(Arc::clone(gpu)), Compute::Gpu, budget_bytes)?;
    measure(RUNS, |_| {
        engine.statistics(&open.trace, 0, &Options::default(), &mut |_, _| true)?;
        Ok(())
    })
}

fn copy(gpu: &Gpu) -> Result<f64> {
    let bytes = COPIED_BYTES.min(gpu.device.limits().max_buffer_size);
    let [from, to] = [(), ()].map(|()| {
        gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("copied"),
            size: bytes,
            usage: wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    });
    let timing = measure(RUNS, |_| {
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        for _ in 0..COPIES {
            encoder.copy_buffer_to_buffer(&from, 0, &to, 0, bytes);
        }
        gpu.queue.submit([encoder.finish()]);
        Ok(gpu.wait()?)
    })?;
    Ok((2 * COPIES * bytes) as f64 / timing.median / 1e6)
}
