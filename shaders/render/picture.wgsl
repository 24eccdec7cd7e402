// A texture over a rectangle: see src/render/picture.rs.

@group(0) @binding(0) var<uniform> target_size: vec2f;
@group(0) @binding(1) var image: texture_2d<f32>;
@group(0) @binding(2) var image_sampler: sampler;

struct Blit {
    @location(0) area: vec4f, // left, top, right, bottom in pixels
    @location(1) part: vec4f, // the same of the texture, from 0 to 1
    @location(2) opacity: f32,
}

struct Fragment {
    @builtin(position) position: vec4f,
    @location(0) at: vec2f,
    @location(1) @interpolate(flat) opacity: f32,
}

@vertex
fn vs_main(@builtin(vertex_index) index: u32, blit: Blit) -> Fragment {
    let at = corner(index) * 0.5 + 0.5;
    let pixels = mix(blit.area.xy, blit.area.zw, at);
    return Fragment(to_clip(target_size, pixels), mix(blit.part.xy, blit.part.zw, at), blit.opacity);
}

@fragment
fn fs_main(in: Fragment) -> @location(0) vec4f {
    return premultiplied(textureSample(image, image_sampler, in.at), in.opacity);
}
