// The attention of selected tokens in every head apart. A thread takes one head and one token of the other side, and
// adds over the selected tokens. Two strides make both directions one shader.

struct Parameters {
    /// In the page.
    heads: u32,
    /// Tokens of the other side.
    others: u32,
    /// Selected tokens.
    tokens: u32,
    /// Elements of a head, and from one selected or other token to the next.
    head_stride: u32,
    token_stride: u32,
    other_stride: u32,
    dtype: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> page: array<u32>;
@group(0) @binding(2) var<storage, read> tokens: array<u32>;
/// [heads, others]: the bits of f32.
@group(0) @binding(3) var<storage, read_write> sums: array<u32>;

const NAN: u32 = 0x7fc00000u;

@compute @workgroup_size(64)
fn per_head(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let number = folded(group, groups) * 64u + thread;
    if number >= parameters.heads * parameters.others {
        return;
    }
    let head = number / parameters.others;
    let other = number % parameters.others;
    let first = head * parameters.head_stride + other * parameters.other_stride;
    var sum = 0.0;
    var broken = false;
    for (var at = 0u; at < parameters.tokens; at += 1u) {
        let index = first + tokens[at] * parameters.token_stride;
        let bits = decode_bits(page[word_of(index, parameters.dtype)], index, parameters.dtype);
        if is_finite(bits) {
            sum += bitcast<f32>(bits);
        } else {
            broken = true;
        }
    }
    sums[number] = select(bitcast<u32>(sum), NAN, broken);
}
