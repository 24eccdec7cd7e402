//! Rectangles and lines: one instanced draw for as many as follow each other.
//!
//! Both are rectangles along an axis, whose coverage of a pixel is computed in the fragment shader: exact for sharp
//! corners, from the distance for round ones. What is parallel to the pixels is moved onto them, so that edges are crisp
//! and neighbours meet without a seam; whatever has an extent keeps at least one pixel. Multisampling was rejected: it
//! costs memory and blurs hairlines.

use bytemuck::{Pod, Zeroable};
use glam::Vec2;
use wgpu::vertex_attr_array;

use super::device::{Frame, Growing, Strips};
use super::{Color, DrawError, Line, Quad};
use crate::gpu::{Binding, Gpu, Shader};

/// An instance; lengths are pixels.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Shape {
    center: [f32; 2],
    extent: [f32; 2],
    axis: [f32; 2],
    fill: Color,
    stroke: Color,
    corner_radius: f32,
    stroke_width: f32,
    dash: f32,
}

impl Shape {
    /// `None` if nothing of it would be seen.
    pub(super) fn from_quad(quad: &Quad, scale: f32) -> Option<Self> {
        let stroke_width = whole(quad.stroke_width * scale);
        let outlined = stroke_width > 0.0 && quad.stroke.0[3] > 0;
        if quad.fill.0[3] == 0 && !outlined {
            return None;
        }
        let min = (quad.rect.min * scale).round();
        let size = quad.rect.size();
        if !size.cmpgt(Vec2::ZERO).all() {
            return None;
        }
        let extent = ((quad.rect.max * scale).round() - min).max(Vec2::ONE) / 2.0;
        Some(Self {
            center: (min + extent).into(),
            extent: extent.into(),
            axis: [1.0, 0.0],
            fill: quad.fill,
            stroke: quad.stroke,
            corner_radius: (quad.corner_radius * scale).clamp(0.0, extent.min_element()),
            stroke_width,
            dash: 0.0,
        })
    }

    /// `None` if nothing of it would be seen.
    pub(super) fn from_line(line: &Line, scale: f32) -> Option<Self> {
        let (mut from, mut to) = (line.from * scale, line.to * scale);
        let axis = (to - from).try_normalize()?;
        let mut width = line.width * scale;
        if width <= 0.0 || line.color.0[3] == 0 {
            return None;
        }
        let mut dash = line.dash.max(0.0) * scale;
        if axis.x == 0.0 || axis.y == 0.0 {
            width = whole(width);
            dash = whole(dash);
            let across = axis.perp().abs();
            let shift = across * (width / 2.0);
            from = (from - shift).round() + shift;
            to = (to - shift).round() + shift;
        }
        Some(Self {
            center: ((from + to) / 2.0).into(),
            extent: [(to - from).length() / 2.0, width / 2.0],
            axis: axis.into(),
            fill: line.color,
            stroke: Color::TRANSPARENT,
            corner_radius: 0.0,
            stroke_width: 0.0,
            dash,
        })
    }
}

/// In whole pixels, and at least one where there is anything.
fn whole(length: f32) -> f32 {
    if length > 0.0 { length.round().max(1.0) } else { 0.0 }
}

/// The pipeline and the instances of the current drawing.
pub(super) struct ShapePass {
    strips: Strips,
    bindings: wgpu::BindGroup,
    instances: Growing,
}

impl ShapePass {
    pub(super) const SHADER: Shader = Shader {
        name: "render/shapes",
        wgsl: concat!(include_str!("../../shaders/render/view.wgsl"), include_str!("../../shaders/render/shapes.wgsl")),
        bindings: &[Binding::Uniform(size_of::<[f32; 2]>() as u64)],
        entry_points: &["vs_main", "fs_main"],
    };

    pub(super) fn new(gpu: &Gpu, target_size: &wgpu::Buffer) -> Self {
        let instances = wgpu::VertexBufferLayout {
            array_stride: size_of::<Shape>() as u64,
            step_mode: wgpu::VertexStepMode::Instance,
            attributes: &vertex_attr_array![
                0 => Float32x2, 1 => Float32x2, 2 => Float32x2, 3 => Unorm8x4, 4 => Unorm8x4, 5 => Float32x3
            ],
        };
        let strips = Strips::new(gpu, &Self::SHADER, Some(instances));
        let bindings = strips.bind(gpu, &[target_size.as_entire_binding()]);
        Self { strips, bindings, instances: Growing::new(gpu) }
    }

    pub(super) fn upload_instances(&mut self, frame: &Frame<'_>, shapes: &[Shape]) -> Result<(), DrawError> {
        self.instances.write(frame, shapes)
    }

    pub(super) fn draw(&self, pass: &mut wgpu::RenderPass<'_>, shapes: std::ops::Range<u32>) {
        pass.set_pipeline(&self.strips.pipeline);
        pass.set_bind_group(0, &self.bindings, &[]);
        pass.set_vertex_buffer(0, self.instances.slice());
        pass.draw(0..4, shapes);
    }
}
