//! Draws a [`Drawing`] with wgpu. Knows neither traces nor egui.

pub mod colormap;
mod device;
mod drawing;
mod error;
mod fonts;
mod heatmap;
mod layer;
mod links;
mod painter;
mod picture;
mod points;
mod shapes;
mod svg;
mod target;
mod text;

pub use self::svg::{SvgError, to_svg};
pub use device::Shader;
pub use drawing::*;
pub use error::DrawError;
pub use fonts::{FONT_REGULAR, Fonts};
pub use painter::{Painter, shaders};
pub use target::{RenderTarget, TARGET_FORMAT, TargetError};

/// Which of a kernel's twins runs: the compute shader, or on a software adapter native code, which is much faster there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The compute shader.
    Gpu,
    /// Native code.
    Cpu,
}

/// Maps the buffer and copies its bytes, waiting for the device.
fn wait_for(device: &wgpu::Device, buffer: &wgpu::Buffer) -> Result<Vec<u8>, String> {
    let (sender, receiver) = std::sync::mpsc::channel();
    buffer.map_async(wgpu::MapMode::Read, .., move |result| {
        let _ = sender.send(result);
    });
    device.poll(wgpu::PollType::wait_indefinitely()).map_err(|error| error.to_string())?;
    receiver.recv().map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    Ok(buffer.get_mapped_range(..).map_err(|error| error.to_string())?.to_vec())
}
