//! A view's place in the window: its scene, and the texture that holds its picture. Both are made anew only when
//! something changed that the view shows.

use std::sync::Arc;

use egui::mutex::RwLock;
use egui::{TextureId, Vec2};

use crate::gpu::Gpu;
use crate::render::{Backend, DrawError, Fonts, Painter, Target as Texture, TargetError};
use crate::view::{Inputs, Scene, View, draw};

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
    picture: Option<(Texture, TextureId)>,
    failure: Option<String>,
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
    /// The scene, made anew if the state's `version`, the size or the scale has changed.
    pub fn scene(&mut self, easel: &mut Easel, view: View, inputs: &Inputs<'_>, version: u64, scale: f32) -> &Scene {
        self.scene_by(easel, inputs.size, version, scale, |fonts| draw(view, inputs, fonts))
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
                let texture = Texture::new(gpu, width, height)?;
                let id = egui.write().register_native_texture(device, texture.view(), filter);
                &mut self.picture.insert((texture, id)).0
            }
        };
        Ok(easel.painter.draw(&scene.drawing, scale, &mut easel.fonts, texture)?)
    }
}
