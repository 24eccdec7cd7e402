//! The texture that a drawing is drawn into.

use crate::gpu::{Gpu, GpuError};

/// Holds gamma-space sRGB bytes with premultiplied alpha, as egui expects of a native texture.
pub const TARGET_FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

/// An offscreen texture, made to be drawn into, shown by egui and read back.
#[derive(Clone, Debug)]
pub struct RenderTarget {
    texture: wgpu::Texture,
    view: wgpu::TextureView,
}

/// Why a target could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// One of the sides is longer than the device allows.
    #[error("a picture of {width}×{height} pixels is too large: the GPU adapter's limit is {limit} pixels a side")]
    TooLarge {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// The longest side allowed.
        limit: u32,
    },
    /// The device has no memory for it, or is lost.
    #[error(transparent)]
    Gpu(#[from] GpuError),
}

impl RenderTarget {
    /// A target of this many pixels; 0 counts as 1, since there are no empty textures.
    ///
    /// # Errors
    /// If a side is longer than the device allows, it has no memory for it, or is lost.
    pub fn new(gpu: &Gpu, width: u32, height: u32) -> Result<Self, TargetError> {
        let limit = gpu.device.limits().max_texture_dimension_2d;
        let (width, height) = (width.max(1), height.max(1));
        if width.max(height) > limit {
            return Err(TargetError::TooLarge { width, height, limit });
        }
        let descriptor = wgpu::TextureDescriptor {
            label: Some("render target"),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: TARGET_FORMAT,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT
                | wgpu::TextureUsages::TEXTURE_BINDING
                | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        };
        Ok(gpu.guarded(|| Ok(Self::of_texture(gpu.device.create_texture(&descriptor))))?)
    }

    pub(super) fn of_texture(texture: wgpu::Texture) -> Self {
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        Self { texture, view }
    }

    /// Makes it this large. Returns whether its texture is another one now, which then has to be registered anew.
    ///
    /// # Errors
    /// As [`Self::new`]; the target stays as it was.
    pub fn resize(&mut self, gpu: &Gpu, width: u32, height: u32) -> Result<bool, TargetError> {
        if (width.max(1), height.max(1)) == (self.width(), self.height()) {
            return Ok(false);
        }
        *self = Self::new(gpu, width, height)?;
        Ok(true)
    }

    /// What is shown.
    pub fn view(&self) -> &wgpu::TextureView {
        &self.view
    }

    /// In pixels.
    pub fn width(&self) -> u32 {
        self.texture.width()
    }

    /// In pixels.
    pub fn height(&self) -> u32 {
        self.texture.height()
    }

    /// Its pixels, `[height, width, 4]`, premultiplied RGBA. Waits for the device.
    ///
    /// # Errors
    /// If the device doesn't return them.
    pub fn read(&self, gpu: &Gpu) -> Result<Vec<u8>, GpuError> {
        gpu.guarded(|| self.read_from(gpu))
    }

    fn read_from(&self, gpu: &Gpu) -> Result<Vec<u8>, GpuError> {
        let row_bytes = self.width() * 4;
        let padded_row_bytes = row_bytes.next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let staging = gpu.staging(u64::from(padded_row_bytes) * u64::from(self.height()));
        let mut encoder = gpu.encoder();
        encoder.copy_texture_to_buffer(
            self.texture.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &staging,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(padded_row_bytes),
                    rows_per_image: None,
                },
            },
            self.texture.size(),
        );
        let padded: Vec<u8> = gpu.read_staging(encoder, staging)?;
        Ok(padded.chunks_exact(padded_row_bytes as usize).flat_map(|row| &row[..row_bytes as usize]).copied().collect())
    }
}
