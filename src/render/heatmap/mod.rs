//! Heatmaps: values become pixels at the target's resolution, and the pixels are drawn as a picture.
//!
//! The host finds for each column and each row of pixels which cells it shows ([`coloring`]), in f64, and both backends look
//! that up: they can't disagree about an edge. A pixel that shows several cells along an axis gets the maximum of them,
//! so that a single bright column of a large matrix stays visible, where a mean or the nearest would lose it; a pixel
//! within a cell gets the cell, or when smooth a blend of the two whose middles it lies between. The axes are
//! independent. A value's place in the range is computed before blending, so that infinities do no harm. What is not a
//! number never blends: a pixel shows it where it is nearest, and the other value alone elsewhere.
//!
//! Only the pixels inside the target are coloured. What native code has coloured is kept and found again by the address
//! of the values' `Arc`; the shader is fast enough to colour anew.

mod coloring;
mod cpu;
pub(super) mod gpu;

use std::ops::Range;
use std::sync::Arc;

use self::coloring::Coloring;
use self::gpu::Cells;
use super::device::Frame;
use super::picture::{Blit, PicturePass, texture, write_texture};
use super::{Backend, DrawError, Heatmap, Rect, Values};
use crate::gpu::{Gpu, GpuError};
use crate::trace::Dtype;

/// Textures that are kept for later drawings.
const KEPT_TEXTURES: usize = 8;

/// What a figure embeds: the width in pixels, straight RGBA, and where it lies in logical pixels; `None` if nothing of the
/// heatmap would be seen in a drawing of this size.
pub(super) fn colored(
    mark: &Heatmap,
    values: &[f32],
    scale: f32,
    size: glam::Vec2,
) -> Option<(u32, Vec<[u8; 4]>, Rect)> {
    let (coloring, area) = Coloring::new(mark, scale, [size.x, size.y].map(|side| (side * scale).round() as u32))?;
    let place = Rect { min: area.min / scale, max: area.max / scale };
    Some((coloring.size()[0], cpu::color(&coloring, values), place))
}

/// `[rows, columns]`: the straight RGBA of the cells in these rows and columns.
pub(super) fn colored_cells(mark: &Heatmap, values: &[f32], columns: Range<u32>, rows: Range<u32>) -> Vec<[u8; 4]> {
    cpu::color(&Coloring::cell_by_cell(mark, columns, rows), values)
}

/// A texture with coloured values.
struct Colored {
    texture: wgpu::Texture,
    bindings: wgpu::BindGroup,
    /// What it shows; `None` if that is not to be found again.
    shown: Option<(Arc<Vec<f32>>, Coloring)>,
    /// Number of the drawing that used it last.
    drawing: u64,
}

/// The values on the device, and the textures.
pub(super) struct HeatmapPass {
    backend: Backend,
    uploaded: Vec<(Arc<Vec<f32>>, wgpu::Buffer)>,
    colored: Vec<Colored>,
    drawing: u64,
    pub(super) uploaded_bytes: u64,
}

impl HeatmapPass {
    pub(super) fn new(backend: Backend) -> Self {
        Self { backend, uploaded: Vec::new(), colored: Vec::new(), drawing: 0, uploaded_bytes: 0 }
    }

    /// What draws the heatmap, and where; `None` if nothing of it would be seen.
    pub(super) fn prepare(
        &mut self,
        frame: &Frame<'_>,
        encoder: &mut wgpu::CommandEncoder,
        pictures: &PicturePass,
        mark: &Heatmap,
    ) -> Result<Option<(wgpu::BindGroup, Blit)>, DrawError> {
        let Some((coloring, area)) = Coloring::new(mark, frame.scale, frame.target) else {
            return Ok(None);
        };
        let blit =
            Blit { area: [area.min.x, area.min.y, area.max.x, area.max.y], part: [0.0, 0.0, 1.0, 1.0], opacity: 1.0 };
        let by_native_code = match &mark.values {
            Values::Host(values) if self.backend == Backend::Cpu => Some(values),
            _ => None,
        };
        if let Some(values) = by_native_code {
            let is_shown = |colored: &&mut Colored| {
                colored.shown.as_ref().is_some_and(|(known, how)| Arc::ptr_eq(known, values) && *how == coloring)
            };
            if let Some(colored) = self.colored.iter_mut().find(is_shown) {
                colored.drawing = self.drawing;
                return Ok(Some((colored.bindings.clone(), blit)));
            }
        }
        let place = self.place(frame.gpu, pictures, coloring.size());
        match (&mark.values, by_native_code) {
            (_, Some(values)) => {
                let pixels = cpu::color(&coloring, values);
                write_texture(frame.gpu, &self.colored[place].texture, bytemuck::cast_slice(&pixels));
                self.colored[place].shown = Some((values.clone(), coloring));
            }
            (Values::Host(values), _) => {
                let buffer = self.upload(frame.gpu, values)?;
                let cells = Cells { buffer: &buffer, first_element: 0, dtype: Dtype::F32 };
                gpu::color(frame.gpu, encoder, &coloring, cells, &self.colored[place].texture)?;
            }
            (Values::Resident(matrix), _) => {
                if matrix.device != frame.gpu.device {
                    return Err(GpuError::Lost.into());
                }
                let (buffer, first_element) = (&matrix.buffer, matrix.first_element);
                let cells = Cells { buffer, first_element, dtype: matrix.dtype };
                gpu::color(frame.gpu, encoder, &coloring, cells, &self.colored[place].texture)?;
            }
        }
        Ok(Some((self.colored[place].bindings.clone(), blit)))
    }

    /// A texture of that size that this drawing doesn't show yet.
    fn place(&mut self, gpu: &Gpu, pictures: &PicturePass, [width, height]: [u32; 2]) -> usize {
        let fits = |colored: &Colored| {
            colored.drawing < self.drawing && (colored.texture.width(), colored.texture.height()) == (width, height)
        };
        let place = if self.colored.len() < KEPT_TEXTURES { None } else { self.colored.iter().rposition(fits) };
        let place = place.unwrap_or_else(|| {
            let usages = wgpu::TextureUsages::COPY_DST | wgpu::TextureUsages::STORAGE_BINDING;
            let texture = texture(gpu, width, height, usages);
            let bindings = pictures.nearest(gpu, &texture);
            self.colored.push(Colored { texture, bindings, shown: None, drawing: 0 });
            self.colored.len() - 1
        });
        self.colored[place].drawing = self.drawing;
        self.colored[place].shown = None;
        place
    }

    fn upload(&mut self, gpu: &Gpu, values: &Arc<Vec<f32>>) -> Result<wgpu::Buffer, GpuError> {
        if let Some((_, buffer)) = self.uploaded.iter().find(|(known, _)| Arc::ptr_eq(known, values)) {
            return Ok(buffer.clone());
        }
        let buffer = gpu.storage("a matrix", values)?;
        self.uploaded.push((values.clone(), buffer.clone()));
        self.uploaded_bytes += size_of_val(values.as_slice()) as u64;
        Ok(buffer)
    }

    /// Ends a drawing: lets go of what only this cache still holds, and of the textures that were not used for longest.
    pub(super) fn forget_unused(&mut self) {
        self.colored.sort_by_key(|colored| std::cmp::Reverse(colored.drawing));
        let used = self.colored.iter().take_while(|colored| colored.drawing == self.drawing).count();
        self.colored.truncate(used.max(KEPT_TEXTURES));
        let is_held_elsewhere = |values: &Arc<Vec<f32>>| {
            let here = self.colored.iter().filter_map(|colored| colored.shown.as_ref());
            Arc::strong_count(values) > 1 + here.filter(|(known, _)| Arc::ptr_eq(known, values)).count()
        };
        self.uploaded.retain(|(values, _)| is_held_elsewhere(values));
        self.drawing += 1;
    }
}

#[cfg(test)]
mod tests;
