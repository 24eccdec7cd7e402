// From values to pixels: see src/render/heatmap/mod.rs. Twin: src/render/heatmap/cpu.rs.

const MISSING: f32 = -1.0;

struct Params {
    low: f32,
    high: f32,
    opacity: f32,
    fade: u32,
    width: u32,
    height: u32,
    rows: u32,
    columns: u32,
    first_element: u32,
    dtype: u32,
    missing: u32,
    diverging: u32,
}

// The cells that a pixel shows along one axis.
struct Span {
    begin: u32,
    end: u32,
    fraction: f32, // between the two cells, or negative for the greatest of all
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> values: array<u32>;
@group(0) @binding(2) var<storage, read> spans: array<Span>; // of the columns, then of the rows
@group(0) @binding(3) var<storage, read> colors: array<u32>;
@group(0) @binding(4) var pixels: texture_storage_2d<rgba8unorm, write>;

// Where the value lies in the range, from 0 to 1.
fn level(row: u32, column: u32) -> f32 {
    let index = params.first_element + row * params.columns + column;
    let word = word_of(index, params.dtype);
    if word >= arrayLength(&values) {
        return MISSING;
    }
    let bits = decode_bits(values[word], index, params.dtype);
    if (bits & 0x7fffffffu) > 0x7f800000u {
        return MISSING;
    }
    // Minus infinity and infinity by their bits as well: a shader may assume that there are none.
    let infinite = (bits & 0x7fffffffu) == 0x7f800000u;
    var value = bitcast<f32>(select(bits, 0u, infinite));
    if infinite {
        value = select(3.4e38, -3.4e38, (bits >> 31u) == 1u);
    }
    if params.low == params.high {
        return select(0.0, 1.0, value > params.low);
    }
    let inside = clamp(value, min(params.low, params.high), max(params.low, params.high));
    return clamp((inside - params.low) / (params.high - params.low), 0.0, 1.0);
}

fn between(first: f32, second: f32, fraction: f32) -> f32 {
    let nearest = select(second, first, fraction < 0.5);
    if nearest < 0.0 || min(first, second) < 0.0 {
        return nearest;
    }
    return first + (second - first) * fraction;
}

// From 0 to 1: render::strength; missing stays below all others.
fn strength(level: f32) -> f32 {
    return select(level, abs(2.0 * level - 1.0), params.diverging == 1u && level >= 0.0);
}

fn stronger(one: f32, other: f32) -> f32 {
    return select(one, other, strength(other) > strength(one));
}

fn along_row(row: u32, span: Span) -> f32 {
    if span.fraction >= 0.0 {
        return between(level(row, span.begin), level(row, span.end - 1u), span.fraction);
    }
    var greatest = MISSING;
    for (var column = span.begin; column < span.end; column++) {
        greatest = stronger(greatest, level(row, column));
    }
    return greatest;
}

fn level_of_pixel(columns: Span, rows: Span) -> f32 {
    if rows.fraction >= 0.0 {
        return between(along_row(rows.begin, columns), along_row(rows.end - 1u, columns), rows.fraction);
    }
    var greatest = MISSING;
    for (var row = rows.begin; row < rows.end; row++) {
        greatest = stronger(greatest, along_row(row, columns));
    }
    return greatest;
}

fn color_of(level: f32) -> vec4f {
    if level < 0.0 {
        let missing = unpack4x8unorm(params.missing);
        return vec4f(missing.rgb, missing.a * params.opacity);
    }
    let step = min(u32(level * 255.0), 254u);
    let fraction = level * 255.0 - f32(step);
    let first = unpack4x8unorm(colors[step]).rgb;
    let second = unpack4x8unorm(colors[step + 1u]).rgb;
    let far = strength(level);
    let rising = select(0.0, pow(far, 0.55), far > 0.0); // render::faded
    let opacity = params.opacity * select(1.0, rising, params.fade == 1u);
    return vec4f(first + (second - first) * fraction, opacity);
}

@compute @workgroup_size(64)
fn color(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let pixel = folded(group, groups) * 64u + local;
    if pixel >= params.width * params.height {
        return;
    }
    let x = pixel % params.width;
    let y = pixel / params.width;
    let shown = color_of(level_of_pixel(spans[x], spans[params.width + y]));
    textureStore(pixels, vec2u(x, y), floor(shown * 255.0 + 0.5) / 255.0);
}
