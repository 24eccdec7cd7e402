// Round points with a ring: see src/render/points.rs.

const RING_WIDTH: f32 = 1.5; // in logical pixels, outside of the disc

@group(0) @binding(0) var<uniform> view: View;

struct Point {
    @location(0) at: vec2f,
    @location(1) radius: f32,
    @location(2) fill: vec4f,
    @location(3) stroke: vec4f,
}

struct Fragment {
    @builtin(position) position: vec4f,
    @location(0) at: vec2f,
    @location(1) @interpolate(flat) radius: f32,
    @location(2) @interpolate(flat) fill: vec4f,
    @location(3) @interpolate(flat) stroke: vec4f,
}

@vertex
fn vs_main(@builtin(vertex_index) index: u32, point: Point) -> Fragment {
    let radius = point.radius * view.pixel_scale;
    let at = corner(index) * (radius + RING_WIDTH * view.pixel_scale + 0.5);
    let pixels = to_pixels(view, point.at) + at;
    return Fragment(to_clip(view.target_size, pixels), at, radius, point.fill, point.stroke);
}

@fragment
fn fs_main(in: Fragment) -> @location(0) vec4f {
    let distance = length(in.at);
    let disc = clamp(in.radius + 0.5 - distance, 0.0, 1.0);
    let with_ring = clamp(in.radius + RING_WIDTH * view.pixel_scale + 0.5 - distance, 0.0, 1.0);
    return premultiplied(in.fill, disc) + premultiplied(in.stroke, with_ring - disc);
}
