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
/// Of the matrix so many cells are shown at least, of the pictures such a part of their sides.
const FEWEST_CELLS: f32 = 4.0;
const SMALLEST_PART: f32 = 1.0 / 32.0;

/// What is zoomed by a window of it: the cells of the matrix; the pictures, in fractions of what they take.
#[derive(Clone, Copy, Debug)]
pub struct Windowed {
    /// Its size.
    pub all: Vec2,
    /// Of a window.
    pub least: Vec2,
    /// `None` where all of it is shown.
    pub window: Option<Rect>,
}

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
            Some(Panel::View(view @ (View::Matrix | View::Image))) => self.zoom_to(view, None),
            Some(Panel::View(View::Embedding)) => self.options.embedding_view = None,
            Some(Panel::View(View::Lattice)) => self.options.lattice_view = None,
            Some(_) => self.set_token_view(None),
            None => {}
        }
    }

    /// Which panel the keys are about.
    fn zoomed_panel(&self) -> Option<Panel> {
        let can_zoom = |panel: &Panel| {
            let zooms = |view: &View| matches!(view, View::Matrix | View::Image | View::Embedding | View::Lattice);
            *panel == Panel::Tokens || panel.view().as_ref().is_some_and(zooms)
        };
        let in_front = |view: &View| self.shown_views.contains(view);
        let shown = || [View::Matrix, View::Image, View::Embedding].into_iter().find(in_front).map(Panel::View);
        self.focused_panel.filter(can_zoom).or_else(shown)
    }

    fn change_window(&mut self, window: impl FnOnce(Rect) -> Rect, points: impl FnOnce(Transform, f32) -> Transform) {
        let shown = |view: Transform| (view != Transform::IDENTITY).then_some(view);
        match self.zoomed_panel() {
            Some(Panel::View(view @ (View::Matrix | View::Image))) => {
                let Some(now) = self.windowed(view) else { return };
                self.zoom_to(view, now.kept_inside(window(now.shown())));
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

    pub(in crate::app) fn zoom_to(&mut self, view: View, window: Option<Rect>) {
        match view {
            View::Matrix => self.options.matrix_window = window,
            View::Image => self.options.image_window = window,
            _ => {}
        }
    }

    /// What a view shows a window of, if it is one that does.
    pub fn windowed(&self, view: View) -> Option<Windowed> {
        let trace = self.trace.as_ref()?;
        match view {
            View::Matrix => {
                let [rows, columns] = matrix_size(trace.document(), self.block()?, self.options.matrix_block);
                let all = Vec2::new(columns as f32, rows as f32);
                Some(Windowed { all, least: Vec2::splat(FEWEST_CELLS).min(all), window: self.options.matrix_window })
            }
            View::Image => {
                let (all, least) = (Vec2::ONE, Vec2::splat(SMALLEST_PART));
                Some(Windowed { all, least, window: self.options.image_window })
            }
            _ => None,
        }
    }
}

impl Windowed {
    /// The window, or all.
    pub fn shown(&self) -> Rect {
        self.window.unwrap_or(Rect { min: Vec2::ZERO, max: self.all })
    }

    /// Not too small, and moved into what there is; `None` for all of it.
    pub fn kept_inside(&self, window: Rect) -> Option<Rect> {
        let size = window.size().clamp(self.least, self.all);
        let min = (window.center() - size / 2.0).clamp(Vec2::ZERO, self.all - size);
        let is_all = size.cmpge(self.all * (1.0 - 1e-4)).all();
        (!is_all).then_some(Rect { min, max: min + size })
    }

    /// Larger by a factor, about a place of it.
    pub fn zoomed(&self, at: Vec2, factor: f32) -> Rect {
        let window = self.shown();
        let size = (window.size() / factor).clamp(self.least, self.all);
        let min = at - (at - window.min) * (size / window.size());
        Rect { min, max: min + size }
    }
}

/// Around its middle; [`Windowed::kept_inside`] makes too large a window all there is.
fn zoomed(window: Rect, factor: f32) -> Rect {
    let half = window.size() / factor / 2.0;
    Rect { min: window.center() - half, max: window.center() + half }
}
