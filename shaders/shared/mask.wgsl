// Which keys a query sees. A kernel binds the words of src/gpu/mask.rs as `mask`.

/// The keys that a query sees lie from the first of these up to the second.
fn seen_keys(query: u32) -> vec2<u32> {
    return vec2(mask[1u + 2u * query], mask[2u + 2u * query]);
}

/// The word with which a query's bits begin; 0 if it sees all of those keys.
fn seen_bits(query: u32, queries: u32) -> u32 {
    return select(1u + 2u * queries + query * mask[0], 0u, mask[0] == 0u);
}

/// Whether a query whose bits begin there sees one of those keys.
fn is_seen(first_bits: u32, key: u32) -> bool {
    return first_bits == 0u || ((mask[first_bits + key / 32u] >> (key % 32u)) & 1u) != 0u;
}
