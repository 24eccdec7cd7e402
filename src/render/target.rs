//! The texture that a drawing is drawn into.

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
    /// The device did not return the pixels.
    #[error("the GPU did not return the picture's pixels: {0}")]
    Readback(String),
}

impl RenderTarget {
    /// A target of this many pixels; 0 counts as 1, since there are no empty textures.
    ///
    /// # Errors
    /// If a side is longer than the device allows.
    pub fn new(device: &wgpu::Device, width: u32, height: u32) -> Result<Self, TargetError> {
        let limit = device.limits().max_texture_dimension_2d;
        let (width, height) = (width.max(1), height.max(1));
        if width.max(height) > limit {
            return Err(TargetError::TooLarge { width, height, limit });
        }
        let texture = device.create_texture(&wgpu::TextureDescriptor {
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
        });
        Ok(Self::of_texture(texture))
    }

    pub(super) fn of_texture(texture: wgpu::Texture) -> Self {
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        Self { texture, view }
    }

    /// Makes it this large. Returns whether its texture is another one now, which then has to be registered anew.
    ///
    /// # Errors
    /// If a side is longer than the device allows; the target stays as it was.
    pub fn resize(&mut self, device: &wgpu::Device, width: u32, height: u32) -> Result<bool, TargetError> {
        if (width.max(1), height.max(1)) == (self.width(), self.height()) {
            return Ok(false);
        }
        *self = Self::new(device, width, height)?;
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
    pub fn read(&self, device: &wgpu::Device, queue: &wgpu::Queue) -> Result<Vec<u8>, TargetError> {
        let row_bytes = self.width() * 4;
        let padded_row_bytes = row_bytes.next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("render target readback"),
            size: u64::from(padded_row_bytes) * u64::from(self.height()),
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        });
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_texture_to_buffer(
            self.texture.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &buffer,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(padded_row_bytes),
                    rows_per_image: None,
                },
            },
            self.texture.size(),
        );
        queue.submit([encoder.finish()]);
        let padded = super::wait_for(device, &buffer).map_err(TargetError::Readback)?;
        Ok(padded.chunks_exact(padded_row_bytes as usize).flat_map(|row| &row[..row_bytes as usize]).copied().collect())
    }
}
