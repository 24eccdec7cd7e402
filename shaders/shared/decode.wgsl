// Elements of a tensor as they lie in a file, f32, f16 or bf16, in an array of words. Decoded by bits: the feature
// `shader-f16` is not everywhere, and `unpack2x16float` may flush small numbers to zero and lose NaN.

const F32: u32 = 0u;
const F16: u32 = 1u;
const BF16: u32 = 2u;

/// Which word holds element `index`.
fn word_of(index: u32, dtype: u32) -> u32 {
    if dtype == F32 {
        return index;
    }
    return index >> 1u;
}

/// Element `index`, which lies in `word`, as the bits of an f32.
fn decode_bits(word: u32, index: u32, dtype: u32) -> u32 {
    if dtype == F32 {
        return word;
    }
    let half = (word >> (16u * (index & 1u))) & 0xffffu;
    if dtype == BF16 {
        return half << 16u;
    }
    let sign = (half & 0x8000u) << 16u;
    let exponent = (half >> 10u) & 0x1fu;
    let fraction = half & 0x3ffu;
    if exponent == 0u {
        // Subnormal: a multiple of 2^-24.
        return sign | bitcast<u32>(f32(fraction) * 5.9604645e-8);
    }
    if exponent == 31u {
        return sign | 0x7f800000u | (fraction << 13u);
    }
    return sign | ((exponent + 112u) << 23u) | (fraction << 13u);
}

/// Whether the bits of an f32 are those of a number. Shaders may assume that no float is NaN, so this asks the bits.
fn is_finite(bits: u32) -> bool {
    return (bits & 0x7f800000u) != 0x7f800000u;
}
