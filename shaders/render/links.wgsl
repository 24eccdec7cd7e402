// Curves between places: see src/render/links/mod.rs.

const SEGMENTS: u32 = 28u;

struct Style {
    view: View,
    width: vec2f, // of the weakest and of the strongest, in pixels
    opacity: vec2f,
    full_weight: f32,
}

struct Link {
    begin: vec2f,
    end: vec2f,
    weight: f32,
    color: u32,
}

@group(0) @binding(0) var<uniform> style: Style;
@group(0) @binding(1) var<storage, read> links: array<Link>;
@group(0) @binding(2) var<storage, read> kept: array<u32>;

struct Fragment {
    @builtin(position) position: vec4f,
    @location(0) across: f32,
    @location(1) @interpolate(flat) half_width: f32,
    @location(2) @interpolate(flat) color: vec4f,
}

@vertex
fn vs_main(@builtin(vertex_index) index: u32, @builtin(instance_index) instance: u32) -> Fragment {
    let link = links[kept[instance]];
    let strength = clamp(link.weight / max(style.full_weight, 1e-30), 0.0, 1.0);
    let half_width = 0.5 * mix(style.width.x, style.width.y, strength);
    var color = unpack4x8unorm(link.color);
    color.a *= mix(style.opacity.x, style.opacity.y, strength);

    let begin = to_pixels(style.view, link.begin);
    let end = to_pixels(style.view, link.end);
    let way = end - begin;
    let t = f32(index / 2u) / f32(SEGMENTS);
    // The Bézier curve with the handles (way.x / 2, 0), and its derivative.
    let ease = t * t * (3.0 - 2.0 * t);
    let at = begin + way * vec2f(1.5 * t * (1.0 - t) + t * t * t, ease);
    let slope = way * vec2f(1.5 - 3.0 * t + 3.0 * t * t, 6.0 * t * (1.0 - t));
    let length_of_slope = length(slope);
    let along = select(vec2f(1.0, 0.0), slope / max(length_of_slope, 1e-6), length_of_slope > 1e-6);
    let across = (f32(index & 1u) * 2.0 - 1.0) * (half_width + 0.5);
    let pixels = at + across * vec2f(-along.y, along.x);
    return Fragment(to_clip(style.view.target_size, pixels), across, half_width, color);
}

@fragment
fn fs_main(in: Fragment) -> @location(0) vec4f {
    return premultiplied(in.color, band_coverage(in.across, in.half_width));
}
