// Attention rollout, a layer at a time: `heads` for each page of the layer, `residual`, then `multiply` with the rollout
// of the layers before. Matrices are [tokens, tokens] of the bits of f32, so that NaN survives: a shader may assume that no
// float is NaN.

struct Parameters {
    tokens: u32,
    /// The first head in the page that takes part, and how many do.
    first_head: u32,
    heads: u32,
    dtype: u32,
    /// 1 for the maximum over heads instead of the sum.
    is_maximum: u32,
    /// 1 for the first heads of a layer.
    is_first: u32,
    /// 1 for the first layer.
    is_start: u32,
    /// What the heads' sum is multiplied with to become their mean.
    scale: f32,
    /// The share of the identity.
    residual: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> page: array<u32>;
@group(0) @binding(2) var<storage, read_write> attention: array<u32>;
@group(0) @binding(3) var<storage, read> before: array<u32>;
@group(0) @binding(4) var<storage, read_write> after: array<u32>;

const NAN: u32 = 0x7fc00000u;
const TILE: u32 = 16u;

/// A thread takes one weight and adds the page's heads to it.
@compute @workgroup_size(64)
fn heads(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let cell = folded(group, groups) * 64u + thread;
    let cells = parameters.tokens * parameters.tokens;
    if cell >= cells {
        return;
    }
    var total = 0.0;
    var is_broken = false;
    if parameters.is_first == 0u {
        is_broken = !is_finite(attention[cell]);
        total = bitcast<f32>(select(attention[cell], 0u, is_broken));
    }
    for (var number = 0u; number < parameters.heads; number += 1u) {
        let index = (parameters.first_head + number) * cells + cell;
        let bits = decode_bits(page[word_of(index, parameters.dtype)], index, parameters.dtype);
        if !is_finite(bits) {
            is_broken = true;
            continue;
        }
        let weight = bitcast<f32>(bits);
        let is_only = parameters.is_first == 1u && number == 0u;
        if parameters.is_maximum == 1u && !is_only {
            total = max(total, weight);
        } else {
            total += weight;
        }
    }
    attention[cell] = select(bitcast<u32>(total), NAN, is_broken);
}

var<workgroup> sums: array<f32, 64>;
var<workgroup> broken: atomic<u32>;

/// A workgroup takes one row: the residual joins, and the row is divided by its sum.
@compute @workgroup_size(64)
fn residual(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let query = folded(group, groups);
    let tokens = parameters.tokens;
    let is_row = query < tokens;
    let kept = (1.0 - parameters.residual) * parameters.scale;
    var sum = 0.0;
    for (var key = thread; is_row && key < tokens; key += 64u) {
        let bits = attention[query * tokens + key];
        if is_finite(bits) {
            let weight = bitcast<f32>(bits) * kept + select(0.0, parameters.residual, key == query);
            attention[query * tokens + key] = bitcast<u32>(weight);
            sum += weight;
        } else {
            atomicStore(&broken, 1u);
        }
    }
    sums[thread] = sum;
    workgroupBarrier();
    for (var half = 32u; half > 0u; half /= 2u) {
        if thread < half {
            sums[thread] += sums[thread + half];
        }
        workgroupBarrier();
    }
    let total = sums[0];
    let is_broken = atomicLoad(&broken) != 0u;
    for (var key = thread; is_row && key < tokens; key += 64u) {
        let at = query * tokens + key;
        if is_broken {
            attention[at] = NAN;
        } else if total != 0.0 {
            attention[at] = bitcast<u32>(bitcast<f32>(attention[at]) / total);
        }
    }
}

var<workgroup> left: array<array<f32, 16>, 16>;
var<workgroup> right: array<array<f32, 16>, 16>;
var<workgroup> broken_rows: array<atomic<u32>, 16>;
var<workgroup> broken_columns: array<atomic<u32>, 16>;

/// A workgroup takes a tile of 16 × 16 weights of `attention` × `before`; of the first layer, of `attention`.
@compute @workgroup_size(16, 16)
fn multiply(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) thread: vec3<u32>,
) {
    let tokens = parameters.tokens;
    let tiles = (tokens + TILE - 1u) / TILE;
    let number = folded(group, groups);
    let row = number / tiles * TILE + thread.y;
    let column = number % tiles * TILE + thread.x;
    if parameters.is_start == 1u {
        if row < tokens && column < tokens {
            after[row * tokens + column] = attention[row * tokens + column];
        }
        return;
    }
    var sum = 0.0;
    for (var tile = 0u; tile < tiles; tile += 1u) {
        let key = tile * TILE + thread.x;
        let query = tile * TILE + thread.y;
        var bits = 0u;
        if row < tokens && key < tokens {
            bits = attention[row * tokens + key];
        }
        if !is_finite(bits) {
            atomicStore(&broken_rows[thread.y], 1u);
            bits = 0u;
        }
        left[thread.y][thread.x] = bitcast<f32>(bits);
        bits = 0u;
        if query < tokens && column < tokens {
            bits = before[query * tokens + column];
        }
        if !is_finite(bits) {
            atomicStore(&broken_columns[thread.x], 1u);
            bits = 0u;
        }
        right[thread.y][thread.x] = bitcast<f32>(bits);
        workgroupBarrier();
        for (var inner = 0u; inner < TILE; inner += 1u) {
            sum += left[thread.y][inner] * right[inner][thread.x];
        }
        workgroupBarrier();
    }
    let is_broken = (atomicLoad(&broken_rows[thread.y]) | atomicLoad(&broken_columns[thread.x])) != 0u;
    if row < tokens && column < tokens {
        after[row * tokens + column] = select(bitcast<u32>(sum), NAN, is_broken);
    }
}
