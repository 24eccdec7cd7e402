//! Round points: one instanced draw for a mark, in the points' order.
//!
//! The instance buffer is the points' own memory, uploaded once and found again by the address of its `Arc`; it goes
//! when nobody else holds that. Panning and zooming change a uniform and upload nothing else. [`PointPass`] does so with
//! a shader; its CPU counterpart [`cpu::paint`] paints them into a layer.

pub(super) mod cpu;

use std::sync::Arc;

use wgpu::{BufferUsages, vertex_attr_array};

use super::device::{Frame, Scissor, Strips, ViewUniform, scissor};
use super::{DrawError, Point, Points};
use crate::gpu::{Binding, Gpu, GpuError, Shader};

/// Of the ring around a point, in logical pixels; that of shaders/render/points.wgsl.
pub(super) const RING_WIDTH: f32 = 1.5;

/// The pipeline and the points on the device.
pub(super) struct PointPass {
    strips: Strips,
    uploaded: Vec<(Arc<Vec<Point>>, wgpu::Buffer)>,
    pub(super) uploaded_bytes: u64,
}

/// A mark, ready to be drawn.
pub(super) struct PreparedPoints {
    bindings: wgpu::BindGroup,
    instances: wgpu::Buffer,
    count: u32,
    pub(super) scissor: Scissor,
}

impl PointPass {
    pub(super) const SHADER: Shader = Shader {
        name: "render/points",
        wgsl: concat!(
            include_str!("../../../shaders/render/view.wgsl"),
            include_str!("../../../shaders/render/points.wgsl")
        ),
        bindings: &[Binding::Uniform(size_of::<ViewUniform>() as u64)],
        entry_points: &["vs_main", "fs_main"],
    };

    pub(super) fn new(gpu: &Gpu) -> Self {
        let instances = wgpu::VertexBufferLayout {
            array_stride: size_of::<Point>() as u64,
            step_mode: wgpu::VertexStepMode::Instance,
            attributes: &vertex_attr_array![0 => Float32x2, 1 => Float32, 2 => Unorm8x4, 3 => Unorm8x4],
        };
        let strips = Strips::new(gpu, &Self::SHADER, Some(instances));
        Self { strips, uploaded: Vec::new(), uploaded_bytes: 0 }
    }

    /// `None` if nothing of it would be seen.
    pub(super) fn prepare(&mut self, frame: &Frame<'_>, mark: &Points) -> Result<Option<PreparedPoints>, DrawError> {
        let Some(scissor) = scissor(frame, &mark.clip).filter(|_| !mark.points.is_empty()) else {
            return Ok(None);
        };
        let view = frame.gpu.uniform(&ViewUniform::new(frame, &mark.view));
        Ok(Some(PreparedPoints {
            bindings: self.strips.bind(frame.gpu, &[view.as_entire_binding()]),
            instances: self.instances(frame.gpu, &mark.points)?,
            count: mark.points.len() as u32,
            scissor,
        }))
    }

    fn instances(&mut self, gpu: &Gpu, points: &Arc<Vec<Point>>) -> Result<wgpu::Buffer, DrawError> {
        if let Some((_, buffer)) = self.uploaded.iter().find(|(known, _)| Arc::ptr_eq(known, points)) {
            return Ok(buffer.clone());
        }
        let bytes: &[u8] = bytemuck::cast_slice(points);
        let (needed, limit_bytes) = (bytes.len() as u64, gpu.device.limits().max_buffer_size);
        if needed > limit_bytes {
            return Err(GpuError::BufferTooLarge { what: "a cloud of points", bytes: needed, limit_bytes }.into());
        }
        let buffer = gpu.buffer(BufferUsages::VERTEX, bytes);
        self.uploaded.push((points.clone(), buffer.clone()));
        self.uploaded_bytes += bytes.len() as u64;
        Ok(buffer)
    }

    pub(super) fn draw(&self, pass: &mut wgpu::RenderPass<'_>, prepared: &PreparedPoints) {
        pass.set_pipeline(&self.strips.pipeline);
        pass.set_bind_group(0, &prepared.bindings, &[]);
        pass.set_vertex_buffer(0, prepared.instances.slice(..));
        pass.draw(0..4, 0..prepared.count);
    }

    /// Lets go of what only this cache still holds.
    pub(super) fn forget_unused(&mut self) {
        self.uploaded.retain(|(points, _)| Arc::strong_count(points) > 1);
    }
}
