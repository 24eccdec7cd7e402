// Normalization: `ranges` finds what becomes 0 and 1, one workgroup for all values or one a row; `scale` maps each value.
// A percentile is found digit by digit: four histograms of eight bits each, of bits whose order is that of the floats.

struct Parameters {
    count: u32,
    // Values of a group: `count`, or the number of columns.
    group_size: u32,
    // 1 min-max, 2 row maximum, 3 percentile, 4 logarithm.
    how: u32,
    percent: f32,
    log_floor: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read_write> values: array<u32>;
@group(0) @binding(2) var<storage, read_write> limits: array<vec2<f32>>;

const THREADS: u32 = 256u;

var<workgroup> lowest: array<f32, 256>;
var<workgroup> highest: array<f32, 256>;
var<workgroup> counted: array<u32, 256>;
var<workgroup> histogram: array<atomic<u32>, 256>;
var<workgroup> prefix: u32;
var<workgroup> rank: u32;

// Bits whose order as numbers is that of the floats they came from.
fn ordered(bits: u32) -> u32 {
    return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

fn unordered(bits: u32) -> u32 {
    return select(~bits, bits & 0x7fffffffu, (bits & 0x80000000u) != 0u);
}

@compute @workgroup_size(256)
fn ranges(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let group = folded(workgroup, workgroups);
    let begin = group * parameters.group_size;
    let end = min(begin + parameters.group_size, parameters.count);
    var low = 3.4028235e38;
    var high = -3.4028235e38;
    var finite = 0u;
    for (var i = begin + thread; i < end; i += THREADS) {
        if is_finite(values[i]) {
            low = min(low, bitcast<f32>(values[i]));
            high = max(high, bitcast<f32>(values[i]));
            finite += 1u;
        }
    }
    lowest[thread] = low;
    highest[thread] = high;
    counted[thread] = finite;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half >>= 1u) {
        if thread < half {
            lowest[thread] = min(lowest[thread], lowest[thread + half]);
            highest[thread] = max(highest[thread], highest[thread + half]);
            counted[thread] += counted[thread + half];
        }
        workgroupBarrier();
    }
    if parameters.how == 3u {
        if thread == 0u {
            prefix = 0u;
            let share = clamp(parameters.percent, 0.0, 100.0) / 100.0;
            rank = clamp(u32(ceil(share * f32(counted[0]))), 1u, max(counted[0], 1u)) - 1u;
        }
        for (var digit = 0u; digit < 4u; digit += 1u) {
            let shift = 24u - 8u * digit;
            atomicStore(&histogram[thread], 0u);
            workgroupBarrier();
            for (var i = begin + thread; i < end; i += THREADS) {
                let bits = ordered(values[i]);
                // The digits before this one are those of the value that is looked for.
                let is_candidate = digit == 0u || (bits >> (shift + 8u)) == prefix;
                if is_finite(values[i]) && is_candidate {
                    atomicAdd(&histogram[(bits >> shift) & 0xffu], 1u);
                }
            }
            workgroupBarrier();
            if thread == 0u {
                var before = 0u;
                var chosen = 0u;
                loop {
                    let here = atomicLoad(&histogram[chosen]);
                    if before + here > rank || chosen == 255u {
                        break;
                    }
                    before += here;
                    chosen += 1u;
                }
                rank -= min(before, rank);
                prefix = (prefix << 8u) | chosen;
            }
            workgroupBarrier();
        }
    }
    if thread == 0u && begin < end {
        let any = counted[0] > 0u;
        let top = select(0.0, highest[0], any);
        var range = vec2(0.0, top);
        switch parameters.how {
            case 1u: { range.x = select(0.0, lowest[0], any); }
            case 3u: { range.y = select(0.0, bitcast<f32>(unordered(prefix)), any); }
            case 4u: { range.x = top * parameters.log_floor; }
            default: {}
        }
        limits[group] = range;
    }
}

@compute @workgroup_size(256)
fn scale(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let i = folded(workgroup, workgroups) * THREADS + thread;
    if i >= parameters.count || !is_finite(values[i]) {
        return;
    }
    let range = limits[i / parameters.group_size];
    let value = bitcast<f32>(values[i]);
    var scaled = 0.0;
    if range.y > range.x {
        if parameters.how == 4u {
            scaled = clamp(log(max(value, range.x) / range.x) / log(range.y / range.x), 0.0, 1.0);
        } else {
            scaled = clamp((value - range.x) / (range.y - range.x), 0.0, 1.0);
        }
    }
    values[i] = bitcast<u32>(scaled);
}
