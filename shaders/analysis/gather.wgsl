// The attention of selected tokens in every head of a page, or in some heads together. A thread takes one head, or those together, and
// one token of the other side, and adds over the selected tokens, or finds their maximum. A matrix is read along rows or along columns by two strides, so that
// both directions are one shader.

struct Parameters {
    /// The first head in the page that takes part, how many results there are, and of how many heads each is.
    first_head: u32,
    results: u32,
    heads_together: u32,
    /// Tokens of the other side.
    others: u32,
    /// Selected tokens.
    tokens: u32,
    /// Elements of a head, and from one selected or other token to the next.
    head_stride: u32,
    token_stride: u32,
    other_stride: u32,
    dtype: u32,
    /// 1 for the maximum over tokens instead of the sum.
    is_maximum: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> page: array<u32>;
@group(0) @binding(2) var<storage, read> tokens: array<u32>;
/// [results, others]: the bits of f32; NaN where a weight is not finite.
@group(0) @binding(3) var<storage, read_write> combined: array<u32>;

const NAN: u32 = 0x7fc00000u;

@compute @workgroup_size(64)
fn gather(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let number = folded(group, groups) * 64u + thread;
    if number >= parameters.results * parameters.others {
        return;
    }
    let first_head = parameters.first_head + number / parameters.others * parameters.heads_together;
    let other = number % parameters.others;
    var total = 0.0;
    var broken = false;
    for (var head = first_head; head < first_head + parameters.heads_together; head += 1u) {
        let first = head * parameters.head_stride + other * parameters.other_stride;
        for (var at = 0u; at < parameters.tokens; at += 1u) {
            let index = first + tokens[at] * parameters.token_stride;
            let bits = decode_bits(page[word_of(index, parameters.dtype)], index, parameters.dtype);
            let weight = bitcast<f32>(bits);
            if !is_finite(bits) {
                broken = true;
            } else if parameters.is_maximum == 1u && at > 0u {
                total = max(total, weight);
            } else {
                total += weight;
            }
        }
    }
    combined[number] = select(bitcast<u32>(total), NAN, broken);
}
