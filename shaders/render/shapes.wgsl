// Rectangles and lines: see src/render/shapes.rs. Lengths are pixels.

@group(0) @binding(0) var<uniform> target_size: vec2f;

struct Shape {
    @location(0) center: vec2f,
    @location(1) extent: vec2f, // half width and half height
    @location(2) axis: vec2f, // the direction of its width
    @location(3) fill: vec4f,
    @location(4) stroke: vec4f,
    @location(5) detail: vec3f, // corner radius, stroke width, dash
}

struct Fragment {
    @builtin(position) position: vec4f,
    @location(0) at: vec2f,
    @location(1) @interpolate(flat) extent: vec2f,
    @location(2) @interpolate(flat) fill: vec4f,
    @location(3) @interpolate(flat) stroke: vec4f,
    @location(4) @interpolate(flat) detail: vec3f,
}

@vertex
fn vs_main(@builtin(vertex_index) index: u32, shape: Shape) -> Fragment {
    let at = corner(index) * (shape.extent + 0.5);
    let pixels = shape.center + at.x * shape.axis + at.y * vec2f(-shape.axis.y, shape.axis.x);
    return Fragment(to_clip(target_size, pixels), at, shape.extent, shape.fill, shape.stroke, shape.detail);
}

fn coverage(at: vec2f, extent: vec2f, radius: f32) -> f32 {
    if min(extent.x, extent.y) <= 0.0 {
        return 0.0;
    }
    if radius <= 0.0 {
        return band_coverage(at.x, extent.x) * band_coverage(at.y, extent.y);
    }
    let beyond = abs(at) - extent + radius;
    let distance = length(max(beyond, vec2f(0.0))) + min(max(beyond.x, beyond.y), 0.0) - radius;
    return clamp(0.5 - distance, 0.0, 1.0);
}

fn dash_coverage(along: f32, dash: f32) -> f32 {
    let period = 2.0 * dash;
    let from_first = along - floor(along / period) * period - 0.5 * dash;
    return band_coverage(min(abs(from_first), abs(from_first - period)), 0.5 * dash);
}

@fragment
fn fs_main(in: Fragment) -> @location(0) vec4f {
    let radius = in.detail.x;
    let stroke_width = in.detail.y;
    let dash = in.detail.z;
    var outer = coverage(in.at, in.extent, radius);
    if dash > 0.0 {
        outer *= dash_coverage(in.at.x + in.extent.x, dash);
    }
    var inner = outer;
    if stroke_width > 0.0 {
        inner = coverage(in.at, in.extent - stroke_width, radius - stroke_width);
    }
    return premultiplied(in.fill, inner) + premultiplied(in.stroke, outer - inner);
}
