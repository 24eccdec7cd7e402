//! Traces written byte by byte, so that they can be wrong.
#![allow(dead_code, clippy::panic, reason = "each test uses its part, and a test may panic")]

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use vlscope::trace::{Dtype, Synthetic, Trace};

pub type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

pub fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces").join(format!("{name}.safetensors"))
}

/// A small synthetic trace.
pub fn synthetic() -> Synthetic {
    Synthetic { layers: 3, heads: 5, text: 6, rows: 4, columns: 5, dim: 8, dtype: Dtype::F32, seed: 7 }
}

/// A tensor as it will be written.
pub struct Tensor {
    pub dtype: &'static str,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

impl Tensor {
    pub fn f32(shape: &[usize], values: impl IntoIterator<Item = f32>) -> Self {
        let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
        assert_eq!(bytes.len(), shape.iter().product::<usize>() * 4);
        Self { dtype: "F32", shape: shape.to_vec(), bytes }
    }

    pub fn i32(shape: &[usize], values: impl IntoIterator<Item = i32>) -> Self {
        let bytes: Vec<u8> = values.into_iter().flat_map(i32::to_le_bytes).collect();
        assert_eq!(bytes.len(), shape.iter().product::<usize>() * 4);
        Self { dtype: "I32", shape: shape.to_vec(), bytes }
    }

    pub fn text(text: &str) -> Self {
        Self { dtype: "U8", shape: vec![text.len()], bytes: text.as_bytes().to_vec() }
    }

    pub fn zeros(dtype: &'static str, shape: &[usize]) -> Self {
        let item_bytes = match dtype {
            "F64" | "I64" => 8,
            "F32" | "I32" => 4,
            "U8" => 1,
            _ => 2,
        };
        Self { dtype, shape: shape.to_vec(), bytes: vec![0; shape.iter().product::<usize>() * item_bytes] }
    }
}

/// A document and its tensors.
pub struct Raw {
    pub document: Value,
    pub tensors: Vec<(String, Tensor)>,
}

impl Raw {
    /// Two tokens; 2 layers of 2 and 3 heads; hidden states, an image, a region, a head metric.
    pub fn sound() -> Self {
        let document = json!({
            "format": 1, "id": "sound", "images": 1,
            "sequences": {"main": {"tokens": [{"text": "a"}, {"image": 0, "box": [0.0, 0.5, 0.25, 1.0]}]}},
            "attention": [{"name": "self", "query": "main", "key": "main", "layers": 2}],
            "hidden": [{"sequence": "main", "states": 2}],
            "regions": [{"label": "cat", "image": 0, "box": [0.0, 0.0, 1.0, 1.0]}],
            "head_metrics": [{"name": "metric", "attention": "self"}],
        });
        let tensors = [
            ("attention.self.0", Tensor::f32(&[2, 2, 2], [0.5; 8])),
            ("attention.self.1", Tensor::f32(&[3, 2, 2], [0.5; 12])),
            ("hidden.main.0", Tensor::zeros("F16", &[2, 4])),
            ("hidden.main.1", Tensor::zeros("BF16", &[2, 4])),
            ("image.0", Tensor::zeros("U8", &[4, 5, 3])),
            ("head_metric.0", Tensor::f32(&[2, 3], [0.0, 1.0, f32::NAN, 3.0, 4.0, 5.0])),
        ];
        Self { document, tensors: tensors.map(|(name, tensor)| (name.to_owned(), tensor)).into() }
    }

    /// Version 2. `main` has three words, a latent query, and a patch of two merged frames; `self` stores queries and keys of 4
    /// heads that share 2, of the layers 3 and 7; `cross` stores weights.
    pub fn second() -> Self {
        let document = json!({
            "format": 2, "images": 2,
            "sequences": {
                "main": {"tokens": [
                    {"text": "a"}, {"text": "b", "modality": "text"}, {"text": "c", "segment": "question"},
                    {"modality": "latent", "text": "query 0"},
                    {"image": [0, 1], "box": [0.0, 0.0, 0.5, 1.0], "modality": "image"},
                ]},
                "sound": {"tokens": [{"modality": "audio"}, {"image": 1, "padding": true}, {"modality": "image"}]},
            },
            "image_times": [0, null],
            "relevance": [
                {"name": "gradient", "sequence": "sound", "target_sequence": "main", "targets": [4, 0], "attention": "cross"},
                {"name": "signed", "sequence": "main", "targets": [1], "signed": true, "source": "a paper"},
            ],
            "words": [{"sequence": "main", "states": [0, 7, "logits"]}],
            "attention": [
                {"name": "self", "query": "main", "key": "main", "statistics": ["entropy", "sink"], "layers": [3, 7], "stored": "queries_keys",
                    "scale": 0.25, "softcap": 30.0, "mask": [{"sliding": 2}, "stored"], "sink_share": true},
                {"name": "cross", "query": "main", "key": "sound", "layers": [9], "mask": {"spans": [[0, 2], [2, 3]]}},
            ],
        });
        let ramp = |shape: &[usize]| Tensor::f32(shape, (0..shape.iter().product()).map(|at: usize| at as f32 / 8.0));
        let row = [[0.5, 0.5, 0.0], [0.25, 0.75, 0.0], [0.0, 0.0, 1.0], [0.0; 3], [0.0; 3]];
        let tensors = [
            ("query.self.3", ramp(&[4, 5, 2])),
            ("query.self.7", ramp(&[4, 5, 2])),
            ("key.self.3", ramp(&[2, 5, 2])),
            ("key.self.7", ramp(&[2, 5, 2])),
            ("lse.self.3", ramp(&[4, 5])),
            ("lse.self.7", ramp(&[4, 5])),
            ("sink.self.3", ramp(&[4])),
            ("sink.self.7", ramp(&[4])),
            ("attention.cross.9", Tensor::f32(&[1, 5, 3], row.concat())),
            ("value_norm.cross.9", Tensor::zeros("F16", &[1, 3])),
            ("statistics.self", Tensor::f32(&[2, 4, 2], [f32::NAN; 16])),
            ("relevance.gradient", ramp(&[2, 1, 1, 3])),
            ("relevance.signed", Tensor::f32(&[1, 5], [0.0, -1.0, 2.0, 0.5, -0.5])),
            ("words.main.0", Tensor::zeros("I32", &[5, 2])),
            ("words.main.7", Tensor::zeros("I32", &[5, 1])),
            ("words.main.logits", Tensor::i32(&[5, 3], [0, 12, -4, 0, 12, -4, 0, 12, -4, 12, 12, 12, 0, 0, 0])),
            ("word_scores.main.0", Tensor::zeros("F16", &[5, 2])),
            ("word_scores.main.7", Tensor::zeros("F16", &[5, 1])),
            ("word_scores.main.logits", Tensor::f32(&[5, 3], (0..15).map(|at| -(at as f32)))),
            ("image.0", Tensor::zeros("U8", &[4, 5, 3])),
            ("vocabulary", Tensor::text(r#"{"0": "red", "12": "Ünïcödé", "-4": ""}"#)),
            ("image.1", Tensor::zeros("U8", &[4, 5, 3])),
            (
                "mask.self.7",
                Tensor { bytes: (0..25).map(|cell| u8::from(cell % 6 == 0)).collect(), ..Tensor::zeros("U8", &[5, 5]) },
            ),
        ];
        Self { document, tensors: tensors.map(|(name, tensor)| (name.to_owned(), tensor)).into() }
    }

    /// With a value at a place of the document; `None` removes what is there.
    pub fn changed(mut self, place: &str, value: Option<Value>) -> Self {
        let (parent, key) = place.rsplit_once('/').unwrap_or(("", place));
        let parent = self.document.pointer_mut(parent).unwrap_or_else(|| panic!("no place {place}"));
        match (parent, value) {
            (Value::Object(fields), Some(value)) => drop(fields.insert(key.to_owned(), value)),
            (Value::Object(fields), None) => assert!(fields.shift_remove(key).is_some(), "no key {place}"),
            (Value::Array(items), Some(value)) => items[key.parse::<usize>().unwrap_or(0)] = value,
            _ => panic!("cannot change {place}"),
        }
        self
    }

    /// With another tensor of that name.
    pub fn with(mut self, name: &str, tensor: Tensor) -> Self {
        *self.tensor(name) = tensor;
        self
    }

    /// Without the tensor of that name.
    pub fn without(mut self, name: &str) -> Self {
        self.tensors.retain(|(found, _)| found != name);
        self
    }

    /// The tensor of that name.
    pub fn tensor(&mut self, name: &str) -> &mut Tensor {
        let found = self.tensors.iter_mut().find(|(found, _)| found == name);
        &mut found.unwrap_or_else(|| panic!("no tensor {name}")).1
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut header = Map::new();
        header.insert("__metadata__".into(), json!({"vlscope": self.document.to_string()}));
        let mut begin = 0;
        for (name, Tensor { dtype, shape, bytes }) in &self.tensors {
            let end = begin + bytes.len();
            header.insert(name.clone(), json!({"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}));
            begin = end;
        }
        let data: Vec<u8> = self.tensors.iter().flat_map(|(_, tensor)| &tensor.bytes).copied().collect();
        with_header(Value::Object(header).to_string().as_bytes(), &data)
    }

    pub fn write(&self, path: &Path) -> Result {
        Ok(std::fs::write(path, self.bytes())?)
    }
}

/// What opening these bytes says, without the path.
pub fn refusal(bytes: &[u8]) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("broken.safetensors");
    std::fs::write(&path, bytes)?;
    match Trace::open(&path) {
        Ok(_) => Ok("opened".to_owned()),
        Err(error) => {
            assert_eq!(error.to_string(), format!("{}: {}", error.message, path.display()));
            Ok(error.message)
        }
    }
}

/// A file of this header and data.
pub fn with_header(header: &[u8], data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header, data].concat()
}
