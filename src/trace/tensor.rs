//! A tensor as it lies in the file: borrowed bytes, in their stored dtype, at whatever alignment.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use multiversion::multiversion;
use multiversion::target::match_target;

/// How an element of a tensor is stored, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32.
    Bf16,
}

impl Dtype {
    /// Size of an element in bytes.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// As a safetensors header writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
        }
    }

    /// The reverse of [`Dtype::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::F32, Self::F16, Self::Bf16].into_iter().find(|dtype| dtype.name() == name)
    }

    /// Stores values, rounded to the nearest; `out` holds one element per value.
    pub fn encode(self, values: &[f32], out: &mut [u8]) {
        match self {
            Self::F32 => encode_each(values, out, f32::to_le_bytes),
            Self::F16 => encode_each(values, out, |value| f16::from_f32(value).to_le_bytes()),
            Self::Bf16 => encode_each(values, out, |value| bf16::from_f32(value).to_le_bytes()),
        }
    }
}

/// By eight at a time where the processor can: the `half` crate asks for each number what the processor can, or makes a
/// call of every eight.
#[multiversion(targets("x86_64+avx+f16c"))]
fn decode_f16(halves: &[[u8; 2]], out: &mut [f32]) {
    let (blocks, last) = halves.as_chunks::<8>();
    let (out, last_out) = out.as_chunks_mut::<8>();
    match_target! {
        "x86_64+avx+f16c" => {
            for (block, out) in blocks.iter().zip(out) {
                let halves: std::arch::x86_64::__m128i = bytemuck::cast(*block);
                *out = bytemuck::cast(std::arch::x86_64::_mm256_cvtph_ps(halves));
            }
        },
        _ => {
            for (block, out) in blocks.iter().zip(out) {
                block.map(f16::from_le_bytes).convert_to_f32_slice(out);
            }
        },
    }
    for (half, value) in last.iter().zip(last_out) {
        *value = f16::from_le_bytes(*half).to_f32();
    }
}

fn encode_each<const BYTES: usize>(values: &[f32], out: &mut [u8], encode: impl Fn(f32) -> [u8; BYTES]) {
    for (raw, &value) in out.as_chunks_mut().0.iter_mut().zip(values) {
        *raw = encode(value);
    }
}

/// A borrowed tensor in row-major order.
#[derive(Clone, Debug)]
pub struct TensorView<'a> {
    /// How an element is stored.
    pub dtype: Dtype,
    /// Outermost dimension first.
    pub shape: Vec<usize>,
    /// All elements.
    pub bytes: &'a [u8],
}

impl<'a> TensorView<'a> {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.dtype.bytes()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Entry `index` of the outermost dimension: one head of `[heads, queries, keys]`.
    pub fn entry(&self, index: usize) -> TensorView<'a> {
        let shape = self.shape[1..].to_vec();
        let size = shape.iter().product::<usize>() * self.dtype.bytes();
        TensorView { dtype: self.dtype, shape, bytes: &self.bytes[index * size..(index + 1) * size] }
    }

    /// Decodes `out.len()` elements, beginning with number `first`.
    pub fn read(&self, first: usize, out: &mut [f32]) {
        let size = self.dtype.bytes();
        let bytes = &self.bytes[first * size..(first + out.len()) * size];
        match self.dtype {
            Dtype::F32 => {
                for (value, raw) in out.iter_mut().zip(bytes.as_chunks().0) {
                    *value = f32::from_le_bytes(*raw);
                }
            }
            Dtype::F16 => decode_f16(bytes.as_chunks().0, out),
            Dtype::Bf16 => {
                for (value, raw) in out.iter_mut().zip(bytes.as_chunks().0) {
                    *value = bf16::from_le_bytes(*raw).to_f32();
                }
            }
        }
    }

    /// The bytes of `count` elements, beginning with number `first`; fewer where the tensor ends.
    pub fn bytes_of(&self, first: usize, count: usize) -> &'a [u8] {
        let [begin, end] = [first, first + count].map(|element| (element * self.dtype.bytes()).min(self.bytes.len()));
        &self.bytes[begin..end]
    }

    /// `buffer.len()` elements, beginning with number `first`: as they lie in the file where they can be read there, else
    /// decoded into the buffer.
    pub fn decoded<'b>(&self, first: usize, buffer: &'b mut [f32]) -> &'b [f32]
    where
        'a: 'b,
    {
        if self.dtype == Dtype::F32
            && cfg!(target_endian = "little")
            && let Ok(values) = bytemuck::try_cast_slice(&self.bytes[first * 4..(first + buffer.len()) * 4])
        {
            return values;
        }
        self.read(first, buffer);
        buffer
    }

    /// All elements, decoded.
    pub fn to_f32(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.len()];
        self.read(0, &mut out);
        out
    }
}
