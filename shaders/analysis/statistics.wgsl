// The sums of src/analysis/statistics/sums.rs for every head of a page, in one walk over its weights. The constants of
// the slots are put before this file.
//
// `tiles`: a workgroup takes up to 64 rows of a head, 8 at a time; 32 lanes walk a row side by side. A row's parts are added
// in workgroup memory, so no width of a subgroup is assumed; the columns' sums of the 8 rows go to a scratch buffer
// that belongs to the workgroup alone, so no float atomics are needed. Where a row has a weight that is not finite, the
// tile is walked again without such rows. `reduce`: a workgroup takes a head and adds its tiles, always in the same
// order. Where a page holds some of the rows of its heads only, what keys receive is added to what they received of the pages before.

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
    /// Which query has the first row of a head on the page.
    first_query: u32,
    /// Whether `received` holds what keys receive.
    is_part: u32,
    causal: u32,
}

struct Place {
    flags: u32,
    image: u32,
    patch_number: u32,
    visible: u32,
    x: f32,
    y: f32,
    overlap: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> page: array<u32>;
@group(0) @binding(2) var<storage, read> query_places: array<Place>;
@group(0) @binding(3) var<storage, read> key_places: array<Place>;
/// [heads, tiles, slots]
@group(0) @binding(4) var<storage, read_write> tile_sums: array<f32>;
/// [heads, tiles, keys]
@group(0) @binding(5) var<storage, read_write> column_sums: array<f32>;
/// [heads, slots]
@group(0) @binding(6) var<storage, read_write> results: array<f32>;
/// [heads of the page, keys]: from the queries before.
@group(0) @binding(7) var<storage, read_write> received: array<f32>;

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
var<workgroup> row_totals: array<array<f32, SLOTS>, ROWS>;
/// By row of the tile: 1 if a weight of it is not finite; 0 in the first walk, as workgroup memory begins.
var<workgroup> left_out: array<u32, MOST_TILE_ROWS>;
var<workgroup> rows_left_out: u32;

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
    let first_column = number * parameters.keys;
    for (var walk = 0u; walk < 2u; walk += 1u) {
        var totals: array<f32, SLOTS>;
        for (var step = 0u; step < parameters.tile_rows && first_row + step < parameters.queries; step += ROWS) {
            let row_of_tile = step + local.y;
            let row = first_row + row_of_tile;
            let row_start = ((parameters.first_head + head) * parameters.queries + row) * parameters.keys;
            var query: Place;
            var seen = 0u;
            let in_rows = row < parameters.queries && left_out[row_of_tile] == 0u;
            let query_number = parameters.first_query + row;
            if in_rows {
                query = query_places[query_number];
                seen = parameters.keys;
                if parameters.causal != 0u {
                    seen = min(query_number + 1u, seen);
                }
            }
            let row_counts = (query.flags & COUNTED) != 0u;
            var lane: array<f32, PARTS>;
            // Weights that were computed are 0 where they are masked, and sums of columns are 0 at first: the first walk ends
            // where all of these rows do.
            var end = parameters.keys;
            if parameters.is_part != 0u && parameters.causal != 0u && walk == 0u {
                end = min(parameters.first_query + first_row + step + ROWS, end);
            }
            for (var base = 0u; base < end; base += LANES) {
                let column = base + local.x;
                var counted = 0.0;
                if in_rows && column < parameters.keys {
                    let index = row_start + column;
                    let bits = decode_bits(page[word_of(index, parameters.dtype)], index, parameters.dtype);
                    let key = key_places[column];
                    if !is_finite(bits) {
                        lane[BROKEN_PART] += 1.0;
                    } else {
                        let weight = bitcast<f32>(bits);
                        if (key.flags & VLI_TEXT) != 0u {
                            lane[VLI_TEXT_PART] += weight;
                        } else if (key.flags & VLI_PATCH) != 0u {
                            lane[VLI_PATCH_PART] += weight;
                            let apart = max(key.patch_number, query.patch_number)
                                - min(key.patch_number, query.patch_number);
                            lane[VLI_FAR_PART] += select(0.0, weight, apart > 1u);
                        }
                        if row_counts && column < seen && (key.flags & COUNTED) != 0u {
                            counted = weight;
                            lane[LOG_PART] += weight * log(max(weight, 1.1754944e-38));
                            lane[SQUARE_PART] += weight * weight;
                            lane[LARGEST_PART] = max(lane[LARGEST_PART], weight);
                            if (key.flags & COUNTED_TEXT) != 0u {
                                lane[TEXT_PART] += weight;
                            } else {
                                lane[IMAGE_PART] += weight;
                                lane[REGION_PART] += weight * key.overlap;
                                if (query.flags & COUNTED_IMAGE) != 0u && key.image == query.image {
                                    let dx = key.x - query.x;
                                    let dy = key.y - query.y;
                                    lane[MOMENT_PART] += weight * sqrt(dx * dx + dy * dy);
                                    lane[NEAR_PART] += weight;
                                }
                            }
                        }
                    }
                }
                columns[thread] = counted;
                workgroupBarrier();
                if local.y == 0u && column < parameters.keys {
                    var sum = 0.0;
                    for (var r = 0u; r < ROWS; r += 1u) {
                        sum += columns[r * LANES + local.x];
                    }
                    if step > 0u {
                        sum += column_sums[first_column + column];
                    }
                    column_sums[first_column + column] = sum;
                }
                workgroupBarrier();
            }
            for (var part = 0u; part < PARTS; part += 1u) {
                parts[part][thread] = lane[part];
            }
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
            if local.x == 0u && in_rows {
                left_out[row_of_tile] = u32(parts[BROKEN_PART][thread] > 0.0);
                if (query.flags & VLI_TEXT) != 0u {
                    totals[VLI_ROWS] += 1.0;
                    totals[VLI] += parts[VLI_TEXT_PART][thread];
                    totals[VLI + 1u] += parts[VLI_PATCH_PART][thread];
                } else if (query.flags & VLI_PATCH) != 0u {
                    totals[VLI_ROWS + 1u] += 1.0;
                    totals[VLI + 2u] += parts[VLI_TEXT_PART][thread];
                    totals[VLI + 3u] += parts[VLI_PATCH_PART][thread];
                    totals[VLI_WITHOUT_SELF] += parts[VLI_FAR_PART][thread];
                }
                if row_counts {
                    let text = parts[TEXT_PART][thread];
                    let image = parts[IMAGE_PART][thread];
                    let total = text + image;
                    let modality = select(0u, 2u, (query.flags & COUNTED_IMAGE) != 0u);
                    totals[MASS + modality] += text;
                    totals[MASS + modality + 1u] += image;
                    totals[MASS_ROWS + modality] += f32((query.flags & SEES_TEXT) != 0u);
                    totals[MASS_ROWS + modality + 1u] += f32((query.flags & SEES_IMAGE) != 0u);
                    totals[LARGEST_ROWS] += f32((query.flags & (SEES_TEXT | SEES_IMAGE)) != 0u);
                    totals[LARGEST] += parts[LARGEST_PART][thread];
                    totals[REGION] += parts[REGION_PART][thread];
                    if total > 0.0 {
                        let entropy = max(log(total) - parts[LOG_PART][thread] / total, 0.0);
                        totals[ENTROPY] += entropy;
                        totals[ENTROPY_ROWS] += 1.0;
                        if query.visible > 1u {
                            let visible = f32(query.visible);
                            totals[RELATIVE] += entropy / log(visible);
                            totals[RELATIVE_ROWS] += 1.0;
                            let root = sqrt(visible);
                            totals[HOYER] += (root - total / sqrt(parts[SQUARE_PART][thread])) / (root - 1.0);
                        }
                    }
                    if (query.flags & HAS_SELF) != 0u {
                        totals[DIAGONAL] += finite_or_zero(row_start + query_number);
                        totals[DIAGONAL_ROWS] += 1.0;
                    }
                    if (query.flags & HAS_PREVIOUS) != 0u {
                        totals[PREVIOUS] += finite_or_zero(row_start + query_number - 1u);
                        totals[PREVIOUS_ROWS] += 1.0;
                    }
                    if parts[NEAR_PART][thread] > 0.0 {
                        totals[DISTANCE] += parts[MOMENT_PART][thread] / parts[NEAR_PART][thread];
                        totals[DISTANCE_ROWS] += 1.0;
                    }
                }
            }
            workgroupBarrier();
        }
        let count = count_left_out(thread);
        if local.x == 0u {
            row_totals[local.y] = totals;
        }
        if count == 0u {
            break;
        }
        if thread == 0u {
            row_totals[0][ROWS_LEFT_OUT] = f32(count);
        }
    }
    workgroupBarrier();
    if thread < SLOTS {
        var sum = 0.0;
        for (var r = 0u; r < ROWS; r += 1u) {
            sum += row_totals[r][thread];
        }
        tile_sums[number * SLOTS + thread] = sum;
    }
}

/// How many rows of the tile have a weight that is not finite, known to all.
fn count_left_out(thread: u32) -> u32 {
    workgroupBarrier();
    if thread == 0u {
        var count = 0u;
        for (var row = 0u; row < parameters.tile_rows; row += 1u) {
            count += left_out[row];
        }
        rows_left_out = count;
    }
    return workgroupUniformLoad(&rows_left_out);
}

/// A weight that is not finite takes its row out later.
fn finite_or_zero(index: u32) -> f32 {
    let bits = decode_bits(page[word_of(index, parameters.dtype)], index, parameters.dtype);
    if !is_finite(bits) {
        return 0.0;
    }
    return bitcast<f32>(bits);
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
