//! One example, stored as weights and as queries and keys.
#![allow(dead_code, reason = "each test uses its part")]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use vlscope::trace::{Dtype, Mask, TensorSpec, TraceWriter};

const LAYERS: usize = 3;
const HEADS: usize = 4;
const KEY_HEADS: usize = 2;
const DIM: usize = 20;
const TEXT: usize = 40;
const PATCHES: usize = 30;
pub const TOKENS: usize = TEXT + PATCHES;
const SOFTCAP: f64 = 5.0;

/// The outputs that the relevances are for.
pub const TARGETS: [usize; 2] = [60, 69];

type Error = Box<dyn std::error::Error>;

/// Text, an image in its midst, an answer at its end.
fn tokens() -> Vec<Value> {
    let patch = |number: usize| {
        let (x, y) = ((number % 6) as f64, (number / 6) as f64);
        json!({"image": 0, "box": [x / 6.0, y / 5.0, (x + 1.0) / 6.0, (y + 1.0) / 5.0]})
    };
    let word = |number: usize| match number {
        0 => json!({"text": "<s>", "special": true}),
        30.. => json!({"text": format!("answer{number}"), "segment": "answer"}),
        _ => json!({"text": format!("word{number}")}),
    };
    (0..10).map(word).chain((0..PATCHES).map(patch)).chain((10..TEXT).map(word)).collect()
}

/// Whether a query sees a key, as docs/trace-format.md says it. A stored mask is a pattern with gaps, which hides all keys from some
/// queries and none from others.
pub fn sees(mask: &Mask, query: usize, key: usize) -> bool {
    match mask {
        Mask::Full => true,
        Mask::Causal => key <= query,
        Mask::Sliding(width) => key <= query && query - key < *width,
        Mask::Prefix(width) => key < *width || key <= query,
        Mask::Spans(spans) => spans.iter().any(|span| span.contains(&query) && span.contains(&key)),
        Mask::CausalBut(spans) => key <= query || spans.iter().any(|span| span.contains(&query) && span.contains(&key)),
        Mask::Stored => match query % 11 {
            4 => false,
            9 => true,
            _ => (3 * query + 5 * key) % 7 < 3 || query == key + 1,
        },
    }
}

/// Of a stored mask: `[queries, keys]`.
pub fn cells(queries: usize, keys: usize) -> Vec<u8> {
    (0..queries * keys).map(|cell| u8::from(sees(&Mask::Stored, cell / keys, cell % keys))).collect()
}

/// Writes both; the weights are those of softmax in f64. Layers take the masks in turns.
///
/// # Errors
/// If they cannot be written.
pub fn pair(folder: &Path, masks: &[Mask]) -> Result<[PathBuf; 2], Error> {
    let [weights, queries_keys] = ["weights", "queries-keys"].map(|name| folder.join(format!("{name}.safetensors")));
    let mask = |layer: usize| &masks[layer % masks.len()];
    let listed: Vec<Value> = (0..LAYERS).map(|layer| mask(layer).to_json()).collect();
    let block = json!({"name": "self", "query": "main", "key": "main", "layers": LAYERS, "mask": listed});
    let stored: Vec<usize> = (0..LAYERS).filter(|&layer| *mask(layer) == Mask::Stored).collect();
    let mask_specs =
        || stored.iter().map(|layer| TensorSpec::bytewise(format!("mask.self.{layer}"), &[TOKENS, TOKENS]));
    let document = |block: Value| {
        json!({
            "format": 2, "images": 1, "sequences": {"main": {"tokens": tokens()}}, "attention": [block],
            "regions": [{"label": "object", "image": 0, "box": [0.1, 0.2, 0.55, 0.7]}],
            "relevance": [
                {"name": "heads", "sequence": "main", "targets": TARGETS, "attention": "self", "signed": true},
                {"name": "whole", "sequence": "main", "targets": [TARGETS[1]], "source": "made up"},
            ],
        })
    };
    let others = others();
    let specs_of_others = || others.iter().map(|(spec, _)| spec.clone()).collect::<Vec<_>>();

    let mut state = 0x1234_5678_u32;
    let mut random = |scale: f32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        scale * ((state >> 8) as f32 / (1 << 23) as f32 - 1.0)
    };
    let mut layers = Vec::new();
    for _ in 0..LAYERS {
        let queries: Vec<f32> = (0..HEADS * TOKENS * DIM).map(|_| random(3.0)).collect();
        let mut keys: Vec<f32> = (0..KEY_HEADS * TOKENS * DIM).map(|_| random(2.0)).collect();
        // A sink: its key points where most queries do not, with a length that the others lack.
        keys[..DIM].iter_mut().for_each(|value| *value *= 3.0);
        layers.push((queries, keys));
    }

    let mut specs = Vec::new();
    for layer in 0..LAYERS {
        specs.push(TensorSpec::weights(format!("query.self.{layer}"), Dtype::F32, &[HEADS, TOKENS, DIM]));
        specs.push(TensorSpec::weights(format!("key.self.{layer}"), Dtype::F32, &[KEY_HEADS, TOKENS, DIM]));
    }
    specs.extend(mask_specs());
    let mut of_queries_keys = block.clone();
    of_queries_keys["stored"] = json!("queries_keys");
    of_queries_keys["softcap"] = json!(SOFTCAP);
    let mut writer =
        TraceWriter::create(&queries_keys, &document(of_queries_keys), &[specs, specs_of_others()].concat())?;
    for (queries, keys) in &layers {
        writer.write(&bytes(queries))?;
        writer.write(&bytes(keys))?;
    }
    stored.iter().try_for_each(|_| writer.write(&cells(TOKENS, TOKENS)))?;
    others.iter().try_for_each(|(_, bytes)| writer.write(bytes))?;
    writer.finish()?;

    let shape = [HEADS, TOKENS, TOKENS];
    let mut specs: Vec<TensorSpec> =
        (0..LAYERS).map(|layer| TensorSpec::weights(format!("attention.self.{layer}"), Dtype::F32, &shape)).collect();
    specs.extend(mask_specs());
    specs.extend(specs_of_others());
    let mut writer = TraceWriter::create(&weights, &document(block), &specs)?;
    for (layer, (queries, keys)) in layers.iter().enumerate() {
        writer.write(&bytes(&softmax(queries, keys, mask(layer))))?;
    }
    stored.iter().try_for_each(|_| writer.write(&cells(TOKENS, TOKENS)))?;
    others.iter().try_for_each(|(_, bytes)| writer.write(bytes))?;
    writer.finish()?;
    Ok([weights, queries_keys])
}

/// The norm of the value of each key in a head: the first key, which draws most, adds least.
pub fn norms(layer: usize, head: usize) -> Vec<f32> {
    let norm = |key: usize| if key == 0 { 0.05 } else { 0.5 + ((key * 7 + head * 3 + layer) % 10) as f32 / 8.0 };
    (0..TOKENS).map(norm).collect()
}

/// What the relevance `heads` says of a token, for an output by its number; on both sides of 0.
pub fn relevance(target: usize, layer: usize, head: usize, token: usize) -> f32 {
    ((token * 5 + head * 11 + layer * 3 + target * 17) % 23) as f32 / 100.0 - 0.1
}

/// What the relevance `whole` says of a token.
pub fn whole_relevance(token: usize) -> f32 {
    (token % 13) as f32 / 50.0
}

/// What both hold alike.
fn others() -> Vec<(TensorSpec, Vec<u8>)> {
    let mut others = vec![(TensorSpec::image("image.0", [12, 10]), vec![90_u8; 12 * 10 * 3])];
    for layer in 0..LAYERS {
        let norms: Vec<f32> = (0..HEADS).flat_map(|head| norms(layer, head)).collect();
        others.push((
            TensorSpec::weights(format!("value_norm.self.{layer}"), Dtype::F32, &[HEADS, TOKENS]),
            bytes(&norms),
        ));
    }
    let mut of_heads = Vec::new();
    for target in 0..TARGETS.len() {
        for (layer, head) in (0..LAYERS).flat_map(|layer| (0..HEADS).map(move |head| (layer, head))) {
            of_heads.extend((0..TOKENS).map(|token| relevance(target, layer, head, token)));
        }
    }
    let shape = [TARGETS.len(), LAYERS, HEADS, TOKENS];
    others.push((TensorSpec::weights("relevance.heads", Dtype::F32, &shape), bytes(&of_heads)));
    let whole: Vec<f32> = (0..TOKENS).map(whole_relevance).collect();
    others.push((TensorSpec::weights("relevance.whole", Dtype::F32, &[1, TOKENS]), bytes(&whole)));
    others
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn softmax(queries: &[f32], keys: &[f32], mask: &Mask) -> Vec<f32> {
    let mut weights = Vec::with_capacity(HEADS * TOKENS * TOKENS);
    for row in 0..HEADS * TOKENS {
        let (head, query) = (row / TOKENS, row % TOKENS);
        let of_query = &queries[row * DIM..(row + 1) * DIM];
        let logit = |key: usize| {
            let first = (head / (HEADS / KEY_HEADS) * TOKENS + key) * DIM;
            let product: f64 =
                of_query.iter().zip(&keys[first..first + DIM]).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
            SOFTCAP * (product / (DIM as f64).sqrt() / SOFTCAP).tanh()
        };
        let exponential = |key: usize| if sees(mask, query, key) { logit(key).exp() } else { 0.0 };
        let exponentials: Vec<f64> = (0..TOKENS).map(exponential).collect();
        let sum: f64 = exponentials.iter().sum();
        weights.extend(exponentials.iter().map(|exponential| (exponential / sum.max(f64::MIN_POSITIVE)) as f32));
    }
    weights
}
