// Queries or keys as they lie in a file, `[heads, vectors, dims]`, decoded and turned: `[groups, dims, vectors]`. A group holds the
// vectors of heads that share their keys, one head after the other. Dims are padded with zeros to whole slices, vectors to whole
// tiles, so that logits.wgsl copies both without a look at their ends.
//
// A thread takes the dims of a slice of one vector. Of 64 vectors, those whose numbers differ by 16 lie together: four that a thread
// of logits.wgsl reads at once, and whose neighbours are those of its neighbours.

struct Parameters {
    groups: u32,
    /// Heads of a group, and vectors of a head.
    heads: u32,
    vectors: u32,
    /// The first of each that takes part, and how many vectors of a head the source holds.
    first_head: u32,
    first_vector: u32,
    source_vectors: u32,
    dims: u32,
    /// Of a group, as they are written.
    padded_dims: u32,
    padded_vectors: u32,
    dtype: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> source: array<u32>;
/// [groups, padded dims, padded vectors], as bits
@group(0) @binding(2) var<storage, read_write> turned: array<u32>;

const SLICE: u32 = 16u;

@compute @workgroup_size(64)
fn turn(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let blocks = parameters.padded_vectors / 64u;
    let slices = parameters.padded_dims / SLICE;
    let number = folded(workgroup, workgroups);
    if number >= parameters.groups * slices * blocks {
        return;
    }
    let first_of_block = number % blocks * 64u;
    let first_dim = number / blocks % slices * SLICE;
    let group = number / (blocks * slices);
    let vector = first_of_block + thread / 4u + thread % 4u * 16u;
    let is_there = vector < parameters.heads * parameters.vectors;
    let head = parameters.first_head + group * parameters.heads + vector / parameters.vectors;
    let row = head * parameters.source_vectors + parameters.first_vector + vector % parameters.vectors;
    for (var dim = first_dim; dim < first_dim + SLICE; dim += 1u) {
        var bits = 0u;
        if is_there && dim < parameters.dims {
            let index = row * parameters.dims + dim;
            bits = decode_bits(source[word_of(index, parameters.dtype)], index, parameters.dtype);
        }
        turned[(group * parameters.padded_dims + dim) * parameters.padded_vectors + first_of_block + thread] = bits;
    }
}
