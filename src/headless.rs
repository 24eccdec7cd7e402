//! A view as pixels, without a window: the same scene and the same passes as in the window.

use std::sync::Arc;

use crate::gpu::{AdapterChoice, Gpu, GpuError};
use crate::render::{Backend, DrawError, Drawing, Fonts, Painter, RenderTarget, TargetError};
use crate::view::{Inputs, View, draw};

/// Draws views and drawings on an adapter.
pub struct Headless {
    gpu: Arc<Gpu>,
    painter: Painter,
    fonts: Fonts,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum HeadlessError {
    /// No adapter.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The picture is too large.
    #[error(transparent)]
    RenderTarget(#[from] TargetError),
    /// A mark could not be drawn.
    #[error(transparent)]
    Draw(#[from] DrawError),
}

impl Headless {
    /// Opens an adapter.
    ///
    /// # Errors
    /// If there is none of that name, or none at all.
    pub fn new(choice: &AdapterChoice) -> Result<Self, HeadlessError> {
        Ok(Self::on(Arc::new(Gpu::open(choice)?)))
    }

    /// Draws on an adapter that is open already.
    pub fn on(gpu: Arc<Gpu>) -> Self {
        let painter = Painter::new(&gpu, Backend::of(&gpu));
        Self { gpu, painter, fonts: Fonts::new() }
    }

    /// A view at `scale` pixels per logical pixel.
    ///
    /// # Errors
    /// If the adapter cannot hold the picture.
    pub fn draw_view(
        &mut self,
        view: View,
        inputs: &Inputs<'_>,
        scale: f32,
    ) -> Result<image::RgbaImage, HeadlessError> {
        let scene = draw(view, inputs, &mut self.fonts);
        self.draw(&scene.drawing, scale)
    }

    /// A drawing at `scale` pixels per logical pixel.
    ///
    /// # Errors
    /// If the adapter cannot hold the picture.
    pub fn draw(&mut self, drawing: &Drawing, scale: f32) -> Result<image::RgbaImage, HeadlessError> {
        let drawn = self.draw_once(drawing, scale);
        if drawn.is_ok() || !self.gpu.is_lost() {
            return drawn;
        }
        self.gpu = self.gpu.current()?;
        self.painter = Painter::new(&self.gpu, Backend::of(&self.gpu));
        self.draw_once(drawing, scale)
    }

    fn draw_once(&mut self, drawing: &Drawing, scale: f32) -> Result<image::RgbaImage, HeadlessError> {
        let [width, height] = [drawing.size.x, drawing.size.y].map(|side| (side * scale).round() as u32);
        let target = RenderTarget::new(&self.gpu, width, height)?;
        self.painter.draw(drawing, scale, &mut self.fonts, &target)?;
        let pixels = target.read(&self.gpu)?;
        Ok(image::RgbaImage::from_raw(target.width(), target.height(), pixels).unwrap_or_default())
    }
}
