//! How the panels are shown inside the layout.

use std::ops::Index;

use egui_tiles::UiResponse;

use crate::app::model::arrangement::PanelCommand;
use crate::app::model::command::Command;
use crate::app::model::panel::Panel;
use crate::app::model::state::State;
use crate::app::panels;
use crate::app::shell::failures::Failures;
use crate::app::ui::canvas::{Canvas, Easel};
use crate::app::ui::focus::Focus;
use crate::app::work::textures::Textures;
use crate::view::View;

/// Height of a row of tabs.
const TAB_BAR: f32 = 28.0;

/// The pictures of the panels.
#[derive(Default)]
pub struct Canvases([Canvas; Panel::COUNT]);

impl Index<Panel> for Canvases {
    type Output = Canvas;

    fn index(&self, panel: Panel) -> &Canvas {
        &self.0[panel.index()]
    }
}

/// What a frame showed, and where the pointer and the keyboard were.
#[derive(Default)]
pub struct Seen {
    /// The panels in front.
    pub panels: Vec<Panel>,
    /// The view under the pointer.
    pub pointed: Option<View>,
    /// Whether the pointer is over something that it previews.
    pub hovers: bool,
    /// The panel under the pointer.
    pub under_pointer: Option<Panel>,
    /// The panel that has the keyboard's focus.
    pub focused: Option<Panel>,
    /// Of the tabs that are being shown, and how much room they have.
    active_tab: Option<(egui_tiles::TileId, f32)>,
}

/// Shows the panels inside the layout.
pub struct Behavior<'a> {
    /// Panels that panicked.
    pub failures: &'a mut Failures,
    /// What the panels read.
    pub state: &'a State,
    /// Draws the views.
    pub easel: &'a mut Easel,
    /// What they are drawn on.
    pub canvases: &'a mut Canvases,
    /// The small pictures of the browser.
    pub textures: &'a mut Textures,
    /// What the panels wish for.
    pub commands: &'a mut Vec<Command>,
    /// Words for what is under the pointer.
    pub tip: &'a mut Option<String>,
    /// What is shown.
    pub seen: Seen,
    /// Where the keyboard is.
    pub focus: &'a mut Focus,
}

impl Behavior<'_> {
    fn show(&mut self, ui: &mut egui::Ui, panel: Panel) {
        self.seen.panels.push(panel);
        let Self { state, easel, commands, .. } = self;
        let canvas = &mut self.canvases.0[panel.index()];
        let tip = match panel {
            Panel::Examples => {
                panels::show_browser(ui, state, self.textures, commands);
                None
            }
            Panel::Notes => {
                panels::show_notes(ui, state, commands);
                None
            }
            Panel::Atlas => panels::show_atlas(ui, state, canvas, easel, commands),
            Panel::Tokens => panels::show_token_atlas(ui, state, canvas, easel, commands),
            Panel::Compare => panels::show_comparison(ui, state, canvas, easel, commands),
            Panel::View(view) => {
                panels::show_head_controls(ui, view, state, commands);
                panels::show_view(ui, view, state, canvas, easel, commands)
            }
        };
        if tip.is_some() {
            self.seen.hovers |= matches!(panel, Panel::Compare | Panel::View(_));
            self.seen.pointed = panel.view().or(self.seen.pointed);
            *self.tip = tip;
        }
    }
}

impl egui_tiles::Behavior<Panel> for Behavior<'_> {
    fn pane_ui(&mut self, ui: &mut egui::Ui, tile: egui_tiles::TileId, panel: &mut Panel) -> UiResponse {
        let mut space = ui.max_rect();
        let version = self.state.version;
        let mut failures = std::mem::take(self.failures);
        failures.show(ui, *panel, version, |ui| self.show(ui, *panel));
        *self.failures = failures;
        space.min.y -= TAB_BAR;
        if ui.rect_contains_pointer(space) {
            self.seen.under_pointer = Some(*panel);
        }
        if self.focus.panel(ui.ctx(), space, tile.egui_id(panels::layout_id())) {
            self.seen.focused = Some(*panel);
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
        let titles: Vec<_> =
            tabs.children.iter().filter_map(|tile| tiles.get_pane(tile)).map(|it| it.title()).collect();
        if let Some(panel) = tabs.active.and_then(|tile| tiles.get_pane(&tile)) {
            panels::show_tab_bar(ui, *panel, &titles, self.state, self.commands);
        }
        self.seen.active_tab = tabs.active.map(|tile| (tile, ui.available_width()));
    }

    fn on_tab_button(
        &mut self,
        tiles: &mut egui_tiles::Tiles<Panel>,
        tile: egui_tiles::TileId,
        tab: egui::Response,
    ) -> egui::Response {
        let panel = tiles.get_pane(&tile).copied();
        if tab.double_clicked() {
            self.commands.push(Command::Panels(PanelCommand::ToggleMaximised(panel)));
        }
        if let Some((active, room)) = self.seen.active_tab
            && active == tile
        {
            reveal_tab(&tab, room);
        }
        let says = panel.map_or("", Panel::says);
        tab.on_hover_text(format!("{says} Drag moves the panel; a double click shows it alone, or all again (M)."))
    }

    fn tab_bar_trailing_ui(
        &mut self,
        _: &egui_tiles::Tiles<Panel>,
        ui: &mut egui::Ui,
        _: egui_tiles::TileId,
        _: &egui_tiles::Tabs,
    ) {
        // What lies behind the tabs drags all of them, and is no place for the keyboard. This is the id that egui_tiles gives it.
        self.focus.pass_over(ui.scope_id().with("background"));
    }

    fn simplification_options(&self) -> egui_tiles::SimplificationOptions {
        // The tab names the panel and is the handle by which it is moved.
        egui_tiles::SimplificationOptions { all_panes_must_have_tabs: true, ..Default::default() }
    }

    fn gap_width(&self, _: &egui::Style) -> f32 {
        2.0
    }

    fn tab_bar_height(&self, _: &egui::Style) -> f32 {
        TAB_BAR
    }
}

/// Frames after which the arrows beside the tabs have found their places.
const SETTLED: u32 = 4;

/// Scrolls a tab that has come to the front into sight, or one whose room has changed; after that they stay where they are
/// scrolled to.
fn reveal_tab(tab: &egui::Response, room: f32) {
    let seen = tab.id.with("frames in which it was in front");
    let frame = tab.ctx.cumulative_frame_nr();
    let before = tab.ctx.data(|data| data.get_temp::<(f32, u64, u32)>(seen));
    let count = match before {
        Some((as_wide, last, count)) if as_wide == room && frame <= last + 1 => count + 1,
        _ => 0,
    };
    tab.ctx.data_mut(|data| data.insert_temp(seen, (room, frame, count.min(SETTLED))));
    if count < SETTLED && tab.interact_rect.width() + 0.5 < tab.rect.width() {
        tab.scroll_to_me_animation(None, egui::style::ScrollAnimation::none());
        tab.ctx.request_repaint();
    }
}
