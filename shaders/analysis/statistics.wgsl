// The sums of src/analysis/statistics/sums.rs for every head of a page, in one walk over its weights. The constants of
// the slots are put before this file.
//
// `tiles`: a workgroup takes up to 64 rows of a head, 8 at a time; 32 lanes walk a row side by side. A row's parts are added
// in workgroup memory, so no width of a subgroup is assumed. A row with a weight that is not finite is left out. Then each thread
// goes down its columns of the rows that are left, which the cache still holds; their sums go to a scratch buffer that belongs to the
// workgroup alone, so no float atomics are needed. Rejected: columns' sums of 8 rows in workgroup memory while they are walked, with
// two barriers for every 32 columns: 1.3 times the time on an H200. `reduce`: a workgroup takes a head and adds its tiles, always
// in the same order. Where a page holds some of the rows of its heads only, what keys receive is added to what they received of the pages before.

struct Parameters {
    queries: u32,
    keys: u32,
    /// The first head in the page that takes part, and how many do.
    first_head: u32,
    heads: u32,
    dtype: u32,
    /// Tiles of a head, and rows of a tile.
    tiles: u32,
    tile_rows: u32,
    /// Which query has the first row of a head on the page, and how many there are in all.
    first_query: u32,
    all_queries: u32,
    /// Whether `received` holds what keys receive.
    is_part: u32,
}

/// Two loads of 16 bytes: what is read of a key costs more than its weight.
struct Place {
    /// Flags, image, number of the patch, visible keys.
    what: vec4<u32>,
    /// Centre, overlap with regions.
    place: vec4<f32>,
}

/// What a lane has of a row. Members, not an array: a loop over one would keep it in memory.
struct Lane {
    text: f32,
    image: f32,
    logarithms: f32,
    squares: f32,
    largest: f32,
    moment: f32,
    near: f32,
    region: f32,
    vli_text: f32,
    vli_patch: f32,
    vli_far: f32,
    broken: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> page: array<u32>;
@group(0) @binding(2) var<storage, read> mask: array<u32>;
@group(0) @binding(3) var<storage, read> query_places: array<Place>;
@group(0) @binding(4) var<storage, read> key_places: array<Place>;
/// [heads, tiles, slots]
@group(0) @binding(5) var<storage, read_write> tile_sums: array<f32>;
/// [heads, tiles, keys]
@group(0) @binding(6) var<storage, read_write> column_sums: array<f32>;
/// [heads, slots]
@group(0) @binding(7) var<storage, read_write> results: array<f32>;
/// [heads of the page, keys]: from the queries before.
@group(0) @binding(8) var<storage, read_write> received: array<f32>;

const COUNTED_TEXT: u32 = 1u;
const COUNTED_IMAGE: u32 = 2u;
const COUNTED: u32 = 3u;
const VLI_TEXT: u32 = 4u;
const VLI_PATCH: u32 = 8u;
const SEES_TEXT: u32 = 16u;
const SEES_IMAGE: u32 = 32u;
const HAS_SELF: u32 = 64u;
const HAS_PREVIOUS: u32 = 128u;

const LANES: u32 = 32u;
const ROWS: u32 = 8u;
const MOST_TILE_ROWS: u32 = 64u;
/// Tiles that are added to one another before they are added to the rest: long sums would lose digits.
const TILES_AT_ONCE: u32 = 16u;

// What the lanes of a row have, before it is added up.
const TEXT_PART: u32 = 0u;
const IMAGE_PART: u32 = 1u;
const LOG_PART: u32 = 2u;
const SQUARE_PART: u32 = 3u;
const LARGEST_PART: u32 = 4u;
const MOMENT_PART: u32 = 5u;
const NEAR_PART: u32 = 6u;
const REGION_PART: u32 = 7u;
const VLI_TEXT_PART: u32 = 8u;
const VLI_PATCH_PART: u32 = 9u;
const VLI_FAR_PART: u32 = 10u;
const BROKEN_PART: u32 = 11u;
const PARTS: u32 = 12u;

var<workgroup> parts: array<array<f32, 256>, PARTS>;
var<workgroup> columns: array<f32, 256>;
/// Of the rows that each eighth of the workgroup has walked over; zeros at first.
var<workgroup> row_totals: array<array<f32, SLOTS>, ROWS>;
/// By row of the tile: which keys it counts for, from and to, and where its bits are; none where the row is left out.
var<workgroup> counted_keys: array<vec2<u32>, MOST_TILE_ROWS>;
var<workgroup> counted_bits: array<u32, MOST_TILE_ROWS>;

@compute @workgroup_size(32, 8)
fn tiles(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let number = folded(group, groups);
    if number >= parameters.heads * parameters.tiles {
        return;
    }
    let head = number / parameters.tiles;
    let first_row = number % parameters.tiles * parameters.tile_rows;
    let rows = min(parameters.tile_rows, parameters.queries - first_row);
    let first_start = ((parameters.first_head + head) * parameters.queries + first_row) * parameters.keys;
    for (var step = 0u; step < rows; step += ROWS) {
        let row = step + local.y;
        let row_start = first_start + row * parameters.keys;
        let query_number = parameters.first_query + first_row + row;
        var query: Place;
        var lane: Lane;
        if row < rows {
            query = query_places[query_number];
            lane = lane_of_row(local.x, row_start, query_number, query);
        }
        parts[TEXT_PART][thread] = lane.text;
        parts[IMAGE_PART][thread] = lane.image;
        parts[LOG_PART][thread] = lane.logarithms;
        parts[SQUARE_PART][thread] = lane.squares;
        parts[LARGEST_PART][thread] = lane.largest;
        parts[MOMENT_PART][thread] = lane.moment;
        parts[NEAR_PART][thread] = lane.near;
        parts[REGION_PART][thread] = lane.region;
        parts[VLI_TEXT_PART][thread] = lane.vli_text;
        parts[VLI_PATCH_PART][thread] = lane.vli_patch;
        parts[VLI_FAR_PART][thread] = lane.vli_far;
        parts[BROKEN_PART][thread] = lane.broken;
        for (var width = LANES / 2u; width > 0u; width /= 2u) {
            workgroupBarrier();
            if local.x < width {
                for (var part = 0u; part < PARTS; part += 1u) {
                    let one = parts[part][thread];
                    let other = parts[part][thread + width];
                    parts[part][thread] = select(one + other, max(one, other), part == LARGEST_PART);
                }
            }
        }
        // Lane 0 added the last pair itself, so it needs no barrier to read its own sums.
        if local.x == 0u && row < rows {
            let is_whole = parts[BROKEN_PART][thread] == 0.0;
            let counts = is_whole && (query.what.x & COUNTED) != 0u;
            counted_keys[row] = select(vec2(0u), seen_keys(query_number), counts);
            counted_bits[row] = seen_bits(query_number, parameters.all_queries);
            if is_whole {
                add_row(local.y, thread, query, row_start + query_number);
            } else {
                row_totals[local.y][ROWS_LEFT_OUT] += 1.0;
            }
        }
        workgroupBarrier();
    }
    if thread < SLOTS {
        var sum = 0.0;
        for (var r = 0u; r < ROWS; r += 1u) {
            sum += row_totals[r][thread];
        }
        tile_sums[number * SLOTS + thread] = sum;
    }
    // Where no row sees a key its sum stays 0, as it is at first.
    var some_see = vec2(parameters.keys, 0u);
    for (var row = 0u; row < rows; row += 1u) {
        some_see = vec2(min(some_see.x, counted_keys[row].x), max(some_see.y, counted_keys[row].y));
    }
    for (var column = some_see.x + thread; column < some_see.y; column += LANES * ROWS) {
        column_sums[number * parameters.keys + column] = column_sum(column, rows, first_start);
    }
}

/// What one lane has of a row: every 32nd of its columns.
fn lane_of_row(lane_number: u32, row_start: u32, query_number: u32, query: Place) -> Lane {
    let row_counts = (query.what.x & COUNTED) != 0u;
    let row_is_image = (query.what.x & COUNTED_IMAGE) != 0u;
    let seen = seen_keys(query_number);
    let first_bits = seen_bits(query_number, parameters.all_queries);
    // Weights that were computed are 0 where they are masked.
    let walked = select(vec2(0u, parameters.keys), seen, parameters.is_part != 0u);
    var lane: Lane;
    for (var column = walked.x + lane_number; column < walked.y; column += LANES) {
        let index = row_start + column;
        let bits = decode_bits(page[word_of(index, parameters.dtype)], index, parameters.dtype);
        if !is_finite(bits) {
            lane.broken += 1.0;
            continue;
        }
        let weight = bitcast<f32>(bits);
        let key = key_places[column];
        if (key.what.x & VLI_TEXT) != 0u {
            lane.vli_text += weight;
        } else if (key.what.x & VLI_PATCH) != 0u {
            lane.vli_patch += weight;
            let apart = max(key.what.z, query.what.z) - min(key.what.z, query.what.z);
            lane.vli_far += select(0.0, weight, apart > 1u);
        }
        let is_unmasked = seen.x <= column && column < seen.y && is_seen(first_bits, column);
        if !row_counts || (key.what.x & COUNTED) == 0u || !is_unmasked {
            continue;
        }
        lane.logarithms += weight * log(max(weight, 1.1754944e-38));
        lane.squares += weight * weight;
        lane.largest = max(lane.largest, weight);
        if (key.what.x & COUNTED_TEXT) != 0u {
            lane.text += weight;
            continue;
        }
        lane.image += weight;
        lane.region += weight * key.place.z;
        if row_is_image && key.what.y == query.what.y {
            let apart = key.place.xy - query.place.xy;
            lane.moment += weight * sqrt(apart.x * apart.x + apart.y * apart.y);
            lane.near += weight;
        }
    }
    return lane;
}

/// Adds a row, whose parts are those of this thread, to its eighth of the tile; `own` is where its weight on itself lies.
fn add_row(eighth: u32, thread: u32, query: Place, own: u32) {
    if (query.what.x & VLI_TEXT) != 0u {
        row_totals[eighth][VLI_ROWS] += 1.0;
        row_totals[eighth][VLI] += parts[VLI_TEXT_PART][thread];
        row_totals[eighth][VLI + 1u] += parts[VLI_PATCH_PART][thread];
    } else if (query.what.x & VLI_PATCH) != 0u {
        row_totals[eighth][VLI_ROWS + 1u] += 1.0;
        row_totals[eighth][VLI + 2u] += parts[VLI_TEXT_PART][thread];
        row_totals[eighth][VLI + 3u] += parts[VLI_PATCH_PART][thread];
        row_totals[eighth][VLI_WITHOUT_SELF] += parts[VLI_FAR_PART][thread];
    }
    if (query.what.x & COUNTED) == 0u {
        return;
    }
    let text = parts[TEXT_PART][thread];
    let image = parts[IMAGE_PART][thread];
    let total = text + image;
    let modality = select(0u, 2u, (query.what.x & COUNTED_IMAGE) != 0u);
    row_totals[eighth][MASS + modality] += text;
    row_totals[eighth][MASS + modality + 1u] += image;
    row_totals[eighth][MASS_ROWS + modality] += f32((query.what.x & SEES_TEXT) != 0u);
    row_totals[eighth][MASS_ROWS + modality + 1u] += f32((query.what.x & SEES_IMAGE) != 0u);
    row_totals[eighth][LARGEST_ROWS] += f32((query.what.x & (SEES_TEXT | SEES_IMAGE)) != 0u);
    row_totals[eighth][LARGEST] += parts[LARGEST_PART][thread];
    row_totals[eighth][REGION] += parts[REGION_PART][thread];
    if total > 0.0 {
        let entropy = max(log(total) - parts[LOG_PART][thread] / total, 0.0);
        row_totals[eighth][ENTROPY] += entropy;
        row_totals[eighth][ENTROPY_ROWS] += 1.0;
        if query.what.w > 1u {
            let visible = f32(query.what.w);
            row_totals[eighth][RELATIVE] += entropy / log(visible);
            row_totals[eighth][RELATIVE_ROWS] += 1.0;
            let root = sqrt(visible);
            row_totals[eighth][HOYER] += (root - total / sqrt(parts[SQUARE_PART][thread])) / (root - 1.0);
        }
    }
    if (query.what.x & HAS_SELF) != 0u {
        row_totals[eighth][DIAGONAL] += weight_at(own);
        row_totals[eighth][DIAGONAL_ROWS] += 1.0;
    }
    if (query.what.x & HAS_PREVIOUS) != 0u {
        row_totals[eighth][PREVIOUS] += weight_at(own - 1u);
        row_totals[eighth][PREVIOUS_ROWS] += 1.0;
    }
    if parts[NEAR_PART][thread] > 0.0 {
        row_totals[eighth][DISTANCE] += parts[MOMENT_PART][thread] / parts[NEAR_PART][thread];
        row_totals[eighth][DISTANCE_ROWS] += 1.0;
    }
}

/// What a key receives from the rows of a tile, eight rows at a time: long sums would lose digits.
fn column_sum(column: u32, rows: u32, first_start: u32) -> f32 {
    var sum = 0.0;
    if (key_places[column].what.x & COUNTED) == 0u {
        return sum;
    }
    for (var step = 0u; step < rows; step += ROWS) {
        var of_some = 0.0;
        for (var row = step; row < min(step + ROWS, rows); row += 1u) {
            let seen = counted_keys[row];
            if seen.x <= column && column < seen.y && is_seen(counted_bits[row], column) {
                of_some += weight_at(first_start + row * parameters.keys + column);
            }
        }
        sum += of_some;
    }
    return sum;
}

/// A weight of a row that has no other than finite ones.
fn weight_at(index: u32) -> f32 {
    return bitcast<f32>(decode_bits(page[word_of(index, parameters.dtype)], index, parameters.dtype));
}

@compute @workgroup_size(256)
fn reduce(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let head = folded(group, groups);
    if head >= parameters.heads {
        return;
    }
    var strongest = 0.0;
    for (var column = thread; column < parameters.keys; column += 256u) {
        var sum = 0.0;
        for (var first = 0u; first < parameters.tiles; first += TILES_AT_ONCE) {
            var of_some = 0.0;
            for (var tile = first; tile < min(first + TILES_AT_ONCE, parameters.tiles); tile += 1u) {
                of_some += column_sums[(head * parameters.tiles + tile) * parameters.keys + column];
            }
            sum += of_some;
        }
        if parameters.is_part != 0u {
            let place = (parameters.first_head + head) * parameters.keys + column;
            sum += select(received[place], 0.0, parameters.first_query == 0u);
            received[place] = sum;
        }
        strongest = max(strongest, sum);
    }
    columns[thread] = strongest;
    for (var width = 128u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if thread < width {
            columns[thread] = max(columns[thread], columns[thread + width]);
        }
    }
    let first_result = head * SLOTS;
    if thread < STRONGEST {
        var sum = 0.0;
        for (var first = 0u; first < parameters.tiles; first += TILES_AT_ONCE) {
            var of_some = 0.0;
            for (var tile = first; tile < min(first + TILES_AT_ONCE, parameters.tiles); tile += 1u) {
                of_some += tile_sums[(head * parameters.tiles + tile) * SLOTS + thread];
            }
            sum += of_some;
        }
        results[first_result + thread] = sum;
    }
    if thread == 0u {
        results[first_result + STRONGEST] = columns[0];
    }
}
