// The attention of selected tokens, added over tokens and heads of a page. A matrix is read along rows or along
// columns by two strides, so that both directions are one shader.
//
// Instead of the sum there may be the maximum, of a single head: then there is one dispatch of each.
//
// `slices`: a thread takes one token of the other side and a slice of 64 pairs of a head and a selected token.
// `add`: a thread takes one token of the other side and adds its slices, always in the same order.

struct Parameters {
    /// Tokens of the other side.
    outputs: u32,
    /// Selected tokens.
    tokens: u32,
    /// The first head in the page that takes part, and how many do.
    first_head: u32,
    heads: u32,
    /// Elements of a head.
    head_stride: u32,
    /// Elements from one selected token to the next, and from one output to the next.
    token_stride: u32,
    output_stride: u32,
    slices: u32,
    dtype: u32,
    /// 1 for the maximum over tokens instead of the sum.
    is_maximum: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> page: array<u32>;
@group(0) @binding(2) var<storage, read> tokens: array<u32>;
/// [slices, outputs]
@group(0) @binding(3) var<storage, read_write> slice_sums: array<f32>;
/// [outputs]
@group(0) @binding(4) var<storage, read_write> sums: array<f32>;
/// [outputs]: not zero where a weight was not finite.
@group(0) @binding(5) var<storage, read_write> broken: array<atomic<u32>>;

const SLICE_PAIRS: u32 = 64u;

@compute @workgroup_size(64)
fn slices(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let groups_per_slice = (parameters.outputs + 63u) / 64u;
    let number = folded(group, groups);
    let slice = number / groups_per_slice;
    let output = number % groups_per_slice * 64u + thread;
    if slice >= parameters.slices || output >= parameters.outputs {
        return;
    }
    let first_pair = slice * SLICE_PAIRS;
    let end_pair = min(first_pair + SLICE_PAIRS, parameters.heads * parameters.tokens);
    var sum = 0.0;
    for (var pair = first_pair; pair < end_pair; pair += 1u) {
        let head = parameters.first_head + pair / parameters.tokens;
        let token = tokens[pair % parameters.tokens];
        let index = head * parameters.head_stride
            + token * parameters.token_stride
            + output * parameters.output_stride;
        let bits = decode_bits(page[word_of(index, parameters.dtype)], index, parameters.dtype);
        if is_finite(bits) {
            let weight = bitcast<f32>(bits);
            if parameters.is_maximum == 1u && pair > first_pair {
                sum = max(sum, weight);
            } else {
                sum += weight;
            }
        } else {
            atomicOr(&broken[output], 1u);
        }
    }
    slice_sums[slice * parameters.outputs + output] = sum;
}

@compute @workgroup_size(64)
fn add(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let output = folded(group, groups) * 64u + thread;
    if output >= parameters.outputs {
        return;
    }
    var sum = sums[output];
    for (var slice = 0u; slice < parameters.slices; slice += 1u) {
        let of_slice = slice_sums[slice * parameters.outputs + output];
        if parameters.is_maximum == 1u && slice > 0u {
            sum = max(sum, of_slice);
        } else {
            sum += of_slice;
        }
    }
    sums[output] = sum;
}
