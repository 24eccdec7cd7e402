// Every head's matrix as a small tile. A thread makes one cell: it walks over the rectangle of weights that the cell
// stands for, a row at a time, and leaves the maximum or the mean of the unmasked ones.

struct Parameters {
    /// The first head in the page that takes part, and how many do.
    first_head: u32,
    heads: u32,
    /// Of a head's matrix.
    queries: u32,
    keys: u32,
    /// Of a tile.
    rows: u32,
    columns: u32,
    /// 0 for the maximum.
    mean: u32,
    dtype: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
/// [heads, queries, keys]
@group(0) @binding(1) var<storage, read> page: array<u32>;
@group(0) @binding(2) var<storage, read> mask: array<u32>;
/// [heads, rows, columns]
@group(0) @binding(3) var<storage, read_write> tiles: array<u32>;

const NAN: u32 = 0x7fc00000u;

@compute @workgroup_size(64)
fn pool(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let cell = folded(group, groups) * 64u + thread;
    let cells = parameters.rows * parameters.columns;
    if cell >= parameters.heads * cells {
        return;
    }
    let head = cell / cells;
    let row = cell % cells / parameters.columns;
    let column = cell % parameters.columns;
    let first_query = row * parameters.queries / parameters.rows;
    let end_query = (row + 1u) * parameters.queries / parameters.rows;
    let first_key = column * parameters.keys / parameters.columns;
    let end_key = (column + 1u) * parameters.keys / parameters.columns;
    var maximum = -3.4e38;
    var sum = 0.0;
    var count = 0u;
    var broken = false;
    for (var query = first_query; query < end_query; query += 1u) {
        let seen = seen_keys(query);
        let first_seen_bits = seen_bits(query, parameters.queries);
        let first = ((parameters.first_head + head) * parameters.queries + query) * parameters.keys;
        for (var key = max(first_key, seen.x); key < min(end_key, seen.y); key += 1u) {
            if !is_seen(first_seen_bits, key) {
                continue;
            }
            let bits = decode_bits(page[word_of(first + key, parameters.dtype)], first + key, parameters.dtype);
            if is_finite(bits) {
                maximum = max(maximum, bitcast<f32>(bits));
                sum += bitcast<f32>(bits);
            } else {
                broken = true;
            }
            count += 1u;
        }
    }
    var value = 0u;
    if broken {
        value = NAN;
    } else if count > 0u {
        value = bitcast<u32>(select(maximum, sum / f32(count), parameters.mean != 0u));
    }
    tiles[cell] = value;
}
