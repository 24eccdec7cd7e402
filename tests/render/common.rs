//! Draws drawings for the tests of the renderer.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::sync::Arc;

use vlscope::gpu::{AdapterChoice, Gpu};
use vlscope::render::{Backend, Drawing, Fonts, Painter, RenderTarget};

/// A painter on whatever adapter there is; that there is none fails the test.
pub struct Studio {
    pub gpu: Arc<Gpu>,
    pub painter: Painter,
    pub fonts: Fonts,
}

impl Studio {
    pub fn new(backend: Backend) -> Self {
        let gpu = Arc::new(Gpu::open(&AdapterChoice::Auto).unwrap());
        let painter = Painter::new(&gpu, backend);
        Self { gpu, painter, fonts: Fonts::new() }
    }

    pub fn draw(&mut self, drawing: &Drawing, scale: f32) -> image::RgbaImage {
        let [width, height] = [drawing.size.x, drawing.size.y].map(|side| (side * scale).round() as u32);
        let target = RenderTarget::new(&self.gpu, width, height).unwrap();
        self.painter.draw(drawing, scale, &mut self.fonts, &target).unwrap();
        let pixels = target.read(&self.gpu).unwrap();
        image::RgbaImage::from_raw(width, height, pixels).unwrap()
    }
}
