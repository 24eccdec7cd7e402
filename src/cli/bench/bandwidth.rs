//! How near the device comes to what its memory gives: the upload of attention, and the statistics' shader over pages
//! that are resident, beside a plain copy within the device.

use std::sync::Arc;

use anyhow::Result;
use serde_json::{Value, json};

use super::measurements::{Measurements, Timing, measure};
use crate::analysis::statistics::Options;
use crate::analysis::{Compute, Engine};
use crate::gpu::{Gpu, PageKey, PageTensor};
use crate::query::OpenTrace;
use crate::trace::Stored;

/// Large enough that no cache holds it.
const COPIED_BYTES: u64 = 256 << 20;
/// Copies that are timed together, so that the start of one does not count.
const COPIES: u64 = 8;
const RUNS: usize = 5;

/// All pages of the first block, until the device has them.
///
/// # Errors
/// If the device fails.
pub fn upload(found: &mut Measurements, gpu: &Arc<Gpu>, open: &OpenTrace, budget_bytes: u64) -> Result<Timing> {
    found.time("numbers_ms", "upload", RUNS, |_| {
        gpu.drop_pages();
        gpu.set_page_budget(budget_bytes);
        for layer in 0..layers(open) {
            let view = open.trace.attention(0, layer);
            for heads in gpu.runs(&view)? {
                let key = PageKey {
                    trace: open.trace.serial(),
                    block: 0,
                    layer,
                    tensor: PageTensor::Weights,
                    first_head: heads.start,
                };
                gpu.page(key, &view, &heads)?;
            }
        }
        Ok(gpu.wait()?)
    })
}

/// Rates of the first block, of which `upload` took so long, in gigabytes a second: from the file's pages in memory to the device;
/// what a copy from one buffer to another reads and writes together; what the statistics read, who read every weight once, and
/// that as a share of the copy. The last two are null if the block does not fit into the budget, so that its pages cannot stay.
///
/// # Errors
/// If the device fails.
pub fn bandwidth(gpu: &Arc<Gpu>, open: &OpenTrace, budget_bytes: u64, upload: &Timing) -> Result<Value> {
    let bytes: u64 = (0..layers(open)).map(|layer| open.trace.attention(0, layer).bytes.len() as u64).sum();
    let rate = |timing: &Timing| bytes as f64 / timing.median / 1e6;
    let copy = copy(gpu)?;
    let statistics = match bytes <= budget_bytes {
        true => Some(rate(&statistics(gpu, open, budget_bytes)?)),
        false => None,
    };
    Ok(json!({
        "upload_gb_per_s": rate(upload),
        "copy_gb_per_s": copy,
        "statistics_gb_per_s": statistics,
        "statistics_share_of_copy": statistics.map(|rate| rate / copy),
    }))
}

/// Of the first block; none if its weights are not stored.
fn layers(open: &OpenTrace) -> usize {
    let block = open.document().attention.first().filter(|block| block.stored == Stored::Weights);
    block.map_or(0, |block| block.layers)
}

/// The first run uploads, and is not counted.
fn statistics(gpu: &Arc<Gpu>, open: &OpenTrace, budget_bytes: u64) -> Result<Timing> {
    let engine = Engine::new(Some(Arc::clone(gpu)), Compute::Gpu, budget_bytes)?;
    measure(RUNS, |_| Ok(engine.statistics(&open.trace, 0, &Options::default(), &mut |_, _| true)?))
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
