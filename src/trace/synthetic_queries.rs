//! Synthetic traces that store queries and keys, of any size in constant memory: pictures or a video, then text, as a decoder
//! reads them, with patterns that are known (docs/trace-format.md lists them).
//!
//! A key is a code of random signs, so that codes of different tokens are nearly at right angles. A query that is `a` times
//! the sum of m codes has a logit of `a √dim` on their keys, give or take `a √(m − 1)`, and of 0, give or take `a √m`, on all n
//! others. The mean of the exponential of a deviation s is `exp(s² / 2)`, so the m keys share the weight p on average where
//! `a √dim = ln(n / m) + ln(p / (1 − p)) + a² / 2`. As in the other traces no function of a mathematics library is used, so
//! the logarithm is ours.

use std::path::Path;

use rayon::prelude::*;
use serde_json::{Value, json};

use super::synthetic::{Purpose, WORDS, write_rows};
use super::{Dtype, Mask, Synthetic, TensorSpec, TensorView, TraceError, TraceWriter, WordState};

/// The size of such a trace, and its seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntheticQueries {
    /// Layers, heads, patches of a frame, hidden states; of the text the first token stands before the frames.
    pub each: Synthetic,
    /// Keys of a layer that its heads share; divides their number.
    pub key_heads: usize,
    /// Of queries and keys.
    pub head_dim: usize,
    /// Of the layers, in turns. Spans are those that [`SyntheticQueries::frame_tokens`] gives.
    pub masks: Vec<Mask>,
    /// Pictures, one every half second.
    pub frames: usize,
    /// Whether the logarithms of rows' sums are written, each of which is computed from all keys that its query sees.
    pub log_sum_exp: bool,
}

/// Seconds between two frames.
const FRAME_SECONDS: f64 = 0.5;
/// What random queries are larger than keys: their logits' deviation.
const RANDOM_LOGITS: f32 = 2.0;
/// Words that a state decodes to, for each token.
const WORDS_A_TOKEN: usize = 3;
/// What the norm of a special token's value is: it receives much, and adds little.
const SPECIAL_NORM: f32 = 0.05;

impl SyntheticQueries {
    /// Number of tokens.
    pub fn tokens(&self) -> usize {
        self.each.text.saturating_add(self.frames.saturating_mul(self.patches()))
    }

    fn patches(&self) -> usize {
        self.each.rows.saturating_mul(self.each.columns)
    }

    /// The tokens of a frame: first, and the one behind its last.
    pub fn frame_tokens(&self, frame: usize) -> std::ops::Range<usize> {
        1 + frame * self.patches()..1 + (frame + 1) * self.patches()
    }

    fn first_word(&self) -> usize {
        1 + self.frames * self.patches()
    }

    /// A frame as a trace of one picture, which says where its object is.
    pub fn frame(&self, frame: usize) -> Synthetic {
        Synthetic { seed: self.each.seed.wrapping_add(frame as u64), ..self.each.clone() }
    }

    /// The mask of a layer.
    pub fn mask(&self, layer: usize) -> &Mask {
        self.masks.get(layer % self.masks.len().max(1)).unwrap_or(&Mask::Full)
    }

    /// Which keys a query sees, in a stored mask too: those that come before, and all of its own frame.
    fn sees(&self, layer: usize, query: usize) -> std::ops::Range<usize> {
        let frame = (query >= 1 && query < self.first_word()).then(|| self.frame_tokens((query - 1) / self.patches()));
        let stored = 0..frame.map_or(query + 1, |frame| frame.end);
        self.mask(layer).run(query, self.tokens()).unwrap_or(stored)
    }

    /// The keys that a query of a head attends to by plan; none in a head or a row that is random.
    pub fn planted_keys(&self, layer: usize, head: usize, query: usize) -> Vec<usize> {
        let (patches, first_word) = (self.patches(), self.first_word());
        let is_patch = query >= 1 && query < first_word;
        let keys = match head {
            0 => vec![query],
            1 => vec![query.saturating_sub(1)],
            2 => vec![0],
            3 if query >= first_word => {
                let frame = (query - first_word) * self.frames / (self.each.text - 1);
                self.object_tokens(frame)
            }
            4 if is_patch && query > patches => vec![query - patches],
            _ => Vec::new(),
        };
        let seen = self.sees(layer, query);
        keys.into_iter().filter(|key| seen.contains(key)).collect()
    }

    /// The patches of a frame's object.
    pub fn object_tokens(&self, frame: usize) -> Vec<usize> {
        let [row, column, rows, columns] = self.frame(frame).object();
        let first = self.frame_tokens(frame).start;
        let in_row =
            |row: usize| (column..column + columns).map(move |column| first + row * self.each.columns + column);
        (row..row + rows).flat_map(in_row).collect()
    }

    /// Size of all tensors, or `None` if no file could hold them.
    pub fn bytes(&self) -> Option<u64> {
        self.tensors().iter().try_fold(0_u64, |sum, tensor| sum.checked_add(tensor.bytes()?))
    }

    /// Writes the trace. `on_bytes` hears of each part that is written.
    ///
    /// # Errors
    /// If a size is 0, key heads do not divide heads, or the file cannot be written; then nothing is left at `path` that was
    /// not there before.
    pub fn write(&self, path: &Path, on_bytes: &mut dyn FnMut(u64)) -> Result<(), TraceError> {
        let Synthetic { layers, heads, text, rows, columns, dtype, .. } = self.each;
        if [layers, heads, rows, columns, self.key_heads, self.head_dim, self.frames].contains(&0) || text < 2 {
            return Err(TraceError::new(
                path,
                "cannot write a trace without layers, heads, patches or two text tokens",
            ));
        }
        if !heads.is_multiple_of(self.key_heads) {
            let message =
                format!("cannot write {heads} heads that share {} key heads: that does not divide", self.key_heads);
            return Err(TraceError::new(path, message));
        }
        if self.bytes().is_none() {
            return Err(TraceError::new(path, "cannot write a trace of this size: it is larger than any file"));
        }
        let mut writer = TraceWriter::create(path, &self.document(), &self.tensors())?;
        let tokens = self.tokens();
        let words = (0..tokens).flat_map(|token| self.words(token));
        let numbers: Vec<u8> = words.flat_map(|word| (word as i32).to_le_bytes()).collect();
        for state in 0..self.word_states() {
            writer.write(&numbers)?;
            on_bytes(numbers.len() as u64);
            let scores = self.word_scores(state);
            let fill = |_, values: &mut [f32]| values.copy_from_slice(&scores);
            write_rows(&mut writer, Dtype::F32, [tokens, WORDS_A_TOKEN], fill, on_bytes)?;
        }
        for layer in 0..layers {
            let query = |row, values: &mut [f32]| self.query_row(layer, row / tokens, row % tokens, values);
            write_rows(&mut writer, dtype, [heads * tokens, self.head_dim], query, on_bytes)?;
            let key = |row, values: &mut [f32]| self.key_row(layer, row / tokens, row % tokens, values);
            write_rows(&mut writer, dtype, [self.key_heads * tokens, self.head_dim], key, on_bytes)?;
            if self.log_sum_exp {
                let sums = |head, values: &mut [f32]| self.log_sums(layer, head, values);
                write_rows(&mut writer, Dtype::F32, [heads, tokens], sums, on_bytes)?;
            }
            let norm = |head, values: &mut [f32]| self.value_norms(layer, head, values);
            write_rows(&mut writer, Dtype::F16, [heads, tokens], norm, on_bytes)?;
        }
        for state in self.each.states() {
            let is_text = |token: usize| token == 0 || token >= self.first_word();
            let fill = |token, values: &mut [f32]| self.each.hidden_row(state, token, is_text(token), values);
            write_rows(&mut writer, dtype, [tokens, self.each.dim], fill, on_bytes)?;
        }
        write_rows(&mut writer, Dtype::F16, [1, tokens], |_, values| self.relevance(values), on_bytes)?;
        for layer in (0..layers).filter(|layer| *self.mask(*layer) == Mask::Stored) {
            for query in 0..tokens {
                let seen = self.sees(layer, query);
                let row: Vec<u8> = (0..tokens).map(|key| u8::from(seen.contains(&key))).collect();
                writer.write(&row)?;
                on_bytes(row.len() as u64);
            }
        }
        for frame in 0..self.frames {
            let image = self.frame(frame).image();
            writer.write(&image)?;
            on_bytes(image.len() as u64);
        }
        writer.write(vocabulary().as_bytes())?;
        on_bytes(vocabulary().len() as u64);
        writer.finish()
    }

    fn tensors(&self) -> Vec<TensorSpec> {
        let tokens = self.tokens();
        let Synthetic { layers, heads, dtype, dim, .. } = self.each;
        let mut tensors = Vec::new();
        for state in 0..self.word_states() {
            let state = self.word_state(state);
            tensors.push(TensorSpec::numbers(format!("words.main.{state}"), &[tokens, WORDS_A_TOKEN]));
            let name = format!("word_scores.main.{state}");
            tensors.push(TensorSpec::weights(name, Dtype::F32, &[tokens, WORDS_A_TOKEN]));
        }
        for layer in 0..layers {
            let side = |name: &str, heads| {
                TensorSpec::weights(format!("{name}.self.{layer}"), dtype, &[heads, tokens, self.head_dim])
            };
            tensors.extend([side("query", heads), side("key", self.key_heads)]);
            let sums = TensorSpec::weights(format!("lse.self.{layer}"), Dtype::F32, &[heads, tokens]);
            tensors.extend(Some(sums).filter(|_| self.log_sum_exp));
            tensors.push(TensorSpec::weights(format!("value_norm.self.{layer}"), Dtype::F16, &[heads, tokens]));
        }
        let hidden = |state| TensorSpec::weights(format!("hidden.main.{state}"), dtype, &[tokens, dim]);
        tensors.extend(self.each.states().map(hidden));
        tensors.push(TensorSpec::weights("relevance.planted", Dtype::F16, &[1, tokens]));
        let stored = (0..layers).filter(|layer| *self.mask(*layer) == Mask::Stored);
        tensors.extend(stored.map(|layer| TensorSpec::bytewise(format!("mask.self.{layer}"), &[tokens, tokens])));
        let size = self.each.image_size();
        tensors.extend((0..self.frames).map(|frame| TensorSpec::image(format!("image.{frame}"), size)));
        tensors.push(TensorSpec::bytewise("vocabulary", &[vocabulary().len()]));
        tensors
    }

    fn document(&self) -> Value {
        let Synthetic { layers, heads, text, rows, columns, dim, seed, .. } = self.each;
        let frames = self.frames;
        let mut tokens = vec![json!({"text": "<s>", "special": true})];
        for frame in 0..frames {
            tokens.extend((0..self.patches()).map(|patch| {
                let place = self.each.patch_box([patch / columns, patch % columns, 1, 1]);
                json!({"image": frame, "box": place, "segment": "video"})
            }));
        }
        tokens.extend((1..text).map(|index| json!({"text": WORDS[(index - 1) % WORDS.len()], "segment": "question"})));
        let object = |frame: usize| json!({"label": "object", "image": frame, "box": self.each.patch_box(self.frame(frame).object())});
        let state = |state| match self.word_state(state) {
            WordState::Hidden(number) => json!(number),
            WordState::Logits => json!("logits"),
        };
        let states: Vec<Value> = (0..self.word_states()).map(state).collect();
        let masks: Vec<Value> = (0..layers).map(|layer| self.mask(layer).to_json()).collect();
        let mut document = json!({
            "format": 2,
            "id": format!("synthetic/queries-{layers}x{heads}-{text}+{frames}x{rows}x{columns}-seed-{seed}"),
            "model": {"name": "synthetic"},
            "sequences": {"main": {"tokens": tokens}},
            "attention": [{"name": "self", "query": "main", "key": "main", "layers": layers, "stored": "queries_keys",
                "mask": if self.masks.len() == 1 { masks[0].clone() } else { masks.into() }}],
            "images": frames,
            "regions": (0..frames).map(object).collect::<Vec<_>>(),
            "relevance": [{"name": "planted", "sequence": "main", "targets": [self.tokens() - 1], "signed": true,
                "source": "1 on the object of the last frame, falling below 0 from the first token on"}],
            "words": [{"sequence": "main", "states": states}],
            "attributes": {"layers": layers, "heads": heads, "key_heads": self.key_heads, "head_dim": self.head_dim,
                "text": text, "rows": rows, "columns": columns, "frames": frames, "dim": dim, "seed": seed},
        });
        if frames > 1 {
            document["image_times"] = (0..frames).map(|frame| frame as f64 * FRAME_SECONDS).collect();
        }
        if dim > 0 {
            document["hidden"] = json!([{"sequence": "main", "states": self.each.states().len()}]);
        }
        document
    }

    /// Adds a multiple of a key's code, of signs.
    fn add_code(&self, layer: usize, key_head: usize, token: usize, factor: f32, values: &mut [f32]) {
        let mut random = self.each.random(Purpose::Key, &[layer, key_head, token]);
        for part in values.chunks_mut(64) {
            let bits = random.next();
            for (at, value) in part.iter_mut().enumerate() {
                *value += if bits >> at & 1 == 0 { factor } else { -factor };
            }
        }
    }

    fn key_row(&self, layer: usize, key_head: usize, key: usize, values: &mut [f32]) {
        values.fill(0.0);
        self.add_code(layer, key_head, key, 1.0, values);
    }

    /// Of a head's rows, `[tokens]`: of what is stored, in f64, one product after another.
    fn log_sums(&self, layer: usize, head: usize, values: &mut [f32]) {
        let (dim, dtype) = (self.head_dim, self.each.dtype);
        let scale = 1.0 / f64::from(dim as f32).sqrt();
        let stored = |row: &dyn Fn(&mut [f32])| {
            let (mut values, mut bytes) = (vec![0.0; dim], vec![0; dim * dtype.bytes()]);
            row(&mut values);
            dtype.encode(&values, &mut bytes);
            TensorView { dtype, shape: vec![dim], bytes: &bytes }.to_f32()
        };
        let key_head = head / (self.each.heads / self.key_heads);
        let keys: Vec<Vec<f32>> =
            (0..self.tokens()).map(|key| stored(&|values| self.key_row(layer, key_head, key, values))).collect();
        values.par_iter_mut().enumerate().for_each(|(query, sum)| {
            let vector = stored(&|values| self.query_row(layer, head, query, values));
            let product =
                |key: &Vec<f32>| vector.iter().zip(key).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum::<f64>();
            let logits: Vec<f64> = keys[self.sees(layer, query)].iter().map(|key| scale * product(key)).collect();
            let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = logits.iter().map(|logit| exponential(logit - largest)).sum();
            *sum = if logits.is_empty() { f32::NEG_INFINITY } else { (largest + natural_log(total)) as f32 };
        });
    }

    fn query_row(&self, layer: usize, head: usize, query: usize, values: &mut [f32]) {
        let planted = self.planted_keys(layer, head, query);
        if planted.is_empty() {
            let mut random = self.each.random(Purpose::Query, &[layer, head, query]);
            values.iter_mut().for_each(|value| *value = RANDOM_LOGITS * random.bell());
            return;
        }
        let share = f64::from(self.each.planted_share(layer));
        let others = (self.sees(layer, query).len() - planted.len()).max(1) as f64;
        let (dim, count) = (self.head_dim as f64, planted.len() as f64);
        let wanted = natural_log(others / count * share / (1.0 - share)).max(0.0);
        // Where the dim is too small for the share, as much as there can be.
        let factor = dim.sqrt() - (dim - 2.0 * wanted).max(0.0).sqrt();
        values.fill(0.0);
        for key in planted {
            self.add_code(layer, head / (self.each.heads / self.key_heads), key, factor as f32, values);
        }
    }

    fn value_norms(&self, layer: usize, head: usize, values: &mut [f32]) {
        let mut random = self.each.random(Purpose::ValueNorm, &[layer, head]);
        values.iter_mut().for_each(|value| *value = 0.5 + random.unit());
        values[0] = SPECIAL_NORM;
    }

    fn relevance(&self, values: &mut [f32]) {
        let count = values.len() as f32;
        values.iter_mut().enumerate().for_each(|(token, value)| *value = -0.2 * (1.0 - token as f32 / count));
        self.object_tokens(self.frames - 1).into_iter().for_each(|token| values[token] = 1.0);
    }

    /// One for each hidden state, of the embedding and all layers, and the output.
    fn word_states(&self) -> usize {
        self.each.layers + 2
    }

    fn word_state(&self, state: usize) -> WordState {
        if state > self.each.layers { WordState::Logits } else { WordState::Hidden(state) }
    }

    /// The words of a token in every state: its own, or what is on its patch; then others.
    fn words(&self, token: usize) -> [usize; WORDS_A_TOKEN] {
        let mut random = self.each.random(Purpose::Words, &[token]);
        let first = match token.checked_sub(self.first_word()) {
            Some(word) => word % WORDS.len(),
            None if token > 0 && self.object_tokens((token - 1) / self.patches()).contains(&token) => OBJECT_WORD,
            None => BACKGROUND_WORD,
        };
        let step = 1 + (random.next() % (VOCABULARY_SIZE as u64 / 2 - 1)) as usize;
        [first, (first + step) % VOCABULARY_SIZE, (first + 2 * step) % VOCABULARY_SIZE]
    }

    /// Surer from state to state.
    fn word_scores(&self, state: usize) -> [f32; WORDS_A_TOKEN] {
        let best = 0.3 + 0.6 * state as f64 / (self.word_states() - 1) as f64;
        [best, (1.0 - best) / 2.0, (1.0 - best) / 4.0].map(|probability| natural_log(probability) as f32)
    }
}

/// What the object's patches decode to, and all others.
const OBJECT_WORD: usize = WORDS.len();
const BACKGROUND_WORD: usize = WORDS.len() + 1;
const VOCABULARY_SIZE: usize = WORDS.len() + 2;

fn vocabulary() -> String {
    let words = WORDS.iter().copied().chain(["red", "grey"]).enumerate();
    Value::Object(words.map(|(number, word)| (number.to_string(), word.into())).collect()).to_string()
}

/// By halving and the series of the area tangent: only operations that IEEE 754 rounds alike everywhere.
fn natural_log(number: f64) -> f64 {
    let (mut mantissa, mut exponent) = (number, 0.0);
    while mantissa >= 2.0 {
        (mantissa, exponent) = (mantissa / 2.0, exponent + 1.0);
    }
    while mantissa < 1.0 && mantissa > 0.0 {
        (mantissa, exponent) = (mantissa * 2.0, exponent - 1.0);
    }
    let tangent = (mantissa - 1.0) / (mantissa + 1.0);
    let (mut power, mut sum) = (tangent, 0.0);
    for odd in (1..40).step_by(2) {
        sum += power / f64::from(odd);
        power *= tangent * tangent;
    }
    2.0 * sum + exponent * std::f64::consts::LN_2
}

/// Of a number that is not above 0, by halving and its own series.
fn exponential(number: f64) -> f64 {
    const HALVINGS: i32 = 10;
    if number < -700.0 {
        return 0.0;
    }
    let small = number / f64::from(1 << HALVINGS);
    let (mut term, mut sum) = (1.0, 1.0);
    for order in 1..20 {
        term *= small / f64::from(order);
        sum += term;
    }
    (0..HALVINGS).fold(sum, |power, _| power * power)
}

#[cfg(test)]
mod tests {
    use super::{exponential, natural_log};

    #[test]
    fn the_exponential_is_the_exponential() {
        for number in [0.0, -1e-9, -0.3, -1.0, -17.5, -80.0, -600.0_f64] {
            assert!((exponential(number) / number.exp() - 1.0).abs() < 1e-11, "{number}");
        }
        assert_eq!(exponential(-1e9), 0.0);
    }

    #[test]
    fn the_logarithm_is_the_logarithm() {
        for number in [1e-6, 0.3, 0.999, 1.0, 1.5, 2.0, 37.0, 16384.0, 1e12_f64] {
            assert!((natural_log(number) - number.ln()).abs() < 1e-14 * number.ln().abs().max(1.0), "{number}");
        }
    }
}
