//! The window: winit's events in, frames out. Repaints only when egui or a worker asks for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use egui_wgpu::winit::Painter as SurfacePainter;
use egui_wgpu::{RendererOptions, WgpuConfiguration, WgpuSetup, WgpuSetupExisting};
use winit::application::ApplicationHandler;
use winit::event::WindowEvent;
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop, EventLoopProxy};
use winit::window::{Window, WindowId};

use crate::app::launch::Launch;
use crate::app::shell::interface::Interface;
use crate::app::work::screenshot;
use crate::gpu::{Gpu, choose_adapter, new_instance};
use crate::query::caught;

/// How egui's shapes are painted, in the window and in pictures of it.
pub const RENDERER_OPTIONS: RendererOptions = RendererOptions {
    msaa_samples: 1,
    depth_stencil_format: None,
    dithering: false,
    predictable_texture_filtering: false,
};

/// egui gives its letters to the GPU once, and again only where they have another largest side: so a renderer that is new gets them.
pub fn other_texture_side(side: usize, limit: usize) -> usize {
    if side == limit { limit - 1 } else { limit }
}

/// A window that cannot be painted so many times in a row never will be.
const MOST_FAULTS: usize = 3;

/// Why the event loop was woken.
#[derive(Debug)]
enum Wake {
    /// egui wants a frame.
    Repaint,
    /// A worker has answered.
    Answer,
    /// A screen reader asks or acts.
    Accessibility(egui_winit::accesskit_winit::Event),
}

impl From<egui_winit::accesskit_winit::Event> for Wake {
    fn from(event: egui_winit::accesskit_winit::Event) -> Self {
        Self::Accessibility(event)
    }
}

/// Opens the window and runs until it is closed.
///
/// # Errors
/// If there is no display or no adapter that can draw on it.
pub fn run(launch: Launch) -> Result<()> {
    let event_loop =
        EventLoop::<Wake>::with_user_event().build().context("cannot open a window: is there a display?")?;
    let mut shell = Shell { launch, proxy: event_loop.create_proxy(), open: None, failure: None };
    event_loop.run_app(&mut shell).context("the window's event loop failed")?;
    shell.failure.map_or(Ok(()), Err)
}

struct Shell {
    launch: Launch,
    proxy: EventLoopProxy<Wake>,
    open: Option<Open>,
    failure: Option<anyhow::Error>,
}

/// What exists while there is a window.
struct Open {
    window: Arc<Window>,
    input: egui_winit::State,
    surface: SurfacePainter,
    interface: Interface,
    screenshot_folder: PathBuf,
    minimized: bool,
    repaint_at: Option<Instant>,
    /// What egui wants of its textures, from frames that were not painted too.
    textures: egui::TexturesDelta,
    /// Whether the last frame was laid out, but not painted.
    is_unpainted: bool,
    /// How many frames in a row panicked.
    faults: usize,
}

impl Drop for Open {
    /// The textures go with the window: egui takes it for a fault if nobody is told of the last ones.
    fn drop(&mut self) {
        self.textures.clear();
    }
}

impl ApplicationHandler<Wake> for Shell {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        if self.open.is_some() {
            return;
        }
        match Open::new(event_loop, &self.launch, &self.proxy) {
            Ok(open) => self.open = Some(open),
            Err(error) => {
                self.failure = Some(error);
                event_loop.exit();
            }
        }
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        let Some(open) = &mut self.open else { return };
        match &event {
            WindowEvent::CloseRequested => {
                open.interface.save_settings();
                return event_loop.exit();
            }
            WindowEvent::RedrawRequested => {
                match caught(|| open.paint()) {
                    Ok(Ok(())) => open.faults = 0,
                    Ok(Err(error)) => {
                        open.interface.save_settings();
                        self.failure = Some(error);
                        return event_loop.exit();
                    }
                    Err(panic) => {
                        open.interface.tell_of_fault(panic.to_string());
                        open.faults += 1;
                        if open.faults == MOST_FAULTS {
                            self.failure = Some(panic.into());
                            return event_loop.exit();
                        }
                    }
                }
                if open.interface.wants_to_close() {
                    open.interface.save_settings();
                    event_loop.exit();
                }
                return;
            }
            WindowEvent::Resized(size) => open.resized(size.width, size.height),
            WindowEvent::Occluded(hidden) => open.minimized = *hidden,
            _ => {}
        }
        if open.input.on_window_event(&open.window, &event).repaint {
            open.window.request_redraw();
        }
    }

    fn user_event(&mut self, _: &ActiveEventLoop, wake: Wake) {
        let Some(open) = &mut self.open else { return };
        if let Wake::Answer = wake
            && let Some(wait) = open.interface.wake()
        {
            let at = Instant::now() + wait;
            open.repaint_at = Some(open.repaint_at.map_or(at, |earlier| earlier.min(at)));
            return;
        }
        if let Wake::Accessibility(event) = wake {
            match event.window_event {
                egui_winit::accesskit_winit::WindowEvent::InitialTreeRequested => {
                    open.input.egui_ctx().enable_accesskit();
                }
                egui_winit::accesskit_winit::WindowEvent::ActionRequested(request) => {
                    open.input.on_accesskit_action_request(request);
                }
                egui_winit::accesskit_winit::WindowEvent::AccessibilityDeactivated => {
                    open.input.egui_ctx().disable_accesskit();
                }
            }
        }
        open.window.request_redraw();
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        let Some(open) = &mut self.open else { return };
        if open.repaint_at.is_some_and(|at| at <= Instant::now()) {
            open.repaint_at = None;
            open.window.request_redraw();
        }
        event_loop.set_control_flow(open.repaint_at.map_or(ControlFlow::Wait, ControlFlow::WaitUntil));
    }

    fn exiting(&mut self, _: &ActiveEventLoop) {
        if let Some(mut open) = self.open.take() {
            open.surface.destroy();
        }
    }
}

impl Open {
    fn new(event_loop: &ActiveEventLoop, launch: &Launch, proxy: &EventLoopProxy<Wake>) -> Result<Self> {
        let attributes = Window::default_attributes()
            .with_title("vlscope")
            .with_visible(false)
            .with_inner_size(winit::dpi::LogicalSize::new(1440.0, 900.0))
            .with_min_inner_size(winit::dpi::LogicalSize::new(480.0, 320.0));
        let window = Arc::new(event_loop.create_window(attributes).context("cannot open a window")?);
        let instance = new_instance();
        let adapter = {
            let surface = instance.create_surface(Arc::clone(&window)).context("cannot draw on the window")?;
            choose_adapter(&instance, &launch.adapter, |adapter| adapter.is_surface_supported(&surface))?
        };
        let gpu = Arc::new(Gpu::from_adapter(instance, adapter)?);

        let context = egui::Context::default();
        let mut input = egui_winit::State::new(
            context.clone(),
            egui::ViewportId::ROOT,
            event_loop,
            Some(window.scale_factor() as f32),
            window.theme(),
            Some(gpu.device.limits().max_texture_dimension_2d as usize),
        );
        input.init_accesskit(event_loop, &window, proxy.clone());

        let surface = surface_on(&window, &context, &gpu)?;
        let state = surface.render_state().context("egui has no renderer")?;

        // Sending fails only after the window was closed, when nobody waits for the answer.
        let (for_egui, for_workers) = (proxy.clone(), proxy.clone());
        context.set_request_repaint_callback(move |request| {
            if request.delay.is_zero() {
                let _ = for_egui.send_event(Wake::Repaint);
            }
        });
        let wake = move || {
            let _ = for_workers.send_event(Wake::Answer);
        };
        let interface = Interface::new(&context, gpu, Some(state.renderer), launch, wake);
        window.set_visible(true);
        Ok(Self {
            window,
            input,
            surface,
            interface,
            screenshot_folder: launch.screenshot_dir.clone().unwrap_or_else(screenshot::default_folder),
            minimized: false,
            repaint_at: None,
            textures: egui::TexturesDelta::default(),
            is_unpainted: false,
            faults: 0,
        })
    }

    fn resized(&mut self, width: u32, height: u32) {
        self.minimized = width == 0 || height == 0;
        if let (Some(width), Some(height)) = (width.try_into().ok(), height.try_into().ok()) {
            self.surface.on_window_resized(egui::ViewportId::ROOT, width, height);
        }
    }

    /// Makes what was lost with the device.
    fn reopen(&mut self, gpu: &Arc<Gpu>) -> Result<()> {
        // A window has one surface at a time.
        pollster::block_on(self.surface.set_window(egui::ViewportId::ROOT, None)).context("cannot leave the window")?;
        let context = self.input.egui_ctx().clone();
        self.surface = surface_on(&self.window, &context, gpu)?;
        let state = self.surface.render_state().context("egui has no renderer")?;
        self.interface.draw_on(gpu, state.renderer);
        // Changes of textures that the new renderer does not have.
        self.textures = egui::TexturesDelta::default();
        let limit = gpu.device.limits().max_texture_dimension_2d as usize;
        let side = context.input(|input| input.max_texture_side);
        self.input.set_max_texture_side(other_texture_side(side, limit));
        Ok(())
    }

    fn paint(&mut self) -> Result<()> {
        if self.minimized {
            return Ok(());
        }
        if let Some(gpu) = self.interface.next_device()? {
            self.reopen(&gpu)?;
        }
        let context = self.input.egui_ctx().clone();
        let raw = self.input.take_egui_input(&self.window);
        let output = context.run_ui(raw, |ui| self.interface.show(ui));
        self.input.handle_platform_output(&self.window, output.platform_output);
        self.repaint_at = output
            .viewport_output
            .get(&egui::ViewportId::ROOT)
            .and_then(|viewport| Instant::now().checked_add(viewport.repaint_delay));
        self.textures.append(output.textures_delta);
        // What a command has changed is shown by the next frame, and painting this one would only keep that one waiting. Never two
        // in a row: a pointer that moves on and on must not stop the picture.
        self.is_unpainted = self.interface.is_outdated() && !self.is_unpainted;
        if self.is_unpainted {
            return Ok(());
        }
        let primitives = context.tessellate(output.shapes, output.pixels_per_point);
        let screenshot = self.take_screenshot_request();
        self.surface.paint_and_update_textures(
            egui::ViewportId::ROOT,
            output.pixels_per_point,
            self.interface.background().0.map(|channel| f32::from(channel) / 255.0),
            &primitives,
            &mut self.textures,
            screenshot,
            &self.window,
        );
        if let Some(title) = self.interface.take_title() {
            self.window.set_title(&title);
        }
        if self.interface.next_device()?.is_some() {
            self.window.request_redraw();
        }
        Ok(())
    }

    /// The callback that saves the frame being painted, if the user asked for it.
    fn take_screenshot_request(&mut self) -> Vec<egui::ScreenshotCallback> {
        if !self.interface.take_screenshot_request() {
            return Vec::new();
        }
        let (folder, report) = (self.screenshot_folder.clone(), self.interface.screenshot_reporter());
        vec![egui::ScreenshotCallback::new(move |picture| {
            // Encoding takes longer than a frame has.
            std::thread::spawn(move || {
                let [width, height] = picture.size.map(|side| side as u32);
                report(screenshot::save(&folder, width, height, picture.as_raw()));
            });
        })]
    }
}

/// What paints egui's shapes on the window.
fn surface_on(window: &Arc<Window>, context: &egui::Context, gpu: &Gpu) -> Result<SurfacePainter> {
    let configuration = WgpuConfiguration {
        wgpu_setup: WgpuSetup::Existing(WgpuSetupExisting {
            instance: gpu.instance.clone(),
            adapter: gpu.adapter.clone(),
            device: gpu.device.clone(),
            queue: gpu.queue.clone(),
        }),
        ..WgpuConfiguration::default()
    };
    let mut surface = pollster::block_on(SurfacePainter::new(context.clone(), configuration, false, RENDERER_OPTIONS));
    pollster::block_on(surface.set_window(egui::ViewportId::ROOT, Some(Arc::clone(window))))
        .context("cannot draw on the window")?;
    Ok(surface)
}
