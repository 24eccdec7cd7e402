//! A view's place in the window: its scene, and the texture that holds its picture. Both are made anew only when
//! something changed that the view shows.

use std::sync::Arc;

use egui::mutex::RwLock;
use egui::{TextureId, Vec2};

use crate::analysis::Selection;
use crate::gpu::Gpu;
use crate::query::Projection;
use crate::render::{Backend, DrawError, Fonts, Painter, RenderTarget, TargetError};
use crate::view::{Inputs, Options, Scene, Target, View, draw, needs};

/// Draws scenes into textures that egui can show. Without a renderer (in a test of the panels) there are only scenes.
pub struct Easel {
    gpu: Arc<Gpu>,
    painter: Painter,
    /// Measures and holds the letters.
    pub fonts: Fonts,
    egui: Option<Arc<RwLock<egui_wgpu::Renderer>>>,
}

/// One view's scene and picture.
#[derive(Default)]
pub struct Canvas {
    scene: Option<Scene>,
    drawn_at: Option<(u64, Vec2, f32)>,
    drawn: Option<Drawn>,
    picture: Option<(RenderTarget, TextureId)>,
    failure: Option<String>,
}

/// What a view's scene was made of.
#[derive(PartialEq)]
struct Drawn {
    trace: u64,
    selection: Selection,
    shown: Selection,
    hover: Option<Target>,
    options: Options,
    moving: Option<*const Projection>,
    /// Of the results that it needs.
    newest: (u64, usize),
    size: glam::Vec2,
    scale: f32,
}

impl Drawn {
    fn of(view: View, trace: u64, inputs: &Inputs<'_>, newest: (u64, usize), scale: f32) -> Self {
        let mut options = inputs.options.clone();
        // Other views are not drawn anew because one is zoomed or scrolled.
        if !matches!(view, View::Matrix | View::Pins) {
            options.matrix_window = None;
        }
        if view != View::Image {
            options.image_window = None;
        }
        if view != View::Embedding {
            options.embedding_view = None;
        }
        if view != View::Joint {
            options.joint_view = None;
        }
        if view != View::Lattice {
            options.lattice_view = None;
        }
        if !matches!(view, View::Text | View::Pins) {
            options.text_scroll = None;
        }
        Self {
            trace,
            selection: inputs.selection.clone(),
            shown: inputs.shown.clone(),
            hover: inputs.hover,
            options,
            moving: inputs.moving.map(std::ptr::from_ref),
            newest,
            size: inputs.size,
            scale,
        }
    }
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
enum PaintError {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Draw(#[from] DrawError),
}

impl Easel {
    /// Draws on this adapter, for this renderer of egui's.
    pub fn new(gpu: Arc<Gpu>, egui: Option<Arc<RwLock<egui_wgpu::Renderer>>>) -> Self {
        let painter = Painter::new(&gpu, Backend::of(&gpu));
        Self { gpu, painter, fonts: Fonts::new(), egui }
    }
}

impl Canvas {
    /// The scene, made anew if something changed that the view shows. While it lacks what it needs and that will be there in a
    /// moment (`is_patient`), it goes on showing what it showed before. Says as well whether it is a scene of this `trace`.
    pub fn scene(
        &mut self,
        easel: &mut Easel,
        view: View,
        trace: u64,
        inputs: &Inputs<'_>,
        is_patient: bool,
        scale: f32,
    ) -> (&Scene, bool) {
        let needs = needs(view, inputs);
        let now = Drawn::of(view, trace, inputs, inputs.results.newest(&needs), scale);
        let is_as_large = self.drawn.as_ref().is_some_and(|drawn| drawn.size == now.size && drawn.scale == now.scale);
        let waits = is_patient && is_as_large && !inputs.results.have(&needs);
        let scene = match self.scene.take().filter(|_| waits || self.drawn.as_ref() == Some(&now)) {
            Some(scene) => scene,
            None => {
                self.drawn = Some(now);
                let scene = draw(view, inputs, &mut easel.fonts);
                self.failure = self.paint(easel, &scene, scale).err().map(|error| error.to_string());
                scene
            }
        };
        let is_of_trace = self.drawn.as_ref().is_some_and(|drawn| drawn.trace == trace);
        (self.scene.insert(scene), is_of_trace)
    }

    /// The same for a scene that is not a view's alone.
    pub fn scene_by(
        &mut self,
        easel: &mut Easel,
        size: glam::Vec2,
        version: u64,
        scale: f32,
        draw: impl FnOnce(&mut Fonts) -> Scene,
    ) -> &Scene {
        let size = Vec2::new(size.x, size.y);
        let is_fresh = self.drawn_at == Some((version, size, scale));
        match self.scene.take().filter(|_| is_fresh) {
            Some(scene) => self.scene.insert(scene),
            None => {
                let scene = draw(&mut easel.fonts);
                self.drawn_at = Some((version, size, scale));
                self.failure = self.paint(easel, &scene, scale).err().map(|error| error.to_string());
                self.scene.insert(scene)
            }
        }
    }

    /// The version of the state that the scene was made for; `None` until it is first shown.
    pub fn version(&self) -> Option<u64> {
        self.drawn_at.map(|(version, ..)| version)
    }

    /// Of the scene, in logical pixels; `None` until it is first shown.
    pub fn size(&self) -> Option<glam::Vec2> {
        self.scene.as_ref().map(|scene| scene.drawing.size)
    }

    /// Why there is no picture.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Shows the picture in this part of the window, once there is one.
    pub fn show(&self, ui: &egui::Ui, space: egui::Rect) {
        if let Some((_, texture)) = &self.picture {
            let whole = egui::Rect::from_min_max(egui::pos2(0.0, 0.0), egui::pos2(1.0, 1.0));
            ui.painter().image(*texture, space, whole, egui::Color32::WHITE);
        }
    }

    fn paint(&mut self, easel: &mut Easel, scene: &Scene, scale: f32) -> Result<(), PaintError> {
        let Some(egui) = &easel.egui else { return Ok(()) };
        let (gpu, device) = (&easel.gpu, &easel.gpu.device);
        let [width, height] = [scene.drawing.size.x, scene.drawing.size.y].map(|side| (side * scale).round() as u32);
        let filter = wgpu::FilterMode::Nearest;
        let texture = match &mut self.picture {
            Some((texture, id)) => {
                if texture.resize(gpu, width, height)? {
                    egui.write().update_egui_texture_from_wgpu_texture(device, texture.view(), filter, *id);
                }
                texture
            }
            None => {
                let texture = RenderTarget::new(gpu, width, height)?;
                let id = egui.write().register_native_texture(device, texture.view(), filter);
                &mut self.picture.insert((texture, id)).0
            }
        };
        Ok(easel.painter.draw(&scene.drawing, scale, &mut easel.fonts, texture)?)
    }
}
