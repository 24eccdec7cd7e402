// Logits of queries and keys: their products, scaled, and capped where there is a cap. `[groups, rows, keys]`; the rows of a group are
// those of the heads that share their keys.
//
// A workgroup makes a tile of 128 rows and 128 keys, a thread 8 × 8 of it, whose sums stay in registers: per dim it reads 16 numbers
// of workgroup memory for 64 products. Slices of 8 dims lie there by turns in one of two halves, so one barrier a slice is enough,
// and the next slice is on its way while this one is multiplied. Vectors come turned and padded from turn.wgsl. A tile that no query
// sees anything of is not made; what is masked besides is left to softmax.wgsl.

struct Parameters {
    groups: u32,
    /// Of a group.
    rows: u32,
    keys: u32,
    /// Padded to whole slices.
    dims: u32,
    /// Tiles of a group's rows, and of its keys.
    row_tiles: u32,
    key_tiles: u32,
    scale: f32,
    /// 0 where there is none.
    softcap: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
/// [groups, dims, rows / 4]
@group(0) @binding(1) var<storage, read> queries: array<vec4<f32>>;
/// [groups, dims, keys / 4]
@group(0) @binding(2) var<storage, read> keys: array<vec4<f32>>;
/// [row tiles]: the first key that a row of the tile sees, and the one behind the last.
@group(0) @binding(3) var<storage, read> seen: array<vec2<u32>>;
/// [groups, rows, keys]
@group(0) @binding(4) var<storage, read_write> strip: array<f32>;

const TILE: u32 = 128u;
const DEPTH: u32 = 8u;
/// Fours of vectors in a tile, and in a slice of it.
const FOURS: u32 = 32u;
const SLICE: u32 = 256u;

/// Of a thread, by row: with the first four of its keys, and with the others.
struct Sums {
    a0: vec4<f32>, a1: vec4<f32>, a2: vec4<f32>, a3: vec4<f32>, a4: vec4<f32>, a5: vec4<f32>, a6: vec4<f32>, a7: vec4<f32>,
    b0: vec4<f32>, b1: vec4<f32>, b2: vec4<f32>, b3: vec4<f32>, b4: vec4<f32>, b5: vec4<f32>, b6: vec4<f32>, b7: vec4<f32>,
}

var<workgroup> query_slices: array<vec4<f32>, 512>;
var<workgroup> key_slices: array<vec4<f32>, 512>;

@compute @workgroup_size(256)
fn logits(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let number = folded(workgroup, workgroups);
    if number >= parameters.groups * parameters.row_tiles * parameters.key_tiles {
        return;
    }
    let key_tile = number % parameters.key_tiles;
    let row_tile = number / parameters.key_tiles % parameters.row_tiles;
    let group = number / (parameters.key_tiles * parameters.row_tiles);
    let first_key = key_tile * TILE;
    if first_key >= seen[row_tile].y || first_key + TILE <= seen[row_tile].x {
        return;
    }

    let query_stride = parameters.row_tiles * FOURS;
    let key_stride = parameters.key_tiles * FOURS;
    // Of each slice a thread copies one dim of four vectors.
    let first_dim = group * parameters.dims + thread / FOURS;
    var from_query = first_dim * query_stride + row_tile * FOURS + thread % FOURS;
    var from_key = first_dim * key_stride + key_tile * FOURS + thread % FOURS;
    var next_query = queries[from_query];
    var next_key = keys[from_key];

    // 32 threads in a row are a block of 8 × 4, so that many of them read the same numbers.
    let x = thread % 8u + thread / 32u % 2u * 8u;
    let y = thread / 8u % 4u + thread / 64u * 4u;
    var sums: Sums;
    for (var dim = 0u; dim < parameters.dims; dim += DEPTH) {
        let half = dim / DEPTH % 2u * SLICE;
        query_slices[half + thread] = next_query;
        key_slices[half + thread] = next_key;
        workgroupBarrier();
        if dim + DEPTH < parameters.dims {
            from_query += DEPTH * query_stride;
            from_key += DEPTH * key_stride;
            next_query = queries[from_query];
            next_key = keys[from_key];
        }
        // A call a dim and no loop: wgpu guards loops, at the price of many a product.
        add_products(&sums, half + y, half + x);
        add_products(&sums, half + 32u + y, half + 32u + x);
        add_products(&sums, half + 64u + y, half + 64u + x);
        add_products(&sums, half + 96u + y, half + 96u + x);
        add_products(&sums, half + 128u + y, half + 128u + x);
        add_products(&sums, half + 160u + y, half + 160u + x);
        add_products(&sums, half + 192u + y, half + 192u + x);
        add_products(&sums, half + 224u + y, half + 224u + x);
    }

    let first_row = row_tile * TILE + y;
    let key = first_key + x;
    put(group, first_row, key, sums.a0, sums.b0);
    put(group, first_row + 16u, key, sums.a1, sums.b1);
    put(group, first_row + 32u, key, sums.a2, sums.b2);
    put(group, first_row + 48u, key, sums.a3, sums.b3);
    put(group, first_row + 64u, key, sums.a4, sums.b4);
    put(group, first_row + 80u, key, sums.a5, sums.b5);
    put(group, first_row + 96u, key, sums.a6, sums.b6);
    put(group, first_row + 112u, key, sums.a7, sums.b7);
}

/// Of one dim: those of the eight queries and the eight keys of which the first fours lie there.
fn add_products(sums: ptr<function, Sums>, query: u32, key: u32) {
    let q0 = query_slices[query];
    let q1 = query_slices[query + 16u];
    let k0 = key_slices[key];
    let k1 = key_slices[key + 16u];
    (*sums).a0 += q0.x * k0; (*sums).b0 += q0.x * k1;
    (*sums).a1 += q0.y * k0; (*sums).b1 += q0.y * k1;
    (*sums).a2 += q0.z * k0; (*sums).b2 += q0.z * k1;
    (*sums).a3 += q0.w * k0; (*sums).b3 += q0.w * k1;
    (*sums).a4 += q1.x * k0; (*sums).b4 += q1.x * k1;
    (*sums).a5 += q1.y * k0; (*sums).b5 += q1.y * k1;
    (*sums).a6 += q1.z * k0; (*sums).b6 += q1.z * k1;
    (*sums).a7 += q1.w * k0; (*sums).b7 += q1.w * k1;
}

/// A thread's part of a row: neighbours write neighbours.
fn put(group: u32, row: u32, key: u32, one: vec4<f32>, other: vec4<f32>) {
    if row < parameters.rows {
        let first = (group * parameters.rows + row) * parameters.keys;
        put_four(first, key, to_logits(one));
        put_four(first, key + 64u, to_logits(other));
    }
}

fn put_four(first: u32, key: u32, logits: vec4<f32>) {
    if key < parameters.keys {
        strip[first + key] = logits.x;
    }
    if key + 16u < parameters.keys {
        strip[first + key + 16u] = logits.y;
    }
    if key + 32u < parameters.keys {
        strip[first + key + 32u] = logits.z;
    }
    if key + 48u < parameters.keys {
        strip[first + key + 48u] = logits.w;
    }
}

fn to_logits(products: vec4<f32>) -> vec4<f32> {
    if parameters.softcap > 0.0 {
        return parameters.softcap * hyperbolic_tangent(products * (parameters.scale / parameters.softcap));
    }
    return products * parameters.scale;
}

/// To 3e-7, as that of src/analysis/attention/softmax.rs: `tanh` itself may be as coarse as 1e-3.
fn hyperbolic_tangent(x: vec4<f32>) -> vec4<f32> {
    let square = x * x;
    let high = (-5.7049887e-3 * square + 2.0639088e-2) * square - 5.3739715e-2;
    let near = ((high * square + 1.3331442e-1) * square - 3.333328e-1) * square * x + x;
    let small = exp(-2.0 * min(abs(x), vec4(44.0)));
    let far = sign(x) * (1.0 - small) / (1.0 + small);
    let is_nan = (bitcast<vec4<u32>>(x) & vec4(0x7fffffffu)) > vec4(0x7f800000u);
    return select(select(far, near, abs(x) < vec4(0.625)), x, is_nan);
}
