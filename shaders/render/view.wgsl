// From a mark's own coordinates to the target.
struct View {
    target_size: vec2f,
    scale: vec2f,
    offset: vec2f,
    pixel_scale: f32,
    padding: f32,
}

fn to_pixels(view: View, world: vec2f) -> vec2f {
    return world * view.scale + view.offset;
}

fn to_clip(target_size: vec2f, pixels: vec2f) -> vec4f {
    return vec4f(pixels / target_size * vec2f(2.0, -2.0) + vec2f(-1.0, 1.0), 0.0, 1.0);
}

// The corner of a unit square around the origin, in the order of a strip.
fn corner(index: u32) -> vec2f {
    return vec2f(f32(index & 1u), f32(index >> 1u)) * 2.0 - 1.0;
}

// How much of the pixel at `at` a band around 0 covers.
fn band_coverage(at: f32, half_width: f32) -> f32 {
    return clamp(min(at + 0.5, half_width) - max(at - 0.5, -half_width), 0.0, 1.0);
}

fn premultiplied(color: vec4f, coverage: f32) -> vec4f {
    let alpha = color.a * coverage;
    return vec4f(color.rgb * alpha, alpha);
}
