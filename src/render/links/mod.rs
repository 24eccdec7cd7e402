//! Links: the strongest are selected, and drawn as curves by one indirect draw.
//!
//! The selection ([`cpu`], [`gpu`]) yields the indices of the kept links in their original order, so that what overlaps
//! blends in the same order every time. It depends on the candidates and on [`Keep`] only, and is kept for later drawings:
//! panning and zooming change a uniform. A curve is a cubic Bézier whose handles are horizontal and half as long as the
//! way, drawn as a strip of [`SEGMENTS`](curve::SEGMENTS) pieces whose edges are faded by their distance from the centre. Reading the count
//! back before drawing was rejected: the draw takes it from GPU memory, and nobody waits.
//!
//! [`LinkPass`] does so with shaders; its CPU counterpart [`cpu::Links`] paints the same strips into a layer.

pub(super) mod cpu;
mod curve;
pub(super) mod gpu;

use std::sync::Arc;

use super::device::{Frame, Scissor, Strips, ViewUniform, scissor};
use super::{DrawError, Keep, Link, Links};
use crate::gpu::{Binding, Gpu, GpuError, Shader};

/// Selections of the same links that are kept for later drawings.
const KEPT_SELECTIONS: usize = 4;

/// What a drawing of links is given besides them.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Style {
    view: ViewUniform,
    width: [f32; 2],
    opacity: [f32; 2],
    full_weight: f32,
    padding: f32,
}

/// Candidates on the device, and what was selected of them.
struct Uploaded {
    links: Arc<Vec<Link>>,
    buffer: wgpu::Buffer,
    selections: Vec<Selected>,
}

/// Which links are drawn.
#[derive(Clone)]
struct Selected {
    keep: Keep,
    /// Indices of links, in their order.
    kept: wgpu::Buffer,
    /// Arguments of the draw; the second is the number of links.
    arguments: wgpu::Buffer,
    /// Number of the drawing that used it last.
    drawing: u64,
}

/// The pipelines, and the links on the device.
pub(super) struct LinkPass {
    strips: Strips,
    uploaded: Vec<Uploaded>,
    drawing: u64,
    pub(super) uploaded_bytes: u64,
}

/// A mark, ready to be drawn.
pub(super) struct PreparedLinks {
    bindings: wgpu::BindGroup,
    /// Arguments of the draw; the second is the number of links.
    pub(super) arguments: wgpu::Buffer,
    pub(super) scissor: Scissor,
}

impl LinkPass {
    pub(super) const SHADER: Shader = Shader {
        name: "render/links",
        wgsl: concat!(
            include_str!("../../../shaders/render/view.wgsl"),
            include_str!("../../../shaders/render/links.wgsl")
        ),
        bindings: &[Binding::Uniform(size_of::<Style>() as u64), Binding::Read, Binding::Read],
        entry_points: &["vs_main", "fs_main"],
    };

    pub(super) fn new(gpu: &Gpu) -> Self {
        Self { strips: Strips::new(gpu, &Self::SHADER, None), uploaded: Vec::new(), drawing: 0, uploaded_bytes: 0 }
    }

    /// `None` if nothing of it would be seen.
    pub(super) fn prepare(
        &mut self,
        frame: &Frame<'_>,
        encoder: &mut wgpu::CommandEncoder,
        mark: &Links,
    ) -> Result<Option<PreparedLinks>, DrawError> {
        let Some(scissor) = scissor(frame, &mark.clip).filter(|_| !mark.links.is_empty()) else {
            return Ok(None);
        };
        let index = self.upload(frame.gpu, &mark.links)?;
        let selected = self.select(frame.gpu, encoder, index, mark.keep)?;
        let style = Style {
            view: ViewUniform::new(frame, &mark.view),
            width: mark.width.map(|width| width * frame.scale),
            opacity: mark.opacity,
            full_weight: mark.full_weight,
            padding: 0.0,
        };
        let style = frame.gpu.uniform(&style);
        let links = &self.uploaded[index].buffer;
        let resources = [style.as_entire_binding(), links.as_entire_binding(), selected.kept.as_entire_binding()];
        let bindings = self.strips.bind(frame.gpu, &resources);
        Ok(Some(PreparedLinks { bindings, arguments: selected.arguments, scissor }))
    }

    fn upload(&mut self, gpu: &Gpu, links: &Arc<Vec<Link>>) -> Result<usize, GpuError> {
        if let Some(index) = self.uploaded.iter().position(|known| Arc::ptr_eq(&known.links, links)) {
            return Ok(index);
        }
        let buffer = gpu.storage("a bundle of links", links)?;
        self.uploaded.push(Uploaded { links: links.clone(), buffer, selections: Vec::new() });
        self.uploaded_bytes += size_of_val(links.as_slice()) as u64;
        Ok(self.uploaded.len() - 1)
    }

    fn select(
        &mut self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        index: usize,
        keep: Keep,
    ) -> Result<Selected, GpuError> {
        let uploaded = &mut self.uploaded[index];
        if let Some(selected) = uploaded.selections.iter_mut().find(|selected| selected.keep == keep) {
            selected.drawing = self.drawing;
            return Ok(selected.clone());
        }
        let count = uploaded.links.len() as u32;
        let (kept, arguments) = gpu::select(gpu, encoder, &uploaded.buffer, count, keep)?;
        let selected = Selected { keep, kept, arguments, drawing: self.drawing };
        uploaded.selections.push(selected.clone());
        Ok(selected)
    }

    pub(super) fn draw(&self, pass: &mut wgpu::RenderPass<'_>, prepared: &PreparedLinks) {
        pass.set_pipeline(&self.strips.pipeline);
        pass.set_bind_group(0, &prepared.bindings, &[]);
        pass.draw_indirect(&prepared.arguments, 0);
    }

    /// Ends a drawing: lets go of what only this cache still holds, and of the selections that were not used for longest.
    pub(super) fn forget_unused(&mut self) {
        self.uploaded.retain(|uploaded| Arc::strong_count(&uploaded.links) > 1);
        for uploaded in &mut self.uploaded {
            uploaded.selections.sort_by_key(|selected| std::cmp::Reverse(selected.drawing));
            let used = uploaded.selections.iter().take_while(|selected| selected.drawing == self.drawing).count();
            uploaded.selections.truncate(used.max(KEPT_SELECTIONS));
        }
        self.drawing += 1;
    }
}

#[cfg(test)]
mod tests;
