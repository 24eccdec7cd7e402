//! Textures over rectangles: RGB images, and the heatmaps once they are coloured.
//!
//! An image is uploaded once, and once more if it is drawn in grey; it is found again by the address of its `Arc`, and goes when nobody else holds that. Its rectangle
//! is moved onto whole pixels, as those of the shapes are, so that outlines around it fit.

use std::borrow::Cow;
use std::sync::Arc;

use glam::Vec2;
use wgpu::vertex_attr_array;

use super::device::{Frame, Growing, Strips};
use super::layer::Layer;
use super::{DrawError, Picture, Pixels, Rect};
use crate::gpu::{Binding, Gpu, Shader};

/// Where a texture goes.
#[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(super) struct Blit {
    /// Left, top, right, bottom in pixels.
    pub area: [f32; 4],
    /// The same of the texture, from 0 to 1.
    pub part: [f32; 4],
    pub opacity: f32,
}

/// An image on the device.
struct Uploaded {
    pixels: Arc<Pixels>,
    /// In colour and in grey, once they are drawn so: with nearest and with linear sampling.
    bindings: [Option<[wgpu::BindGroup; 2]>; 2],
}

/// The pipeline, the images on the device, and the instances of the current drawing.
pub(super) struct PicturePass {
    strips: Strips,
    samplers: [wgpu::Sampler; 2],
    target_size: wgpu::Buffer,
    uploaded: Vec<Uploaded>,
    instances: Growing,
    pub(super) uploaded_bytes: u64,
}

impl PicturePass {
    pub(super) const SHADER: Shader = Shader {
        name: "render/picture",
        wgsl: concat!(
            include_str!("../../shaders/render/view.wgsl"),
            include_str!("../../shaders/render/picture.wgsl")
        ),
        bindings: &[Binding::Uniform(size_of::<[f32; 2]>() as u64), Binding::Texture, Binding::Sampler],
        entry_points: &["vs_main", "fs_main"],
    };

    pub(super) fn new(gpu: &Gpu, target_size: &wgpu::Buffer) -> Self {
        let instances = wgpu::VertexBufferLayout {
            array_stride: size_of::<Blit>() as u64,
            step_mode: wgpu::VertexStepMode::Instance,
            attributes: &vertex_attr_array![0 => Float32x4, 1 => Float32x4, 2 => Float32],
        };
        let strips = Strips::new(gpu, &Self::SHADER, Some(instances));
        let samplers = [wgpu::FilterMode::Nearest, wgpu::FilterMode::Linear].map(|filter| {
            gpu.device.create_sampler(&wgpu::SamplerDescriptor {
                mag_filter: filter,
                min_filter: filter,
                ..wgpu::SamplerDescriptor::default()
            })
        });
        let (target_size, instances) = (target_size.clone(), Growing::new(gpu));
        Self { strips, samplers, target_size, uploaded: Vec::new(), instances, uploaded_bytes: 0 }
    }

    /// What draws an image, and where; `None` if nothing of it would be seen.
    pub(super) fn prepare(
        &mut self,
        frame: &Frame<'_>,
        mark: &Picture,
    ) -> Result<Option<(wgpu::BindGroup, Blit)>, DrawError> {
        let area = pixel_rect(&mark.rect, frame.scale);
        let (width, height) = (mark.pixels.width, mark.pixels.height);
        let expected = 3 * width as usize * height as usize;
        if !area.size().cmpgt(Vec2::ZERO).all() || expected == 0 || mark.pixels.rgb.len() != expected {
            return Ok(None);
        }
        let limit = frame.gpu.device.limits().max_texture_dimension_2d;
        if width.max(height) > limit {
            return Err(DrawError::PictureTooLarge { width, height, limit });
        }
        let blit = Blit {
            area: [area.min.x, area.min.y, area.max.x, area.max.y],
            part: [mark.part.min.x, mark.part.min.y, mark.part.max.x, mark.part.max.y],
            opacity: mark.opacity.clamp(0.0, 1.0),
        };
        let bindings = self.image(frame, mark);
        Ok(Some((bindings[usize::from(mark.smooth)].clone(), blit)))
    }

    /// The image on the device, in colour or in grey.
    fn image(&mut self, frame: &Frame<'_>, mark: &Picture) -> [wgpu::BindGroup; 2] {
        let known = self.uploaded.iter().position(|known| Arc::ptr_eq(&known.pixels, &mark.pixels));
        let index = known.unwrap_or_else(|| {
            self.uploaded.push(Uploaded { pixels: mark.pixels.clone(), bindings: [None, None] });
            self.uploaded.len() - 1
        });
        let variant = usize::from(mark.grey);
        if let Some(bindings) = &self.uploaded[index].bindings[variant] {
            return bindings.clone();
        }
        let shown = if mark.grey { Cow::Owned(mark.pixels.grey()) } else { Cow::Borrowed(&*mark.pixels) };
        let rgba: Vec<u8> = shown.rgb.chunks_exact(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255]).collect();
        let texture = texture(frame.gpu, shown.width, shown.height, wgpu::TextureUsages::COPY_DST);
        write_texture(frame.gpu, &texture, &rgba);
        self.uploaded_bytes += rgba.len() as u64;
        let bindings = [0, 1].map(|sampler| self.bindings(frame.gpu, &texture, &self.samplers[sampler]));
        self.uploaded[index].bindings[variant].insert(bindings).clone()
    }

    /// Draws a texture with straight alpha, pixel by pixel.
    pub(super) fn nearest(&self, gpu: &Gpu, texture: &wgpu::Texture) -> wgpu::BindGroup {
        self.bindings(gpu, texture, &self.samplers[0])
    }

    /// What draws a layer, and where.
    pub(super) fn layer(&self, frame: &Frame<'_>, layer: &Layer) -> (wgpu::BindGroup, Blit) {
        let [x, y, width, height] = layer.area;
        let texture = texture(frame.gpu, width, height, wgpu::TextureUsages::COPY_DST);
        write_texture(frame.gpu, &texture, &layer.rgba);
        let area = [x, y, x + width, y + height].map(|edge| edge as f32);
        (self.nearest(frame.gpu, &texture), Blit { area, part: [0.0, 0.0, 1.0, 1.0], opacity: 1.0 })
    }

    fn bindings(&self, gpu: &Gpu, texture: &wgpu::Texture, sampler: &wgpu::Sampler) -> wgpu::BindGroup {
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let resources = [
            self.target_size.as_entire_binding(),
            wgpu::BindingResource::TextureView(&view),
            wgpu::BindingResource::Sampler(sampler),
        ];
        self.strips.bind(gpu, &resources)
    }

    pub(super) fn upload_instances(&mut self, frame: &Frame<'_>, blits: &[Blit]) -> Result<(), DrawError> {
        self.instances.write(frame, blits)
    }

    pub(super) fn draw(&self, pass: &mut wgpu::RenderPass<'_>, bindings: &wgpu::BindGroup, blit: u32) {
        pass.set_pipeline(&self.strips.pipeline);
        pass.set_bind_group(0, bindings, &[]);
        pass.set_vertex_buffer(0, self.instances.slice());
        pass.draw(0..4, blit..blit + 1);
    }

    /// Lets go of what only this cache still holds.
    pub(super) fn forget_unused(&mut self) {
        self.uploaded.retain(|uploaded| Arc::strong_count(&uploaded.pixels) > 1);
    }
}

/// An RGBA texture that is drawn from.
pub(super) fn texture(gpu: &Gpu, width: u32, height: u32, written_by: wgpu::TextureUsages) -> wgpu::Texture {
    gpu.device.create_texture(&wgpu::TextureDescriptor {
        label: Some("picture"),
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8Unorm,
        usage: wgpu::TextureUsages::TEXTURE_BINDING | written_by,
        view_formats: &[],
    })
}

/// All of the texture's pixels, `[height, width, 4]`.
pub(super) fn write_texture(gpu: &Gpu, texture: &wgpu::Texture, rgba: &[u8]) {
    let layout =
        wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(4 * texture.width()), rows_per_image: None };
    gpu.queue.write_texture(texture.as_image_copy(), rgba, layout, texture.size());
}

/// The rectangle in whole pixels.
pub(super) fn pixel_rect(rect: &Rect, scale: f32) -> Rect {
    Rect { min: (rect.min * scale).round(), max: (rect.max * scale).round() }
}
