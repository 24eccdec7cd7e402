//! How the panels are shown inside the layout.

use egui_tiles::UiResponse;

use super::canvas::{Canvas, Easel};
use super::command::Command;
use super::dataset::Textures;
use super::panels::{self, Panel};
use super::state::State;
use crate::scene::View;

/// Shows the panels inside the layout.
pub struct Behavior<'a> {
    /// What the panels read.
    pub state: &'a State,
    /// Draws the views.
    pub easel: &'a mut Easel,
    /// By [`View`].
    pub canvases: &'a mut [Canvas; View::all().len()],
    /// The small pictures of the browser.
    pub textures: &'a mut Textures,
    /// The head atlas's.
    pub atlas_canvas: &'a mut Canvas,
    /// Of the two traces that are compared.
    pub comparison: &'a mut Canvas,
    /// Whether they are in front.
    pub shows_comparison: bool,
    /// Of the token atlas.
    pub token_canvas: &'a mut Canvas,
    /// Whether it is in front.
    pub shows_tokens: bool,
    /// What the panels wish for.
    pub commands: &'a mut Vec<Command>,
    /// Words for what is under the pointer.
    pub tip: &'a mut Option<String>,
    /// Whether the pointer is over a view.
    pub hovers: bool,
    /// The views in front.
    pub shown: Vec<View>,
    /// Whether the head atlas is in front.
    pub shows_atlas: bool,
}

impl egui_tiles::Behavior<Panel> for Behavior<'_> {
    fn pane_ui(&mut self, ui: &mut egui::Ui, _: egui_tiles::TileId, panel: &mut Panel) -> UiResponse {
        match panel.view() {
            None if *panel == Panel::Atlas => {
                self.shows_atlas = true;
                let canvas = &mut *self.atlas_canvas;
                if let Some(tip) = panels::show_atlas(ui, self.state, canvas, self.easel, self.commands) {
                    *self.tip = Some(tip);
                }
            }
            None if *panel == Panel::Tokens => {
                self.shows_tokens = true;
                let canvas = &mut *self.token_canvas;
                if let Some(tip) = panels::show_token_atlas(ui, self.state, canvas, self.easel, self.commands) {
                    *self.tip = Some(tip);
                }
            }
            None if *panel == Panel::Compare => {
                self.shows_comparison = true;
                let tip = panels::show_comparison(ui, self.state, self.comparison, self.easel, self.commands);
                if let Some(tip) = tip {
                    self.hovers = true;
                    *self.tip = Some(tip);
                }
            }
            None => panels::show_browser(ui, self.state, self.textures, self.commands),
            Some(view) => {
                self.shown.push(view);
                panels::show_head_controls(ui, view, self.state, self.commands);
                let canvas = &mut self.canvases[view as usize];
                if let Some(tip) = panels::show_view(ui, view, self.state, canvas, self.easel, self.commands) {
                    self.hovers = true;
                    *self.tip = Some(tip);
                }
            }
        }
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, panel: &Panel) -> egui::WidgetText {
        panel.title().into()
    }

    fn top_bar_right_ui(
        &mut self,
        tiles: &egui_tiles::Tiles<Panel>,
        ui: &mut egui::Ui,
        _: egui_tiles::TileId,
        tabs: &egui_tiles::Tabs,
        _: &mut f32,
    ) {
        let Some(panel) = tabs.active.and_then(|tile| tiles.get_pane(&tile)) else { return };
        match panel.view() {
            Some(view) => {
                panels::show_export_menu(ui, view, self.state, self.commands);
                panels::show_view_options(ui, view, self.state, self.commands);
            }
            None if *panel != Panel::Examples => panels::show_picture_menu(ui, *panel, self.state, self.commands),
            None => {}
        }
    }

    fn simplification_options(&self) -> egui_tiles::SimplificationOptions {
        // The tab names the panel and is the handle by which it is moved.
        egui_tiles::SimplificationOptions { all_panes_must_have_tabs: true, ..Default::default() }
    }

    fn gap_width(&self, _: &egui::Style) -> f32 {
        2.0
    }

    fn tab_bar_height(&self, _: &egui::Style) -> f32 {
        28.0
    }
}
