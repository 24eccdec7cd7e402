//! Blocks without a file, and what the kernels' tests share.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "each test uses its part, and a test may panic")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use half::{bf16, f16};
use vlscope::analysis::{BlockLayout, Compute, Engine, LayerWeights, Selection};
use vlscope::gpu::{AdapterChoice, Gpu, PageKey, PageTensor};
use vlscope::trace::{Area, Dtype, LayerMask, Mask, Region, TensorView, Token, Trace};

/// One device for all tests of a process. No adapter is a failure.
pub fn gpu() -> &'static Arc<Gpu> {
    static GPU: OnceLock<Arc<Gpu>> = OnceLock::new();
    GPU.get_or_init(|| Arc::new(Gpu::open(&AdapterChoice::Auto).unwrap()))
}

/// A device of a test's own, which may set its budget.
pub fn own_gpu() -> Arc<Gpu> {
    Arc::new(Gpu::open(&AdapterChoice::Auto).unwrap())
}

/// A device that binds no more bytes than this and runs few workgroups in a dimension, as no real adapter does.
pub fn limited_gpu(binding_bytes: u64) -> Arc<Gpu> {
    let limits = |limits: wgpu::Limits| wgpu::Limits {
        max_storage_buffer_binding_size: binding_bytes.min(limits.max_storage_buffer_binding_size),
        max_compute_workgroups_per_dimension: 32,
        ..limits
    };
    Arc::new(Gpu::open_limited(&AdapterChoice::Auto, limits).unwrap())
}

/// Of the first page of a block that stands alone; tests that share a device must not share pages.
pub fn new_key() -> PageKey {
    static TRACES: AtomicU64 = AtomicU64::new(1 << 40);
    PageKey {
        trace: TRACES.fetch_add(1, Ordering::Relaxed),
        block: 0,
        layer: 0,
        tensor: PageTensor::Weights,
        first_head: 0,
    }
}

pub fn engine_on_shaders() -> Engine {
    Engine::new(Some(gpu().clone()), Compute::Gpu, 1 << 30).unwrap()
}

/// `[queries, keys]` of the selected heads, row by row.
pub fn matrix_of(engine: &Engine, trace: &Trace, selection: &Selection) -> Vec<f32> {
    engine.rows(trace, selection, Vec::new(), &|| true).unwrap().to_matrix(&|| true).unwrap()
}

pub fn reference(name: &str) -> Trace {
    Trace::open(&PathBuf::from(format!("tests/traces/{name}.safetensors"))).unwrap()
}

/// A block that owns its tensors.
pub struct Block {
    pub queries: Vec<Token>,
    pub keys: Option<Vec<Token>>,
    /// Of the layers, in turns.
    pub masks: Vec<Mask>,
    /// `[queries, keys]`, of a stored mask.
    pub cells: Vec<u8>,
    pub regions: Vec<Region>,
    pub dtype: Dtype,
    pub shapes: Vec<Vec<usize>>,
    pub bytes: Vec<Vec<u8>>,
}

impl Block {
    /// Self-attention over text with a special token at each end, and a third of it image patches in between.
    pub fn mixed(tokens: usize, causal: bool, heads: &[usize], dtype: Dtype) -> Self {
        let mut queries: Vec<Token> = (0..tokens).map(|_| text("word")).collect();
        let patches = tokens / 3..2 * tokens / 3;
        let count = patches.len();
        for (number, token) in queries[patches].iter_mut().enumerate() {
            *token = patch(number, count);
        }
        if tokens > 2 {
            queries[0].special = true;
            queries[tokens - 1].special = true;
        }
        Self::random(queries, None, causal, heads, dtype)
    }

    /// Text attends to an image.
    pub fn cross(queries: usize, keys: usize, heads: &[usize], dtype: Dtype) -> Self {
        let keys = (0..keys).map(|key| patch(key, keys)).collect();
        Self::random((0..queries).map(|_| text("word")).collect(), Some(keys), false, heads, dtype)
    }

    fn random(queries: Vec<Token>, keys: Option<Vec<Token>>, causal: bool, heads: &[usize], dtype: Dtype) -> Self {
        let columns = keys.as_ref().map_or(queries.len(), Vec::len);
        let mut state = 0x9e37_79b9_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let layer = |&heads: &usize| -> Vec<f32> {
            let row = |row: usize| {
                let seen = if causal { row % queries.len() + 1 } else { columns };
                let mut weights: Vec<f32> =
                    (0..columns).map(|key| if key < seen { random().powi(4) } else { 0.0 }).collect();
                let sum: f32 = weights.iter().sum();
                weights.iter_mut().for_each(|weight| *weight /= sum);
                weights
            };
            (0..heads * queries.len()).flat_map(row).collect()
        };
        let layers: Vec<Vec<f32>> = heads.iter().map(layer).collect();
        let shapes = heads.iter().map(|&heads| vec![heads, queries.len(), columns]).collect();
        let bytes = layers.iter().map(|values| encode(values, dtype)).collect();
        let area = Area { x0: 0.1, y0: 0.0, x1: 0.55, y1: 1.0 };
        let regions = vec![Region { label: "left".into(), image: 0, area }];
        let masks = masks(causal);
        Self { queries, keys, masks, cells: Vec::new(), regions, dtype, shapes, bytes }
    }

    /// Self-attention with given weights, `[1, tokens, tokens]`.
    pub fn given(queries: Vec<Token>, causal: bool, regions: Vec<Region>, weights: &[f32]) -> Self {
        let shapes = vec![vec![1, queries.len(), queries.len()]];
        let bytes = vec![encode(weights, Dtype::F32)];
        Self { queries, keys: None, masks: masks(causal), cells: Vec::new(), regions, dtype: Dtype::F32, shapes, bytes }
    }

    /// Self-attention in which a formula of layer, head, query and key says each weight.
    pub fn by(
        queries: Vec<Token>,
        causal: bool,
        [layers, heads]: [usize; 2],
        weight: impl Fn(usize, usize, usize, usize) -> f32,
    ) -> Self {
        let count = queries.len();
        let of_layer = |layer: usize| {
            let cell = |cell: usize| weight(layer, cell / (count * count), cell / count % count, cell % count);
            encode(&(0..heads * count * count).map(cell).collect::<Vec<_>>(), Dtype::F32)
        };
        let (shapes, bytes) = (vec![vec![heads, count, count]; layers], (0..layers).map(of_layer).collect());
        let (masks, cells, regions) = (masks(causal), Vec::new(), Vec::new());
        Self { queries, keys: None, masks, cells, regions, dtype: Dtype::F32, shapes, bytes }
    }

    /// Stores one weight of a layer.
    pub fn set(&mut self, layer: usize, [head, query, key]: [usize; 3], weight: f32) {
        let [_, queries, keys] = self.shapes[layer][..] else { panic!("not a layer") };
        let (at, stored) = ((head * queries + query) * keys + key, encode(&[weight], self.dtype));
        self.bytes[layer][at * stored.len()..(at + 1) * stored.len()].copy_from_slice(&stored);
    }

    pub fn layout(&self) -> BlockLayout<'_> {
        BlockLayout {
            queries: &self.queries,
            keys: self.keys.as_ref().unwrap_or(&self.queries),
            same_sequence: self.keys.is_none(),
            regions: &self.regions,
            aspects: vec![0.75],
        }
    }

    pub fn weights(&self) -> Vec<LayerWeights<'_>> {
        self.layers().into_iter().zip(self.layer_masks()).map(|(view, mask)| LayerWeights::Stored(view, mask)).collect()
    }

    /// One a layer.
    pub fn layer_masks(&self) -> Vec<LayerMask<'_>> {
        let keys = self.keys.as_ref().unwrap_or(&self.queries).len();
        self.shapes
            .iter()
            .zip(self.masks.iter().cycle())
            .map(|(_, mask)| LayerMask::new(mask, keys, &self.cells))
            .collect()
    }

    pub fn layers(&self) -> Vec<TensorView<'_>> {
        self.shapes
            .iter()
            .zip(&self.bytes)
            .map(|(shape, bytes)| TensorView { dtype: self.dtype, shape: shape.clone(), bytes })
            .collect()
    }
}

fn masks(causal: bool) -> Vec<Mask> {
    vec![if causal { Mask::Causal } else { Mask::Full }]
}

/// A layer of keys that all are seen.
pub fn unmasked(view: TensorView<'_>) -> LayerWeights<'_> {
    let keys = view.shape[2];
    LayerWeights::Stored(view, LayerMask::new(&Mask::Full, keys, &[]))
}

pub fn text(word: &str) -> Token {
    Token::of_text(word)
}

/// One of `count` patches, four in a row.
pub fn patch(index: usize, count: usize) -> Token {
    let rows = count.div_ceil(4) as f32;
    let (x, y) = ((index % 4) as f32, (index / 4) as f32);
    let area = Area { x0: x / 4.0, y0: y / rows, x1: (x + 1.0) / 4.0, y1: (y + 1.0) / rows };
    Token::of_image(0, area)
}

pub fn encode(values: &[f32], dtype: Dtype) -> Vec<u8> {
    match dtype {
        Dtype::F32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Dtype::F16 => values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect(),
        Dtype::Bf16 => values.iter().flat_map(|&value| bf16::from_f32(value).to_le_bytes()).collect(),
    }
}

/// Equal within the tolerance, absolutely for values below 1 and relatively above, and NaN in the same places.
pub fn assert_close(what: &str, one: &[f32], other: &[f32], tolerance: f32) {
    assert_eq!(one.len(), other.len(), "{what}");
    for (at, (a, b)) in one.iter().zip(other).enumerate() {
        let same = (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * a.abs().max(1.0);
        assert!(same, "{what}: number {at} is {a} in one and {b} in the other");
    }
}
