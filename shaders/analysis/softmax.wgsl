// Makes weights of logits where they lie, `[heads, queries, keys]`, and leaves the logarithm of each row's sum. What is masked is 0; a
// row with a logit that is NaN or +inf, or in which every key has -inf, is NaN wherever it is not masked.
//
// A workgroup takes a row and reads it twice: first for the largest logit and the sum of exponentials together (Milakov and
// Gimelshein 2018, arXiv 1805.02867), then to make weights of it. Shaders may assume that no float is NaN, so bits are asked.

struct Parameters {
    heads: u32,
    queries: u32,
    keys: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> mask: array<u32>;
/// [heads]: the bits of -inf where a head has none.
@group(0) @binding(2) var<storage, read> sinks: array<u32>;
/// [heads, queries, keys]
@group(0) @binding(3) var<storage, read_write> strip: array<u32>;
/// [heads, queries]
@group(0) @binding(4) var<storage, read_write> log_sums: array<u32>;

const THREADS: u32 = 256u;
const NAN: u32 = 0x7fc00000u;
const INFINITY: u32 = 0x7f800000u;
const MINUS_INFINITY: u32 = 0xff800000u;

/// Of some logits of a row.
struct Sum {
    /// The largest that is finite.
    largest: f32,
    /// Exponentials of their differences to it.
    exponentials: f32,
    /// The flags below.
    found: u32,
}

/// A key that is seen.
const KEY: u32 = 1u;
/// A logit that is NaN or +inf.
const BROKEN: u32 = 2u;

var<workgroup> sums: array<Sum, THREADS>;

@compute @workgroup_size(256)
fn softmax(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let row = folded(workgroup, workgroups);
    if row >= parameters.heads * parameters.queries {
        return;
    }
    let query = row % parameters.queries;
    let run = seen_keys(query);
    let bits = seen_bits(query, parameters.queries);
    let first = row * parameters.keys;
    let sink = sinks[row / parameters.queries];

    var own = Sum(-3.4028235e38, 0.0, 0u);
    if thread == 0u {
        own = with_logit(own, sink);
    }
    for (var key = run.x + thread; key < run.y; key += THREADS) {
        if is_seen(bits, key) {
            own = with_logit(own, strip[first + key]);
            own.found |= KEY;
        }
    }
    sums[thread] = own;
    for (var width = THREADS / 2u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if thread < width {
            sums[thread] = together(sums[thread], sums[thread + width]);
        }
    }
    workgroupBarrier();
    let all = sums[0];
    let is_broken = (all.found & BROKEN) != 0u || all.exponentials == 0.0;

    for (var key = thread; key < parameters.keys; key += THREADS) {
        var weight = 0u;
        if key >= run.x && key < run.y && is_seen(bits, key) {
            weight = NAN;
            if !is_broken {
                weight = weight_of(strip[first + key], all);
            }
        }
        strip[first + key] = weight;
    }
    if thread == 0u {
        var log_sum = sink;
        if (all.found & KEY) != 0u {
            log_sum = NAN;
            if !is_broken {
                log_sum = bitcast<u32>(all.largest + log(all.exponentials));
            }
        }
        log_sums[row] = log_sum;
    }
}

fn with_logit(before: Sum, logit: u32) -> Sum {
    var sum = before;
    if (logit & 0x7fffffffu) > INFINITY || logit == INFINITY {
        sum.found |= BROKEN;
    } else if logit != MINUS_INFINITY {
        let value = bitcast<f32>(logit);
        let exponential = exp(-abs(value - sum.largest));
        if value > sum.largest {
            sum.exponentials = sum.exponentials * exponential + 1.0;
            sum.largest = value;
        } else {
            sum.exponentials += exponential;
        }
    }
    return sum;
}

fn together(one: Sum, other: Sum) -> Sum {
    let largest = max(one.largest, other.largest);
    let exponentials = one.exponentials * exp(one.largest - largest) + other.exponentials * exp(other.largest - largest);
    return Sum(largest, exponentials, one.found | other.found);
}

fn weight_of(logit: u32, all: Sum) -> u32 {
    if logit == MINUS_INFINITY {
        return 0u;
    }
    return bitcast<u32>(exp(bitcast<f32>(logit) - all.largest) / all.exponentials);
}
