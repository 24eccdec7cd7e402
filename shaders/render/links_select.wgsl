// Which links are drawn, in their original order. Twin: src/render/links/cpu.rs.
//
// The key of the N-th strongest link is found digit by digit, 8 bits each from the top: `count_digits` counts the digits
// of the links whose higher digits are those found so far, `pick_digit` walks down the counts. Then everything above that
// key is kept, and of those equal to it as many as are still missing, the first ones. `tally` counts both kinds in each
// block of 256, `scan` sums them up, `compact` writes each kept link to its place, which depends on no race. Sorting was
// rejected: the order is not wanted, and it moves all links many times.

struct Link {
    begin: vec2f,
    end: vec2f,
    weight: u32, // the bits: whether they are a number is asked of them
    color: u32,
}

struct Params {
    count: u32,
    strongest: u32,
    least_key: u32,
    is_strongest: u32,
}

struct Progress {
    digits: array<atomic<u32>, 256>,
    shift: u32, // of the digit that is looked for
    key: u32, // the digits found so far; at last the least key that is kept
    missing: u32, // how many are kept of those that have that key
    padding: u32,
}

struct Tally {
    above: u32,
    equal: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> links: array<Link>;
@group(0) @binding(2) var<storage, read_write> progress: Progress;
@group(0) @binding(3) var<storage, read_write> tallies: array<Tally>;
@group(0) @binding(4) var<storage, read_write> kept: array<u32>;
@group(0) @binding(5) var<storage, read_write> arguments: array<u32, 4>;

const NEVER: u32 = 0xffffffffu; // above every number's key

var<workgroup> block_digits: array<atomic<u32>, 256>;
var<workgroup> sums: array<vec2u, 256>;

// A greater weight has a greater key; 0 is that of what is not a number.
fn key_of(bits: u32) -> u32 {
    if (bits & 0x7fffffffu) > 0x7f800000u {
        return 0u;
    }
    if (bits & 0x7fffffffu) == 0u {
        return 0x80000000u;
    }
    return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

fn key_at(index: u32) -> u32 {
    if index >= params.count {
        return 0u;
    }
    return key_of(links[index].weight);
}

@compute @workgroup_size(256)
fn start(@builtin(local_invocation_index) local: u32) {
    atomicStore(&progress.digits[local], 0u);
    if local == 0u {
        progress.shift = 24u;
        if params.is_strongest == 1u {
            progress.key = 0u;
            progress.missing = params.strongest;
        } else {
            progress.key = params.least_key;
            progress.missing = NEVER;
        }
    }
}

@compute @workgroup_size(256)
fn count_digits(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    atomicStore(&block_digits[local], 0u);
    workgroupBarrier();
    let key = key_at(folded(group, groups) * 256u + local);
    let shift = progress.shift;
    // Shifted twice, since by 32 bits at once is undefined.
    let is_alike = (((key ^ progress.key) >> shift) >> 8u) == 0u;
    if key != 0u && is_alike {
        atomicAdd(&block_digits[(key >> shift) & 0xffu], 1u);
    }
    workgroupBarrier();
    let count = atomicLoad(&block_digits[local]);
    if count > 0u {
        atomicAdd(&progress.digits[local], count);
    }
}

@compute @workgroup_size(1)
fn pick_digit() {
    var missing = progress.missing;
    var picked = 256u;
    var lowest = 256u;
    for (var i = 0u; i < 256u; i++) {
        let digit = 255u - i;
        let count = atomicExchange(&progress.digits[digit], 0u);
        if count == 0u || picked < 256u {
            continue;
        }
        lowest = digit;
        if count >= missing {
            picked = digit;
        } else {
            missing -= count;
        }
    }
    if progress.key == NEVER || lowest == 256u || params.strongest == 0u {
        progress.key = NEVER;
        progress.missing = 0u;
        return;
    }
    if picked == 256u {
        // Fewer links than are wanted: all are kept, down to the weakest.
        picked = lowest;
        missing = NEVER;
    }
    progress.key |= picked << progress.shift;
    progress.missing = missing;
    progress.shift = select(progress.shift - 8u, 0u, progress.shift == 0u);
}

fn tally_of(index: u32) -> vec2u {
    let key = key_at(index);
    return vec2u(u32(key > progress.key), u32(key != 0u && key == progress.key));
}

// Sums over the workgroup's invocations up to and with this one.
fn running_sum(own: vec2u, local: u32) -> vec2u {
    var sum = own;
    for (var distance = 1u; distance < 256u; distance *= 2u) {
        sums[local] = sum;
        workgroupBarrier();
        if local >= distance {
            sum += sums[local - distance];
        }
        workgroupBarrier();
    }
    return sum;
}

@compute @workgroup_size(256)
fn tally(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let block = folded(group, groups);
    let sum = running_sum(tally_of(block * 256u + local), local);
    if local == 255u && block < arrayLength(&tallies) {
        tallies[block] = Tally(sum.x, sum.y);
    }
}

// What lies before each block.
@compute @workgroup_size(256)
fn scan(@builtin(local_invocation_index) local: u32) {
    let blocks = (params.count + 255u) / 256u;
    var before = vec2u(0u);
    for (var first = 0u; first < blocks; first += 256u) {
        let block = first + local;
        var own = vec2u(0u);
        if block < blocks {
            own = vec2u(tallies[block].above, tallies[block].equal);
        }
        let sum = running_sum(own, local);
        if block < blocks {
            let exclusive = before + sum - own;
            tallies[block] = Tally(exclusive.x, exclusive.y);
        }
        sums[local] = sum;
        workgroupBarrier();
        before += sums[255];
        workgroupBarrier();
    }
    if local == 0u {
        arguments[1] = before.x + min(before.y, progress.missing);
    }
}

@compute @workgroup_size(256)
fn compact(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let block = folded(group, groups);
    let index = block * 256u + local;
    let own = tally_of(index);
    var before = running_sum(own, local) - own;
    if block >= arrayLength(&tallies) {
        return;
    }
    before += vec2u(tallies[block].above, tallies[block].equal);
    if own.x == 1u || (own.y == 1u && before.y < progress.missing) {
        kept[before.x + min(before.y, progress.missing)] = index;
    }
}
