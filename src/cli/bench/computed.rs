//! Weights that are computed from queries and keys: the statistics of all of them, clicks, and how near the products come to what the
//! device can do.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use serde_json::{Value, json};

use super::measurements::{Measurements, measure, milliseconds_since};
use crate::analysis::attention::gpu::Strips;
use crate::analysis::statistics::Options;
use crate::analysis::{Engine, LayerWeights, Pick, Selection};
use crate::gpu::{Gpu, PageKey, PageTensor};
use crate::query::OpenTrace;

const CLICKS: usize = 15;
const RUNS: usize = 5;
/// Products of one strip that are made one after another, so that the start of one does not count.
const REPEATED: u64 = 8;

/// The statistics of the first block before anything of it is on the device, and the rows of a token: of one head, of every head of a
/// layer, and of all heads together.
///
/// # Errors
/// If they cannot be computed.
pub fn numbers(found: &mut Measurements, gpu: &Gpu, engine: &Engine, open: &OpenTrace) -> Result<()> {
    gpu.drop_pages();
    let begin = Instant::now();
    engine.statistics(&open.trace, 0, &Options::default(), &mut |_, _| true)?;
    found.put("numbers_ms", "statistics, the first time", vec![milliseconds_since(begin)]);
    let document = open.document();
    let (block, tokens) = (&document.attention[0], document.query_tokens(&document.attention[0]).len());
    let clicked = |run: usize, layer: Pick, head: Pick| {
        let tokens = vec![(tokens - 1).saturating_sub(run * 11 % tokens)];
        Selection { layer, head, tokens, ..Selection::default() }
    };
    let goes_on = &|| true;
    found.time("numbers_ms", "click, one head", CLICKS, |run| {
        Ok(engine.gather(&open.trace, &clicked(run, Pick::One(run % block.layers), Pick::One(0)), goes_on)?)
    })?;
    found.time("numbers_ms", "click, each head of a layer", CLICKS, |run| {
        Ok(engine.per_head(&open.trace, &clicked(run, Pick::One(run % block.layers), Pick::Mean), goes_on)?)
    })?;
    found.time("numbers_ms", "click, all heads of all layers", CLICKS, |run| {
        Ok(engine.gather(&open.trace, &clicked(run, Pick::Mean, Pick::Mean), goes_on)?)
    })?;
    Ok(())
}

/// Of the last strip of the first layer's first heads: how long the device takes for its products alone, and for the whole strip;
/// how many operations the products are. Null if there is no row.
///
/// # Errors
/// If the device fails.
pub fn products(gpu: &Arc<Gpu>, open: &OpenTrace) -> Result<Value> {
    let weights = LayerWeights::of(&open.trace, 0, 0);
    let Some(layer) = weights.computed() else { return Ok(Value::Null) };
    let key = PageKey { trace: open.trace.serial(), block: 0, layer: 0, tensor: PageTensor::Queries, first_head: 0 };
    let queries: Vec<usize> = (0..layer.shape()[1]).collect();
    let mut strips = Strips::new(gpu);
    let cut = strips.cut(layer, 0..layer.group(), &queries)?;
    let Some(strip) = cut.last() else { return Ok(Value::Null) };
    let mut made = None;
    let whole = measure(RUNS, |_| {
        let mut encoder = gpu.encoder();
        for _ in 0..REPEATED {
            made = Some(strips.make(key, layer, strip, &mut encoder)?);
        }
        gpu.queue.submit([encoder.finish()]);
        Ok(gpu.wait()?)
    })?;
    let Some(products) = made else { return Ok(Value::Null) };
    let alone = measure(RUNS, |_| {
        let mut encoder = gpu.encoder();
        for _ in 0..REPEATED {
            products.make(gpu, &mut encoder)?;
        }
        gpu.queue.submit([encoder.finish()]);
        Ok(gpu.wait()?)
    })?;
    let operations = (REPEATED * products.operations()) as f64;
    Ok(json!({
        "rows": strip.heads.len() * strip.queries.len(),
        "keys": layer.shape()[2],
        "products_ms": alone.median / REPEATED as f64,
        "strip_ms": whole.median / REPEATED as f64,
        "products_tflop_per_s": operations / alone.median / 1e9,
    }))
}
