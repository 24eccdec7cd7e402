//! A picture of the window without a window: the same panels, drawn into a texture.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use egui::mutex::RwLock;
use egui_wgpu::{Renderer, ScreenDescriptor};

use crate::app::launch::Launch;
use crate::app::model::command::Command;
use crate::app::model::state::State;
use crate::app::shell::interface::Interface;
use crate::app::shell::window::{RENDERER_OPTIONS, other_texture_side};
use crate::gpu::Gpu;
use crate::query::OpenTrace;
use crate::render::{Color, RenderTarget, TARGET_FORMAT};

/// A worker that has not answered by then never will.
const PATIENCE: Duration = Duration::from_secs(120);

/// The window's content in a texture.
pub struct Offscreen {
    gpu: Arc<Gpu>,
    context: egui::Context,
    renderer: Arc<RwLock<Renderer>>,
    interface: Interface,
    /// Says that a worker has answered.
    woken: Receiver<()>,
    target: RenderTarget,
    /// In logical pixels.
    size: [f32; 2],
    /// Pixels per logical pixel.
    scale: f32,
    texture_side: usize,
}

/// A picture of the window waits no longer for the small pictures in its browser.
const PICTURES_WITHIN: Duration = Duration::from_secs(2);
/// What egui's letters may take, each side: its own default.
const TEXTURE_SIDE: usize = 2048;
/// What moves by itself is looked at so often.
const GLANCE: Duration = Duration::from_millis(5);

/// Draws the window at `size` (logical pixels) and `scale` (pixels per logical pixel) on `trace`, which is what `launch` opens
/// or one of its examples, after `commands` were carried out.
///
/// # Errors
/// If the trace cannot be opened or is none of the examples, or the adapter cannot hold such a picture.
pub fn picture_of_window(
    gpu: &Arc<Gpu>,
    launch: &Launch,
    trace: &Path,
    commands: Vec<Command>,
    size: [f32; 2],
    scale: f32,
) -> Result<image::RgbaImage> {
    let mut window = Offscreen::begin(gpu, launch, size, scale)?;
    window.settle()?;
    window.show_example(trace)?;
    window.check()?;
    for command in commands {
        window.apply(command);
    }
    window.settle()?;
    // A panel may learn its size only in its first frame, and the next one shows it.
    window.frame()?;
    let until = Instant::now() + PICTURES_WITHIN;
    while window.interface.awaits_pictures() && Instant::now() < until {
        let _ = window.woken.recv_timeout(GLANCE);
        window.frame()?;
    }
    window.frame()?;
    window.picture()
}

impl Offscreen {
    /// Opens what `launch` says, and waits until its numbers are there.
    ///
    /// # Errors
    /// If the trace cannot be opened, or the adapter cannot hold such a picture.
    pub fn open(gpu: &Arc<Gpu>, launch: &Launch, size: [f32; 2], scale: f32) -> Result<Self> {
        let mut window = Self::begin(gpu, launch, size, scale)?;
        window.settle()?;
        window.check()?;
        Ok(window)
    }

    fn check(&self) -> Result<()> {
        match &self.state().failure {
            Some(why) => bail!("{why}"),
            None => Ok(()),
        }
    }

    /// Opens what `launch` says, and draws one frame as soon as there is what `is_there` looks for; numbers may be on their way.
    ///
    /// # Errors
    /// If it does not come, or the adapter cannot hold such a picture.
    pub fn open_until(
        gpu: &Arc<Gpu>,
        launch: &Launch,
        size: [f32; 2],
        is_there: impl Fn(&State) -> bool,
    ) -> Result<Self> {
        let mut window = Self::begin(gpu, launch, size, 1.0)?;
        let until = Instant::now() + PATIENCE;
        while !is_there(window.state()) {
            window.check()?;
            if Instant::now() > until {
                bail!("the window did not get its data within {} s", PATIENCE.as_secs());
            }
            window.interface.wake();
            let _ = window.woken.recv_timeout(GLANCE);
        }
        window.frame()?;
        Ok(window)
    }

    fn begin(gpu: &Arc<Gpu>, launch: &Launch, size: [f32; 2], scale: f32) -> Result<Self> {
        let context = egui::Context::default();
        let renderer = Arc::new(RwLock::new(Renderer::new(&gpu.device, TARGET_FORMAT, RENDERER_OPTIONS)));
        let (sender, woken) = mpsc::channel();
        let wake = move || {
            // Fails only after the window is gone.
            let _ = sender.send(());
        };
        let interface = Interface::new(&context, Arc::clone(gpu), Some(Arc::clone(&renderer)), launch, wake);
        let [width, height] = size.map(|side| (side * scale).round() as u32);
        let target = RenderTarget::new(gpu, width, height)?;
        let texture_side = TEXTURE_SIDE;
        Ok(Self { gpu: Arc::clone(gpu), context, renderer, interface, woken, target, size, scale, texture_side })
    }

    /// What the window shows.
    pub fn state(&self) -> &State {
        &self.interface.state
    }

    /// Carries out a command, as the end of a frame does.
    pub fn apply(&mut self, command: Command) {
        self.interface.apply(command);
        self.interface.ask();
    }

    /// Opens the example that is this file, unless it is shown already.
    fn show_example(&mut self, trace: &Path) -> Result<()> {
        let shown = self.state().trace.as_ref().map(|shown| shown.trace.path());
        let real = |path: &Path| path.canonicalize().ok();
        if shown.and_then(real) == real(trace) {
            return Ok(());
        }
        let examples = &self.state().examples;
        let example = examples.iter().position(|example| real(example) == real(trace));
        let Some(example) = example else {
            // A file that cannot be read any more is no example; why is what is told.
            OpenTrace::open(trace)?;
            bail!("the dataset holds no such trace: {}", trace.display());
        };
        self.apply(Command::ShowExample(example));
        self.settle()
    }

    /// What was drawn last.
    ///
    /// # Errors
    /// If the device is lost.
    pub fn picture(&self) -> Result<image::RgbaImage> {
        let pixels = self.target.read(&self.gpu)?;
        image::RgbaImage::from_raw(self.target.width(), self.target.height(), pixels)
            .context("the picture has another size than its texture")
    }

    /// Makes what was lost with the device.
    fn reopen(&mut self, gpu: Arc<Gpu>) -> Result<()> {
        self.renderer = Arc::new(RwLock::new(Renderer::new(&gpu.device, TARGET_FORMAT, RENDERER_OPTIONS)));
        self.target = RenderTarget::new(&gpu, self.target.width(), self.target.height())?;
        self.interface.draw_on(&gpu, Arc::clone(&self.renderer));
        self.texture_side = other_texture_side(self.texture_side, TEXTURE_SIDE);
        self.gpu = gpu;
        Ok(())
    }

    /// Lays out and draws one frame; on another device if the one before was lost.
    ///
    /// # Errors
    /// If there is no other.
    pub fn frame(&mut self) -> Result<()> {
        if let Some(gpu) = self.interface.next_device()? {
            self.reopen(gpu)?;
        }
        let mut raw = egui::RawInput {
            screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, self.size.into())),
            max_texture_side: Some(self.texture_side),
            ..egui::RawInput::default()
        };
        raw.viewports.entry(egui::ViewportId::ROOT).or_default().native_pixels_per_point = Some(self.scale);
        let mut output = self.context.run_ui(raw, |ui| self.interface.show(ui));
        let primitives = self.context.tessellate(output.shapes, output.pixels_per_point);
        let pixels_per_point = output.pixels_per_point;
        let background = self.interface.background();
        let textures = &mut output.textures_delta;
        paint(&self.gpu, &self.renderer, &self.target, &primitives, textures, pixels_per_point, background);
        Ok(())
    }

    /// Draws frames until the one that shows all numbers that were asked for.
    ///
    /// # Errors
    /// If they do not come.
    pub fn settle(&mut self) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            // As the event loop of the window does.
            while let Some(wait) = self.interface.wake() {
                let _ = self.woken.recv_timeout(wait);
            }
            self.frame()?;
            if self.interface.is_settled() {
                return Ok(());
            }
            if Instant::now() > until {
                bail!("the window did not get its data within {} s", PATIENCE.as_secs());
            }
            let _ = self.woken.recv_timeout(GLANCE);
        }
    }
}

fn paint(
    gpu: &Gpu,
    renderer: &RwLock<Renderer>,
    target: &RenderTarget,
    primitives: &[egui::ClippedPrimitive],
    textures: &mut egui::TexturesDelta,
    pixels_per_point: f32,
    background: Color,
) {
    let [r, g, b, a] = background.0.map(|channel| f64::from(channel) / 255.0);
    let background = wgpu::Color { r, g, b, a };
    let mut renderer = renderer.write();
    for (id, deltas) in textures.set.drain() {
        for delta in deltas {
            renderer.update_texture(&gpu.device, &gpu.queue, id, &delta);
        }
    }
    let screen = ScreenDescriptor { size_in_pixels: [target.width(), target.height()], pixels_per_point };
    let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let mut before = renderer.update_buffers(&gpu.device, &gpu.queue, &mut encoder, primitives, &screen);
    {
        let pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("window"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: target.view(),
                resolve_target: None,
                depth_slice: None,
                ops: wgpu::Operations { load: wgpu::LoadOp::Clear(background), store: wgpu::StoreOp::Store },
            })],
            ..wgpu::RenderPassDescriptor::default()
        });
        renderer.render(&mut pass.forget_lifetime(), primitives, &screen);
    }
    before.push(encoder.finish());
    gpu.queue.submit(before);
    for id in textures.free.drain() {
        renderer.free_texture(&id);
    }
}
