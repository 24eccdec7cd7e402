//! Weights that are made of queries and keys: against softmax in f64, on every mask, with caps, sinks and grouped heads.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::ops::Range;

use vlscope::analysis::attention::cpu::{self, Scratch};
use vlscope::analysis::attention::{ComputedLayer, LayerKey};
use vlscope::trace::{Dtype, LayerMask, Mask, QueriesKeys, TensorView};

use crate::common::{encode, new_key};

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
