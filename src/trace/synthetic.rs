//! Traces of any size whose content is known, for tests and measurements (docs/trace-format.md lists what is planted).
//!
//! Each row of a tensor has a random stream of its own, seeded with its place: rows are computed in parallel, a few
//! megabytes at a time, and the bytes depend neither on the number of threads nor on the machine. For the latter no
//! function of a mathematics library is used: a random row is `u⁴ / Σ u⁴`, the softmax of `4 ln u`.

use std::path::Path;

use rayon::prelude::*;
use serde_json::{Value, json};

use super::{Dtype, FORMATS, TensorSpec, TraceError, TraceWriter};

/// The size of a synthetic trace, and its seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synthetic {
    /// Number of layers.
    pub layers: usize,
    /// Heads in each layer. The first four have a planted pattern.
    pub heads: usize,
    /// Text tokens, `[CLS]` and `[SEP]` among them.
    pub text: usize,
    /// Rows of patches.
    pub rows: usize,
    /// Columns of patches.
    pub columns: usize,
    /// Width of the hidden states; 0 for none.
    pub dim: usize,
    /// Of attention and hidden states.
    pub dtype: Dtype,
    /// Another seed is another trace.
    pub seed: u64,
}

/// Width and height of a patch.
const PATCH_PIXELS: usize = 16;
/// How much is computed before it is written.
const CHUNK_BYTES: usize = 16 << 20;
pub(super) const WORDS: [&str; 8] = ["what", "colour", "is", "the", "object", "in", "the", "picture"];
const OBJECT_RGB: [f32; 3] = [214.0, 48.0, 38.0];

/// What a random stream is for, so that no two tensors share one.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Attention,
    Hidden,
    HiddenDrift,
    ModalityCenter,
    Image,
    Object,
    Query,
    Key,
    ValueNorm,
    Words,
}

impl Synthetic {
    /// Number of tokens: text, then patches row by row.
    pub fn tokens(&self) -> usize {
        self.text.saturating_add(self.rows.saturating_mul(self.columns))
    }

    /// Size of all tensors, or `None` if no file could hold them.
    pub fn bytes(&self) -> Option<u64> {
        self.tensors().iter().try_fold(0_u64, |sum, tensor| sum.checked_add(tensor.bytes()?))
    }

    /// The patches of the object: first row, first column, rows, columns. 2 × 2, or less where the grid is smaller.
    pub fn object(&self) -> [usize; 4] {
        let mut random = self.random(Purpose::Object, &[]);
        let (rows, columns) = (self.rows.min(2), self.columns.min(2));
        let row = random.below(self.rows - rows + 1);
        [row, random.below(self.columns - columns + 1), rows, columns]
    }

    /// The share of a planted row that goes to the planted keys: from just above 0.5 to 0.9 in the last layer.
    pub fn planted_share(&self, layer: usize) -> f32 {
        0.5 + 0.4 * (layer + 1) as f32 / self.layers as f32
    }

    /// The keys that a query of a head attends to by plan; none in a head or a row that is random.
    pub fn planted_keys(&self, head: usize, query: usize) -> Vec<usize> {
        match head {
            0 => vec![query],
            1 => vec![query.saturating_sub(1)],
            2 => vec![0],
            3 if query < self.text => {
                let [row, column, rows, columns] = self.object();
                let key = |row: usize, column: usize| self.text + row * self.columns + column;
                (row..row + rows).flat_map(|row| (column..column + columns).map(move |c| key(row, c))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Writes the trace. `on_bytes` hears of each part that is written.
    ///
    /// # Errors
    /// If a size is 0, or the file cannot be written; then nothing is left at `path` that was not there before.
    pub fn write(&self, path: &Path, on_bytes: &mut dyn FnMut(u64)) -> Result<(), TraceError> {
        let share = |layer: usize, _: usize| self.planted_share(layer);
        self.write_as(path, |document| document, share, on_bytes)?.finish()
    }

    /// All of the trace, with what `change` makes of its document; `share` is that of the planted keys, by layer and head.
    pub(super) fn write_as(
        &self,
        path: &Path,
        change: impl FnOnce(Value) -> Value,
        share: impl Fn(usize, usize) -> f32 + Sync,
        on_bytes: &mut dyn FnMut(u64),
    ) -> Result<TraceWriter, TraceError> {
        if [self.layers, self.heads, self.text, self.rows, self.columns].contains(&0) {
            return Err(TraceError::new(path, "cannot write a trace without layers, heads, text or patches"));
        }
        if self.bytes().is_none() {
            return Err(TraceError::new(path, "cannot write a trace of this size: it is larger than any file"));
        }
        let mut writer = TraceWriter::create(path, &change(self.document()), &self.tensors())?;
        let tokens = self.tokens();
        for layer in 0..self.layers {
            let fill = |row, weights: &mut [f32]| {
                self.attention_row(layer, row / tokens, row % tokens, share(layer, row / tokens), weights);
            };
            write_rows(&mut writer, self.dtype, [self.heads * tokens, tokens], fill, on_bytes)?;
        }
        for state in self.states() {
            let fill = |token, values: &mut [f32]| self.hidden_row(state, token, token < self.text, values);
            write_rows(&mut writer, self.dtype, [tokens, self.dim], fill, on_bytes)?;
        }
        let image = self.image();
        writer.write(&image)?;
        on_bytes(image.len() as u64);
        Ok(writer)
    }

    pub(super) fn states(&self) -> std::ops::Range<usize> {
        if self.dim == 0 { 0..0 } else { 0..self.layers + 1 }
    }

    pub(super) fn image_size(&self) -> [usize; 2] {
        [self.columns, self.rows].map(|patches| patches.saturating_mul(PATCH_PIXELS))
    }

    fn tensors(&self) -> Vec<TensorSpec> {
        let tokens = self.tokens();
        let attention = (0..self.layers).map(|layer| {
            TensorSpec::weights(format!("attention.self.{layer}"), self.dtype, &[self.heads, tokens, tokens])
        });
        let hidden = self
            .states()
            .map(|state| TensorSpec::weights(format!("hidden.main.{state}"), self.dtype, &[tokens, self.dim]));
        attention.chain(hidden).chain([TensorSpec::image("image.0", self.image_size())]).collect()
    }

    fn document(&self) -> Value {
        let Self { layers, heads, text, rows, columns, dim, seed, .. } = *self;
        let patch_box = |row, column, height, width| self.patch_box([row, column, height, width]);
        let words = (0..text).map(|index| match index {
            0 => json!({"text": "[CLS]", "special": true}),
            last if last + 1 == text => json!({"text": "[SEP]", "special": true}),
            _ => json!({"text": WORDS[(index - 1) % WORDS.len()], "segment": "question"}),
        });
        let patches = (0..rows * columns)
            .map(|patch| json!({"image": 0, "box": patch_box(patch / columns, patch % columns, 1, 1)}));
        let tokens: Vec<Value> = words.chain(patches).collect();
        let [row, column, height, width] = self.object();
        let mut document = json!({
            "format": FORMATS.start(),
            "id": format!("synthetic/{layers}x{heads}-{text}+{rows}x{columns}-seed-{seed}"),
            "model": {"name": "synthetic"},
            "sequences": {"main": {"tokens": tokens}},
            "attention": [{"name": "self", "query": "main", "key": "main", "layers": layers, "causal": false}],
            "images": 1,
            "regions": [{"label": "object", "image": 0, "box": patch_box(row, column, height, width)}],
            "attributes": {"layers": layers, "heads": heads, "text": text, "rows": rows, "columns": columns,
                "dim": dim, "seed": seed},
        });
        if dim > 0 {
            document["hidden"] = json!([{"sequence": "main", "states": self.states().len()}]);
        }
        document
    }

    /// The box of a run of patches: first row, first column, rows, columns.
    pub(super) fn patch_box(&self, [row, column, height, width]: [usize; 4]) -> [f64; 4] {
        let [left, right] = [column, column + width].map(|edge| edge as f64 / self.columns as f64);
        let [top, bottom] = [row, row + height].map(|edge| edge as f64 / self.rows as f64);
        [left, top, right, bottom]
    }

    fn attention_row(&self, layer: usize, head: usize, query: usize, share: f32, weights: &mut [f32]) {
        let mut random = self.random(Purpose::Attention, &[layer, head, query]);
        let mut sum = 0.0_f64;
        for weight in &mut *weights {
            let uniform = random.unit();
            let square = uniform * uniform;
            *weight = square * square;
            sum += f64::from(*weight);
        }
        let planted = self.planted_keys(head, query);
        let share = if planted.is_empty() { 0.0 } else { share };
        let scale = ((1.0 - f64::from(share)) / sum) as f32;
        weights.iter_mut().for_each(|weight| *weight *= scale);
        for &key in &planted {
            weights[key] += share / planted.len() as f32;
        }
    }

    /// A cloud for each modality, of deviation 1, around centers that move apart from state to state.
    pub(super) fn hidden_row(&self, state: usize, token: usize, is_text: bool, values: &mut [f32]) {
        let mut center = self.random(Purpose::ModalityCenter, &[]);
        let mut place = self.random(Purpose::Hidden, &[token]);
        let mut drift = self.random(Purpose::HiddenDrift, &[token, state]);
        let side = if is_text { 1.0 } else { -1.0 };
        let apart = 0.5 + 1.5 * state as f32 / self.layers as f32;
        for value in values {
            let sign = if center.unit() < 0.5 { side } else { -side };
            *value = sign * apart + place.bell() + 0.2 * drift.bell();
        }
    }

    /// A disc that fills the object's patches, on grey that brightens downwards, with some noise.
    pub(super) fn image(&self) -> Vec<u8> {
        let [width, height] = self.image_size();
        let [row, column, rows, columns] = self.object().map(|patches| (patches * PATCH_PIXELS) as f32);
        let (middle_x, middle_y) = (column + columns / 2.0, row + rows / 2.0);
        let mut rgb = vec![0; width * height * 3];
        rgb.par_chunks_mut(width * 3).enumerate().for_each(|(y, line)| {
            let mut random = self.random(Purpose::Image, &[y]);
            let grey = 90.0 + 90.0 * y as f32 / height as f32;
            for (x, pixel) in line.as_chunks_mut::<3>().0.iter_mut().enumerate() {
                let dx = (x as f32 + 0.5 - middle_x) / (columns / 2.0);
                let dy = (y as f32 + 0.5 - middle_y) / (rows / 2.0);
                let color = if dx * dx + dy * dy < 0.9 { OBJECT_RGB } else { [grey, grey, grey + 12.0] };
                let noise = 12.0 * (random.unit() - 0.5);
                *pixel = color.map(|channel| (channel + noise) as u8);
            }
        });
        rgb
    }

    pub(super) fn random(&self, purpose: Purpose, place: &[usize]) -> Random {
        let seed = Random(self.seed).next_after(purpose as u64);
        Random(place.iter().fold(seed, |seed, &index| Random(seed).next_after(index as u64)))
    }
}

/// Writes `[rows, width]`, each row as `fill` makes it.
pub(super) fn write_rows(
    writer: &mut TraceWriter,
    dtype: Dtype,
    [rows, width]: [usize; 2],
    fill: impl Fn(usize, &mut [f32]) + Sync,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<(), TraceError> {
    let row_bytes = width * dtype.bytes();
    let chunk_rows = (CHUNK_BYTES / row_bytes).clamp(1, rows);
    let mut chunk = vec![0; chunk_rows * row_bytes];
    for first in (0..rows).step_by(chunk_rows) {
        let bytes = &mut chunk[..chunk_rows.min(rows - first) * row_bytes];
        bytes.par_chunks_mut(row_bytes).enumerate().for_each_init(
            || vec![0.0; width],
            |values, (row, bytes)| {
                fill(first + row, values);
                dtype.encode(values, bytes);
            },
        );
        writer.write(bytes)?;
        on_bytes(bytes.len() as u64);
    }
    Ok(())
}

/// splitmix64 (Steele, Lea and Flood 2014, <https://doi.org/10.1145/2660193.2660195>).
pub(super) struct Random(u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A seed that depends on this one and on a number.
    fn next_after(mut self, number: u64) -> u64 {
        self.next() ^ Self(number).next().rotate_left(32)
    }

    /// From above 0 to 1, so that no row of weights sums to 0.
    pub fn unit(&mut self) -> f32 {
        ((self.next() >> 40) + 1) as f32 / (1 << 24) as f32
    }

    /// Of mean 0 and deviation 1, nearly normal: the sum of three uniform numbers.
    pub fn bell(&mut self) -> f32 {
        2.0 * (self.unit() + self.unit() + self.unit()) - 3.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}
