//! Traces of any size with a structure that is known: for tests, benchmarks and trying things out.
//!
//! Each row is the softmax of noise plus what its head is made to look at:
//!
//! | head | every query attends to |
//! | --- | --- |
//! | 0 | itself |
//! | 1 | the token before it |
//! | 2 | token 0, `[CLS]` |
//! | 3 | the patches of the object, if it is text; else everything |
//! | others | everything |
//!
//! The object is a block of 2×2 patches in the middle of the image (one patch where the grid is smaller), visible in
//! the pixels and listed in `regions`. Every head depends on the seed and its own number only, so heads are made in
//! parallel and a few at a time. A table of exponentials was rejected: `exp` vectorises and is not the bottleneck.

use std::path::Path;

use half::{bf16, f16};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::writer::{Announced, TraceWriter};
use super::{Dtype, TraceError};

/// Pixels along each side of a patch.
const PATCH_PIXELS: usize = 16;
/// How much stronger, before the softmax, that weight is which a head is made for: `exp(7)` is about 1,100.
const PLANTED: f32 = 7.0;
/// Of the noise before the softmax, uniform from 0.
const NOISE: f32 = 1.5;

/// What the trace is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synthetic {
    /// Number of layers.
    pub layers: usize,
    /// Heads a layer.
    pub heads: usize,
    /// Text tokens, `[CLS]` and `[SEP]` included; at least 2.
    pub text: usize,
    /// Rows of patches.
    pub rows: usize,
    /// Columns of patches.
    pub columns: usize,
    /// Dimension of the hidden states; 0 for none.
    pub dim: usize,
    /// Of attention and hidden states.
    pub dtype: Dtype,
    /// Equal seeds give equal files.
    pub seed: u64,
}

impl Synthetic {
    /// Tokens in all.
    pub fn tokens(&self) -> usize {
        self.text + self.rows * self.columns
    }

    /// The patches of the object, as (row, column).
    pub fn object(&self) -> Vec<(usize, usize)> {
        let span = |count: usize| (count / 2).saturating_sub(1)..(count / 2 + 1).min(count);
        span(self.rows).flat_map(|row| span(self.columns).map(move |column| (row, column))).collect()
    }

    /// Writes the trace; `on_bytes` is told how many more of [`Self::bytes`] are done.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path, on_bytes: &mut dyn FnMut(u64)) -> Result<(), TraceError> {
        let mut writer = TraceWriter::create(path, &self.document(), &self.tensors())?;
        // So many heads at a time that all cores work and memory stays small.
        let batch = rayon::current_num_threads() * 2;
        for layer in 0..self.layers {
            for first in (0..self.heads).step_by(batch) {
                let heads = first..(first + batch).min(self.heads);
                let made: Vec<Vec<u8>> = heads.into_par_iter().map(|head| self.head(layer, head)).collect();
                for bytes in made {
                    writer.write(&bytes)?;
                    on_bytes(bytes.len() as u64);
                }
            }
        }
        for state in 0..self.states() {
            let bytes = self.hidden(state);
            writer.write(&bytes)?;
            on_bytes(bytes.len() as u64);
        }
        writer.write(&self.image())?;
        writer.finish()
    }

    /// Size of all tensors but the image.
    pub fn bytes(&self) -> u64 {
        let elements = self.layers * self.heads * self.tokens().pow(2) + self.states() * self.tokens() * self.dim;
        (elements * self.dtype.bytes()) as u64
    }

    fn states(&self) -> usize {
        if self.dim == 0 { 0 } else { self.layers + 1 }
    }

    fn document(&self) -> Value {
        let words = (0..self.text).map(|token| match token {
            0 => json!({"text": "[CLS]", "special": true}),
            last if last + 1 == self.text => json!({"text": "[SEP]", "special": true}),
            word => json!({"text": format!("word{word}"), "segment": "question"}),
        });
        let patches = (0..self.rows).flat_map(|row| (0..self.columns).map(move |column| (row, column)));
        let area = |row: usize, column: usize| {
            let (rows, columns) = (self.rows as f64, self.columns as f64);
            [column as f64 / columns, row as f64 / rows, (column + 1) as f64 / columns, (row + 1) as f64 / rows]
        };
        let patches = patches.map(|(row, column)| json!({"image": 0, "box": area(row, column)}));
        let object = self.object();
        let regions: Vec<Value> = object
            .first()
            .zip(object.last())
            .map(|(&(top, left), &(bottom, right))| {
                let ([x0, y0, ..], [.., x1, y1]) = (area(top, left), area(bottom, right));
                json!({"label": "object", "image": 0, "box": [x0, y0, x1, y1]})
            })
            .into_iter()
            .collect();
        let hidden = if self.dim == 0 { json!([]) } else { json!([{"sequence": "main", "states": self.states()}]) };
        json!({
            "format": super::FORMAT,
            "id": format!("synthetic/{}x{}x{}/{}", self.layers, self.heads, self.tokens(), self.seed),
            "model": {"name": "synthetic", "architecture": "none"},
            "sequences": {"main": {"tokens": words.chain(patches).collect::<Vec<_>>()}},
            "attention": [{"name": "self", "query": "main", "key": "main", "layers": self.layers, "causal": false}],
            "hidden": hidden,
            "images": 1,
            "regions": regions,
        })
    }

    fn tensors(&self) -> Vec<Announced> {
        let (dtype, size) = (dtype_name(self.dtype), self.dtype.bytes());
        let announced = |name: String, dtype, size: usize, shape: Vec<usize>| {
            let bytes = (shape.iter().product::<usize>() * size) as u64;
            Announced { name, dtype, shape, bytes }
        };
        let tokens = self.tokens();
        let layers = (0..self.layers)
            .map(|layer| announced(format!("attention.self.{layer}"), dtype, size, vec![self.heads, tokens, tokens]));
        let states = (0..self.states())
            .map(|state| announced(format!("hidden.main.{state}"), dtype, size, vec![tokens, self.dim]));
        let image_shape = vec![self.rows.max(1) * PATCH_PIXELS, self.columns.max(1) * PATCH_PIXELS, 3];
        layers.chain(states).chain([announced("image.0".into(), "U8", 1, image_shape)]).collect()
    }

    /// `[queries, keys]` in the stored dtype.
    fn head(&self, layer: usize, head: usize) -> Vec<u8> {
        let tokens = self.tokens();
        let mut noise = Noise::new(self.seed, (layer * self.heads + head) as u64);
        let object: Vec<usize> =
            self.object().iter().map(|(row, column)| self.text + row * self.columns + column).collect();
        let mut bytes = Vec::with_capacity(tokens * tokens * self.dtype.bytes());
        let mut row = vec![0.0_f32; tokens];
        for query in 0..tokens {
            row.iter_mut().for_each(|weight| *weight = noise.next() * NOISE);
            match head {
                0 => row[query] += PLANTED,
                1 => row[query.saturating_sub(1)] += PLANTED,
                2 => row[0] += PLANTED,
                3 if query < self.text => object.iter().for_each(|&key| row[key] += PLANTED),
                _ => {}
            }
            row.iter_mut().for_each(|weight| *weight = weight.exp());
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|weight| *weight /= sum);
            self.encode(&row, &mut bytes);
        }
        bytes
    }

    /// `[tokens, dim]`: text and image around two middles that move apart from state to state.
    fn hidden(&self, state: usize) -> Vec<u8> {
        let mut noise = Noise::new(self.seed ^ 0x6869_6464_656e, state as u64);
        let mut bytes = Vec::with_capacity(self.tokens() * self.dim * self.dtype.bytes());
        let apart = (state + 1) as f32 * 0.5;
        for token in 0..self.tokens() {
            let side = if token < self.text { -apart } else { apart };
            let row: Vec<f32> =
                (0..self.dim).map(|axis| noise.next() - 0.5 + if axis == 0 { side } else { 0.0 }).collect();
            self.encode(&row, &mut bytes);
        }
        bytes
    }

    /// `[height, width, 3]`: a gradient with a bright object.
    fn image(&self) -> Vec<u8> {
        let (height, width) = (self.rows.max(1) * PATCH_PIXELS, self.columns.max(1) * PATCH_PIXELS);
        let object = self.object();
        let pixel = |y: usize, x: usize| {
            let is_object = object.contains(&(y / PATCH_PIXELS, x / PATCH_PIXELS));
            let shade = |at: usize, of: usize| (40 + at * 100 / of) as u8;
            if is_object { [245, 200, 60] } else { [shade(x, width), shade(y, height), 120] }
        };
        (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(y, x))).collect()
    }

    fn encode(&self, row: &[f32], bytes: &mut Vec<u8>) {
        match self.dtype {
            Dtype::F32 => row.iter().for_each(|value| bytes.extend(value.to_le_bytes())),
            Dtype::F16 => row.iter().for_each(|value| bytes.extend(f16::from_f32(*value).to_le_bytes())),
            Dtype::Bf16 => row.iter().for_each(|value| bytes.extend(bf16::from_f32(*value).to_le_bytes())),
        }
    }
}

fn dtype_name(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::F32 => "F32",
        Dtype::F16 => "F16",
        Dtype::Bf16 => "BF16",
    }
}

/// SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators").
struct Noise(u64);

impl Noise {
    fn new(seed: u64, stream: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stream.wrapping_mul(0xd134_2543_de82_ef95))
    }

    /// Uniform in `0..1`.
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 40) as f32 / (1_u32 << 24) as f32
    }
}
