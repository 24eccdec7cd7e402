//! Weights that are made of queries and keys: against softmax in f64, on every mask, with caps, sinks and grouped heads.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::ops::Range;

use vlscope::analysis::attention::cpu::{self, Scratch};
use vlscope::analysis::attention::{self, ComputedLayer, LayerKey};
use vlscope::analysis::statistics::{self, Options, plan::Plan};
use vlscope::analysis::{BlockLayout, LayerWeights};
use vlscope::gpu::{Gpu, PageKey};
use vlscope::trace::{Dtype, LayerMask, Mask, QueriesKeys, TensorView};

use crate::common::{Block, assert_close, encode, gpu, limited_gpu, new_key};

/// Queries and keys that own their numbers.
#[derive(Clone)]
struct Layer {
    heads: usize,
    key_heads: usize,
    queries: usize,
    keys: usize,
    dim: usize,
    dtype: Dtype,
    query: Vec<u8>,
    key: Vec<u8>,
    sink: Option<Vec<u8>>,
    softcap: Option<f32>,
    mask: Mask,
    cells: Vec<u8>,
}

impl Layer {
    fn random([heads, key_heads]: [usize; 2], [queries, keys, dim]: [usize; 3], dtype: Dtype) -> Self {
        let mut state = 0x2545_f491_u32;
        let mut random = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        // Logits up to some 8, so that rows differ.
        let query: Vec<f32> = (0..heads * queries * dim).map(&mut random).map(|value| 4.0 * value).collect();
        let key: Vec<f32> = (0..key_heads * keys * dim).map(&mut random).map(|value| 2.0 * value).collect();
        let (query, key) = (encode(&query, dtype), encode(&key, dtype));
        let cells = (0..queries * keys).map(|cell| u8::from(cell % 7 < 3 || cell / keys.max(1) == cell % keys.max(1)));
        let cells = cells.enumerate().map(|(cell, seen)| if cell / keys.max(1) == 1 { 0 } else { seen }).collect();
        Self {
            heads,
            key_heads,
            queries,
            keys,
            dim,
            dtype,
            query,
            key,
            sink: None,
            softcap: None,
            mask: Mask::Full,
            cells,
        }
    }

    fn view(&self) -> ComputedLayer<'_> {
        let view = |shape: &[usize], bytes| TensorView { dtype: self.dtype, shape: shape.to_vec(), bytes };
        let tensors = QueriesKeys {
            query: view(&[self.heads, self.queries, self.dim], &self.query),
            key: view(&[self.key_heads, self.keys, self.dim], &self.key),
            lse: None,
            sink: self.sink.as_ref().map(|bytes| TensorView { dtype: Dtype::F32, shape: vec![self.heads], bytes }),
            scale: self.scale(),
            softcap: self.softcap,
            mask: LayerMask::new(&self.mask, self.keys, &self.cells),
        };
        ComputedLayer { key: LayerKey { trace: new_key().trace, block: 0, layer: 0 }, tensors }
    }

    /// All rows of some queries in a run of heads, and the logarithms of their sums, are the same of both backends.
    fn check_shaders(&self, gpu: &Gpu, heads: Range<usize>, queries: &[usize], what: &str) {
        let layer = self.view();
        let key = PageKey { trace: layer.key.trace, ..new_key() };
        let made = gpu.guarded(|| attention::gpu::rows(gpu, key, &layer, heads.clone(), queries));
        let (rows, sums) = made.unwrap_or_else(|error| panic!("{what}: {error}"));
        let of_head = self.keys * queries.len();
        assert_eq!(rows.len(), heads.len() * of_head);
        for (number, head) in heads.enumerate() {
            let mut expected = vec![f32::NAN; of_head];
            cpu::rows(&layer, head..head + 1, queries, &mut Scratch::default(), &mut expected);
            let what = format!("{what}, head {head}");
            assert_close(&what, &expected, &rows[number * of_head..][..of_head], 2e-6);
            let expected = cpu::log_sum_exp(&layer, head, &|| true).unwrap();
            for (place, &query) in queries.iter().enumerate() {
                let [one, other] = [expected[query], sums[number * queries.len() + place]];
                let is_same =
                    one == other || one.is_nan() && other.is_nan() || (one - other).abs() <= 1e-5 * one.abs().max(1.0);
                assert!(is_same, "{what}: the sum of row {query} is {one} and {other}");
            }
        }
    }

    fn scale(&self) -> f32 {
        1.0 / (self.dim as f32).sqrt()
    }

    /// A row and the logarithm of its sum, as the formula has them.
    fn plain(&self, head: usize, query: usize) -> (Vec<f64>, f64) {
        let view = self.view().tensors;
        let [mut q, mut k] = [vec![0.0; self.dim], vec![0.0; self.dim]];
        view.query.read((head * self.queries + query) * self.dim, &mut q);
        let key_head = head / (self.heads / self.key_heads);
        let logits: Vec<Option<f64>> = (0..self.keys)
            .map(|key| {
                view.key.read((key_head * self.keys + key) * self.dim, &mut k);
                let product: f64 = q.iter().zip(&k).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
                let logit = f64::from(self.scale()) * product;
                let capped = self.softcap.map_or(logit, |cap| f64::from(cap) * (logit / f64::from(cap)).tanh());
                view.mask.allows(query, key).then_some(capped)
            })
            .collect();
        let sink = view.sink.map(|sink| f64::from(sink.to_f32()[head]));
        let largest = logits.iter().flatten().copied().chain(sink).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logits.iter().flatten().copied().chain(sink).map(|logit| (logit - largest).exp()).sum();
        let weights = logits.iter().map(|logit| logit.map_or(0.0, |logit| (logit - largest).exp() / sum)).collect();
        (weights, largest + sum.ln())
    }

    /// All rows of a run of heads, and a few columns and cells, are those of the formula.
    fn check(&self, heads: Range<usize>, queries: &[usize], tolerance: f64, what: &str) {
        let layer = self.view();
        let mut scratch = Scratch::default();
        let mut rows = vec![f32::NAN; heads.len() * queries.len() * self.keys];
        cpu::rows(&layer, heads.clone(), queries, &mut scratch, &mut rows);
        let close = |found: f32, expected: f64, place: &str| {
            let error = (f64::from(found) - expected).abs();
            assert!(error <= tolerance, "{what}, {place}: {found} instead of {expected}");
        };
        let mut row = rows.chunks(self.keys.max(1));
        for head in heads.clone() {
            for &query in queries {
                let expected = self.plain(head, query).0;
                for (key, (found, expected)) in row.next().unwrap().iter().zip(expected).enumerate() {
                    close(*found, expected, &format!("row {head}.{query}.{key}"));
                }
            }
        }
        let head = heads.end - 1;
        let sums = cpu::log_sum_exp(&layer, head, &|| true).unwrap();
        let keys: Vec<usize> = [0, self.keys / 2, self.keys - 1].into();
        let places = || queries.iter().flat_map(|query| keys.iter().map(move |key| query * self.keys + key));
        let mut columns = vec![Vec::new(); self.queries];
        cpu::columns(&layer, head, &keys, &sums, &mut scratch, &mut |query, weights| columns[query] = weights.to_vec());
        let mut cells = cpu::cells(&layer, head, places(), &sums).into_iter();
        for &query in queries {
            let (expected, sum) = self.plain(head, query);
            if sum.is_finite() {
                close(sums[query], sum, &format!("sum {query}"));
            } else {
                assert_eq!(f64::from(sums[query]), sum, "{what}");
            }
            for (place, &key) in keys.iter().enumerate() {
                close(columns[query][place], expected[key], &format!("column {query}.{key}"));
                close(cells.next().unwrap(), expected[key], &format!("cell {query}.{key}"));
            }
        }
    }
}

fn masks(tokens: usize) -> Vec<Mask> {
    let third = tokens / 3;
    let spans: Vec<_> = std::iter::once(third..(third + 1).max(2 * third)).collect();
    vec![
        Mask::Full,
        Mask::Causal,
        Mask::Sliding(third + 1),
        Mask::Prefix(third),
        Mask::Spans(spans.clone()),
        Mask::CausalBut(spans),
        Mask::Stored,
    ]
}

#[test]
fn weights_are_those_of_softmax_in_f64() {
    for (keys, dtype, tolerance) in [
        (1, Dtype::F32, 2e-5),
        (63, Dtype::F16, 2e-3),
        (64, Dtype::F32, 2e-5),
        (65, Dtype::Bf16, 2e-3),
        (65, Dtype::F32, 2e-5),
        (4097, Dtype::F32, 2e-5),
        (4097, Dtype::F16, 2e-3),
    ] {
        let is_long = keys > 100;
        let queries: Vec<usize> = if is_long { vec![0, 1, 77, 1500, 2731, 4096] } else { (0..keys).collect() };
        for (heads, dim) in [([1, 1], 24), ([6, 2], 20)] {
            if is_long && dim == 24 {
                continue;
            }
            for mask in masks(keys) {
                for (softcap, sink) in [(None, false), (Some(3.0), false), (None, true), (Some(20.0), true)] {
                    let sink = sink.then(|| encode(&[0.5, -2.0, 3.0, 9.0, -30.0, 1.0][..heads[0]], Dtype::F32));
                    let what =
                        format!("{keys} keys of {dtype:?}, {mask:?}, {heads:?}, {softcap:?}, {}", sink.is_some());
                    let layer = Layer::random(heads, [keys, keys, dim], dtype);
                    let layer = Layer { softcap, sink, mask: mask.clone(), ..layer };
                    let group = heads[0] / heads[1];
                    layer.check(heads[0] - group..heads[0], &queries, tolerance, &what);
                }
            }
        }
    }
}

fn sinks(heads: usize) -> Option<Vec<u8>> {
    Some(encode(&[0.5, -2.0, 3.0, 9.0, -30.0, 1.0][..heads], Dtype::F32))
}

#[test]
fn shaders_make_the_rows_of_the_processor_on_every_mask() {
    for (tokens, dtype, dim) in [(1, Dtype::F16, 3), (63, Dtype::F32, 20), (65, Dtype::F16, 5), (130, Dtype::Bf16, 16)]
    {
        for heads in [[1, 1], [6, 2], [3, 3]] {
            for mask in masks(tokens) {
                for (softcap, sink) in [(None, None), (Some(3.0), None), (Some(20.0), sinks(heads[0]))] {
                    let what =
                        format!("{tokens} tokens of {dtype:?}, {mask:?}, {heads:?}, {softcap:?}, {}", sink.is_some());
                    let layer = Layer::random(heads, [tokens, tokens, dim], dtype);
                    let layer = Layer { softcap, sink, mask: mask.clone(), ..layer };
                    layer.check_shaders(gpu(), 0..heads[0], &(0..tokens).collect::<Vec<_>>(), &what);
                }
            }
        }
    }
}

#[test]
fn shaders_make_the_rows_of_the_processor_at_awkward_sizes() {
    let sides = [[0, 5], [5, 0], [1, 1], [1, 200], [63, 64], [64, 65], [65, 63], [200, 1], [129, 257]];
    for (number, [queries, keys]) in sides.into_iter().enumerate() {
        for (at, dim) in [0, 1, 3, 15, 16, 17, 64, 80, 128, 256].into_iter().enumerate() {
            let dtype = [Dtype::F16, Dtype::F32, Dtype::Bf16][(number + at) % 3];
            let heads = [[1, 1], [6, 2], [4, 1]][at % 3];
            let what = format!("{queries} queries, {keys} keys, dim {dim} of {dtype:?}, {heads:?}");
            let layer = Layer::random(heads, [queries, keys, dim], dtype);
            layer.check_shaders(gpu(), 0..heads[0], &(0..queries).collect::<Vec<_>>(), &what);
        }
    }
}

#[test]
fn shaders_make_some_rows_of_some_heads() {
    let layer = Layer { mask: Mask::Causal, ..Layer::random([6, 2], [200, 200, 9], Dtype::F16) };
    for heads in [0..6, 0..1, 2..3, 1..3, 2..5, 3..6] {
        for queries in [vec![], vec![0], vec![199], vec![7, 3, 150, 3], (100..200).collect(), (3..67).collect()] {
            layer.check_shaders(gpu(), heads.clone(), &queries, &format!("{heads:?}, {queries:?}"));
        }
    }
}

#[test]
fn shaders_make_rows_strip_by_strip_on_an_adapter_with_little() {
    let gpu = limited_gpu(40_000);
    for (heads, [queries, keys, dim]) in
        [([6, 2], [200, 65, 3]), ([1, 1], [65, 257, 16]), ([9, 9], [70, 64, 33]), ([4, 1], [3, 300, 5])]
    {
        for mask in masks(queries.min(keys)) {
            let layer = Layer { mask, ..Layer::random(heads, [queries, keys, dim], Dtype::F16) };
            let what = format!("{queries} queries, {keys} keys, {heads:?}, {:?}", layer.mask);
            layer.check_shaders(&gpu, 0..heads[0], &(0..queries).collect::<Vec<_>>(), &what);
        }
    }
    let layer = Layer::random([1, 1], [2, 10_001, 3], Dtype::F16);
    let rows = attention::gpu::rows(&gpu, new_key(), &layer.view(), 0..1, &[0]);
    let limit = "is too large: the GPU adapter's limit is 40000 bytes";
    assert_eq!(rows.unwrap_err().to_string(), format!("a row of weights of 40004 bytes {limit}"));
}

/// NaN only where the input had it, and the same rows as those of the processor.
#[test]
fn shaders_know_what_is_not_finite() {
    let infinite = f32::INFINITY;
    for (of_query, of_key, sink) in [
        (f32::NAN, 1.0, 0.0),
        (1.0, f32::NAN, 0.0),
        (infinite, 1.0, 0.0),
        (-infinite, 1.0, 0.0),
        (1.0, infinite, 0.0),
        (1.0, -infinite, -infinite),
        (0.0, infinite, 0.0),
        (3e38, 3e38, 0.0),
        (3e38, -3e38, 0.0),
        (1.0, 1.0, f32::NAN),
        (1.0, 1.0, infinite),
        (1.0, 1.0, -infinite),
    ] {
        for mask in masks(7) {
            for (softcap, has_sink) in [(None, false), (None, true), (Some(5.0), true)] {
                let mut layer = Layer::random([2, 1], [7, 7, 2], Dtype::F32);
                let at = |row: usize| 8 * row..8 * row + 4;
                layer.query[at(4)].copy_from_slice(&of_query.to_le_bytes());
                layer.key[at(2)].copy_from_slice(&of_key.to_le_bytes());
                let sink = has_sink.then(|| encode(&[sink, 0.0], Dtype::F32));
                let layer = Layer { softcap, sink, mask: mask.clone(), ..layer };
                let what = format!("{of_query} times {of_key}, {mask:?}, {softcap:?}, {has_sink}");
                layer.check_shaders(gpu(), 0..2, &(0..7).collect::<Vec<_>>(), &what);
            }
        }
    }
}

/// Strip by strip, with and without a row that is left out.
#[test]
fn statistics_of_computed_weights_are_the_same_of_both_backends() {
    let little = limited_gpu(30_000);
    for tokens in [1, 63, 64, 65, 130] {
        for (mask, is_broken) in masks(tokens).into_iter().flat_map(|mask| [(mask.clone(), false), (mask, true)]) {
            let block = Block::mixed(tokens, false, &[1], Dtype::F32);
            let layout: BlockLayout<'_> = block.layout();
            let plan = Plan::new(&layout, &Options { specials: true, ..Options::default() });
            let mut layer = Layer { mask: mask.clone(), ..Layer::random([4, 2], [tokens, tokens, 6], Dtype::F32) };
            if is_broken {
                let at = (tokens + tokens / 2) * 24;
                layer.query[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
            }
            let layers = [LayerWeights::Computed(Box::new(layer.view()))];
            let expected = statistics::cpu::Pass::new(&plan, &layers).layer_sums(0, &|| true).unwrap();
            let expected = statistics::finish(&plan, &[expected]);
            for gpu in [gpu(), &little] {
                let found = || statistics::gpu::layer_sums(gpu, new_key(), &layers, &plan, &mut |_| true);
                let found = statistics::finish(&plan, &gpu.guarded(found).unwrap().unwrap());
                for (one, other) in expected.iter().zip(&found).filter(|(one, _)| !one.name.starts_with("vli.")) {
                    let what = format!("{} of {tokens} tokens, {mask:?}, {is_broken}", one.name);
                    assert_close(&what, &one.values, &other.values, 5e-5);
                    assert_eq!(one.rows_left_out, other.rows_left_out, "{what}");
                }
            }
        }
    }
}
