//! Zoom and pan by keys: in the view that has the keyboard's focus, else in the one of them that is in front.

use glam::Vec2;

use crate::app::model::panel::Panel;
use crate::app::model::state::State;
use crate::app::model::tokens::TokenCommand;
use crate::render::{Rect, Transform};
use crate::view::{View, matrix_size};

/// By how much a step zooms.
const ZOOM: f32 = 1.25;
/// The share of what is in sight that a step pans by.
const PAN: f32 = 0.15;
/// The furthest zoom of the hidden states.
pub const CLOSEST: f32 = 64.0;
/// The furthest zoom of the token atlas.
pub const CLOSEST_OF_TOKENS: f32 = 4096.0;

impl State {
    pub(in crate::app) fn zoom(&mut self, steps: isize) {
        let factor = ZOOM.powi(steps as i32);
        self.change_window(
            |window| zoomed(window, factor),
            |view, closest| {
                let scale = (view.scale * factor).clamp(Vec2::ONE, Vec2::splat(closest));
                let middle = Vec2::splat(0.5);
                Transform { scale, offset: middle - (middle - view.offset) * (scale / view.scale) }
            },
        );
    }

    pub(in crate::app) fn pan(&mut self, steps: Vec2) {
        self.change_window(
            |window| {
                let by = window.size() * PAN * steps;
                Rect { min: window.min + by, max: window.max + by }
            },
            |view, _| Transform { offset: view.offset - PAN * steps, ..view },
        );
    }

    pub(in crate::app) fn show_all(&mut self) {
        match self.zoomed_panel() {
            Some(Panel::View(View::Matrix)) => self.options.matrix_window = None,
            Some(Panel::View(View::Embedding)) => self.options.embedding_view = None,
            Some(Panel::View(View::Lattice)) => self.options.lattice_view = None,
            Some(_) => self.set_token_view(None),
            None => {}
        }
    }

    /// Which panel the keys are about.
    fn zoomed_panel(&self) -> Option<Panel> {
        let can_zoom = |panel: &Panel| {
            matches!(panel, Panel::View(View::Matrix | View::Embedding | View::Lattice) | Panel::Tokens)
        };
        let in_front = |view| self.shown_views.contains(&view).then_some(Panel::View(view));
        self.focused_panel.filter(can_zoom).or_else(|| in_front(View::Matrix)).or_else(|| in_front(View::Embedding))
    }

    fn change_window(&mut self, matrix: impl FnOnce(Rect) -> Rect, points: impl FnOnce(Transform, f32) -> Transform) {
        let shown = |view: Transform| (view != Transform::IDENTITY).then_some(view);
        match self.zoomed_panel() {
            Some(Panel::View(View::Matrix)) => {
                let Some(all) = self.all_cells() else { return };
                let window = self.options.matrix_window.unwrap_or(Rect { min: Vec2::ZERO, max: all });
                self.options.matrix_window = kept_inside(matrix(window), all);
            }
            Some(Panel::View(View::Embedding)) => {
                let view = self.options.embedding_view.unwrap_or(Transform::IDENTITY);
                self.options.embedding_view = shown(points(view, CLOSEST));
            }
            Some(Panel::View(View::Lattice)) => {
                let view = self.options.lattice_view.unwrap_or(Transform::IDENTITY);
                self.options.lattice_view = shown(points(view, CLOSEST));
            }
            Some(_) => {
                let view = self.tokens.view.unwrap_or(Transform::IDENTITY);
                self.set_token_view(shown(points(view, CLOSEST_OF_TOKENS)));
            }
            None => {}
        }
    }

    fn set_token_view(&mut self, view: Option<Transform>) {
        self.change_tokens(&TokenCommand::SetView(view));
    }

    /// How many keys and queries the matrix has.
    fn all_cells(&self) -> Option<Vec2> {
        let (trace, block) = (self.trace.as_ref()?, self.block()?);
        let [rows, columns] = matrix_size(trace.document(), block, self.options.matrix_block);
        Some(Vec2::new(columns as f32, rows as f32))
    }
}

/// Around its middle; the next call to [`kept_inside`] makes too large a window all of the matrix.
fn zoomed(window: Rect, factor: f32) -> Rect {
    let half = window.size() / factor / 2.0;
    Rect { min: window.center() - half, max: window.center() + half }
}

/// At least four cells, moved into the matrix; `None` for all of it.
pub fn kept_inside(window: Rect, all: Vec2) -> Option<Rect> {
    let size = window.size().clamp(Vec2::splat(4.0).min(all), all);
    let min = (window.center() - size / 2.0).clamp(Vec2::ZERO, all - size);
    let is_all = size.cmpge(all - 1e-3).all();
    (!is_all).then_some(Rect { min, max: min + size })
}
