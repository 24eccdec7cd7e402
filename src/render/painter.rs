//! Draws a [`Drawing`]: sorts its marks into batches, prepares each, and draws all in one render pass.
//!
//! Marks are drawn in their order. Rectangles and lines that follow each other become one draw, and all labels one at the
//! end. What the passes keep on the device is found again by the address of the `Arc` that a mark holds, and goes once
//! only the pass still holds that `Arc`: no data goes up twice, and none stays that the application let go of.

use std::ops::Range;
use std::sync::Arc;

use super::device::{Frame, Scissor};
use super::error::DrawError;
use super::heatmap::{self, HeatmapPass};
use super::links::{self, LinkPass, PreparedLinks};
use super::picture::{Blit, PicturePass};
use super::points::{self, PointPass, PreparedPoints};
use super::shapes::{Shape, ShapePass};
use super::text::TextPass;
use super::{Backend, Color, Drawing, Fonts, Mark, RenderTarget};
use crate::gpu::{Gpu, GpuError, Shader};

/// Draws drawings. Made once: it holds the pipelines, and what the last drawings left on the device.
pub struct Painter {
    gpu: Arc<Gpu>,
    /// Uniform: the target's width and height in pixels.
    target_size: wgpu::Buffer,
    shapes: ShapePass,
    pictures: PicturePass,
    heatmaps: HeatmapPass,
    backend: Backend,
    links: LinkPass,
    painted_links: links::cpu::Links,
    points: PointPass,
    text: TextPass,
    /// Of each mark of links of the last drawing.
    kept: Vec<Kept>,
}

/// The number of links that a mark shows.
enum Kept {
    Known(u32),
    /// It is the second word of the draw's arguments.
    OnDevice(wgpu::Buffer),
}

/// Marks that are drawn at once.
enum Batch {
    Shapes(Range<u32>),
    Picture(wgpu::BindGroup, u32),
    Links(PreparedLinks),
    Points(PreparedPoints),
}

impl Painter {
    /// Compiles the pipelines. The backend says where values are coloured, links are selected, and links and points painted.
    pub fn new(gpu: &Arc<Gpu>, backend: Backend) -> Self {
        let target_size = gpu.uniform(&[1.0_f32; 2]);
        Self {
            gpu: Arc::clone(gpu),
            shapes: ShapePass::new(gpu, &target_size),
            pictures: PicturePass::new(gpu, &target_size),
            heatmaps: HeatmapPass::new(backend),
            backend,
            links: LinkPass::new(gpu),
            painted_links: links::cpu::Links::default(),
            points: PointPass::new(gpu),
            text: TextPass::new(gpu),
            target_size,
            kept: Vec::new(),
        }
    }

    /// Draws into the target, `scale` pixels per logical pixel, and submits the work.
    ///
    /// # Errors
    /// If a mark is larger than the device allows, when the target keeps what it showed; or if the device is lost: then a painter
    /// and a target are made on [`Gpu::current`].
    pub fn draw(
        &mut self,
        drawing: &Drawing,
        scale: f32,
        fonts: &mut Fonts,
        target: &RenderTarget,
    ) -> Result<(), DrawError> {
        let gpu = Arc::clone(&self.gpu);
        gpu.guarded(|| Ok(self.draw_on(&gpu, drawing, scale, fonts, target)))?
    }

    fn draw_on(
        &mut self,
        gpu: &Gpu,
        drawing: &Drawing,
        scale: f32,
        fonts: &mut Fonts,
        target: &RenderTarget,
    ) -> Result<(), DrawError> {
        let frame = Frame { gpu, scale, target: [target.width(), target.height()] };
        let mut encoder = gpu.encoder();
        let batches = self.prepare(&frame, &mut encoder, drawing, fonts);
        let drawn = batches.and_then(|batches| self.render(&frame, &mut encoder, drawing.background, &batches, target));
        // Also after an error: the kernels that did run fill what the passes keep.
        gpu.queue.submit([encoder.finish()]);
        self.pictures.forget_unused();
        self.heatmaps.forget_unused();
        self.links.forget_unused();
        self.painted_links.forget_unused();
        self.points.forget_unused();
        drawn
    }

    fn prepare(
        &mut self,
        frame: &Frame<'_>,
        encoder: &mut wgpu::CommandEncoder,
        drawing: &Drawing,
        fonts: &mut Fonts,
    ) -> Result<Vec<Batch>, DrawError> {
        let mut batches = Vec::new();
        let mut shapes: Vec<Shape> = Vec::new();
        let mut blits: Vec<Blit> = Vec::new();
        self.kept.clear();
        for mark in &drawing.marks {
            let shape = match mark {
                Mark::Quad(quad) => Shape::from_quad(quad, frame.scale),
                Mark::Line(line) => Shape::from_line(line, frame.scale),
                _ => None,
            };
            if let Some(shape) = shape {
                shapes.push(shape);
                let end = shapes.len() as u32;
                match batches.last_mut() {
                    Some(Batch::Shapes(range)) => range.end = end,
                    _ => batches.push(Batch::Shapes(end - 1..end)),
                }
                continue;
            }
            let mut layers = Vec::new();
            let picture = match mark {
                Mark::Picture(picture) => self.pictures.prepare(frame, picture)?,
                Mark::Heatmap(heatmap) => self.heatmaps.prepare(frame, encoder, &self.pictures, heatmap)?,
                Mark::Links(links) if self.backend == Backend::Cpu => {
                    let (count, painted) = self.painted_links.paint(frame, links);
                    self.kept.push(Kept::Known(count));
                    layers.extend(painted);
                    None
                }
                Mark::Points(points) if self.backend == Backend::Cpu => {
                    layers.extend(points::cpu::paint(frame, points));
                    None
                }
                Mark::Links(links) => {
                    let prepared = self.links.prepare(frame, encoder, links)?;
                    self.kept.push(match &prepared {
                        Some(prepared) => Kept::OnDevice(prepared.arguments.clone()),
                        None => Kept::Known(0),
                    });
                    batches.extend(prepared.map(Batch::Links));
                    None
                }
                Mark::Points(points) => {
                    batches.extend(self.points.prepare(frame, points)?.map(Batch::Points));
                    None
                }
                Mark::Quad(_) | Mark::Line(_) | Mark::Label(_) => None,
            };
            let layers = layers.iter().map(|layer| self.pictures.layer(frame, layer));
            for (bindings, blit) in picture.into_iter().chain(layers) {
                batches.push(Batch::Picture(bindings, blits.len() as u32));
                blits.push(blit);
            }
        }
        self.shapes.upload_instances(frame, &shapes)?;
        self.pictures.upload_instances(frame, &blits)?;
        let labels = drawing.marks.iter().filter_map(|mark| match mark {
            Mark::Label(label) => Some(label),
            _ => None,
        });
        self.text.prepare(frame, fonts, labels)?;
        Ok(batches)
    }

    fn render(
        &self,
        frame: &Frame<'_>,
        encoder: &mut wgpu::CommandEncoder,
        background: Color,
        batches: &[Batch],
        target: &RenderTarget,
    ) -> Result<(), DrawError> {
        let [width, height] = frame.target;
        let size = [width as f32, height as f32];
        frame.gpu.queue.write_buffer(&self.target_size, 0, bytemuck::bytes_of(&size));
        let [r, g, b, a] = background.0.map(|part| f64::from(part) / 255.0);
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("drawing"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: target.view(),
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color { r: r * a, g: g * a, b: b * a, a }),
                    store: wgpu::StoreOp::Store,
                },
            })],
            ..wgpu::RenderPassDescriptor::default()
        });
        let everything = [0, 0, width, height];
        for batch in batches {
            match batch {
                Batch::Shapes(shapes) => {
                    set_scissor(&mut pass, everything);
                    self.shapes.draw(&mut pass, shapes.clone());
                }
                Batch::Picture(bindings, blit) => {
                    set_scissor(&mut pass, everything);
                    self.pictures.draw(&mut pass, bindings, *blit);
                }
                Batch::Links(links) => {
                    set_scissor(&mut pass, links.scissor);
                    self.links.draw(&mut pass, links);
                }
                Batch::Points(points) => {
                    set_scissor(&mut pass, points.scissor);
                    self.points.draw(&mut pass, points);
                }
            }
        }
        set_scissor(&mut pass, everything);
        self.text.draw(&mut pass)
    }

    /// How many links each [`Links`](super::Links) mark of the last drawing shows, in their order. Waits for the device.
    ///
    /// # Errors
    /// If it doesn't return the numbers.
    pub fn kept(&self) -> Result<Vec<u32>, GpuError> {
        let mut numbers: Vec<u32> =
            self.kept.iter().map(|kept| if let Kept::Known(count) = kept { *count } else { 0 }).collect();
        let on_device = |kept: &Kept| matches!(kept, Kept::OnDevice(_));
        if !self.kept.iter().any(on_device) {
            return Ok(numbers);
        }
        let staging = self.gpu.staging(4 * self.kept.len() as u64);
        let mut encoder = self.gpu.encoder();
        for (place, kept) in (0..).zip(&self.kept) {
            if let Kept::OnDevice(arguments) = kept {
                encoder.copy_buffer_to_buffer(arguments, 4, &staging, 4 * place, 4);
            }
        }
        let counted: Vec<u32> = self.gpu.read_staging(encoder, staging)?;
        for ((number, counted), _) in
            numbers.iter_mut().zip(counted).zip(&self.kept).filter(|(_, kept)| on_device(kept))
        {
            *number = counted;
        }
        Ok(numbers)
    }

    /// Bytes of images, matrices, links and points that went to the device since it was made.
    pub fn uploaded_bytes(&self) -> u64 {
        self.pictures.uploaded_bytes
            + self.heatmaps.uploaded_bytes
            + self.links.uploaded_bytes
            + self.points.uploaded_bytes
    }
}

fn set_scissor(pass: &mut wgpu::RenderPass<'_>, [x, y, width, height]: Scissor) {
    pass.set_scissor_rect(x, y, width, height);
}

/// All shaders that draw or prepare a drawing, except those of glyphon.
pub const SHADERS: [Shader; 6] = [
    ShapePass::SHADER,
    PicturePass::SHADER,
    heatmap::gpu::SHADER,
    LinkPass::SHADER,
    links::gpu::SHADER,
    PointPass::SHADER,
];
