//! The panels of the window: each reads the state and emits commands.

mod aggregation;
mod atlas;
mod browser;
mod choices;
mod compare;
mod context_menu;
mod drop_hint;
mod embedding;
mod export_menu;
mod figure_builder;
mod gestures;
mod heads;
mod help;
mod layout;
mod layout_menu;
mod notes;
mod palette;
mod pins;
mod rubber_band;
mod status;
mod tab_bar;
mod token_atlas;
mod top_bar;
mod view;
mod welcome;

use glam::Vec2;

use crate::app::model::panel::Panel;
use crate::app::model::state::State;
use crate::render::{Drawing, Fonts};

pub use atlas::show as show_atlas;
pub use browser::show as show_browser;
pub use compare::show as show_comparison;
pub use drop_hint::show as show_drop_hint;
pub use figure_builder::show as show_figure;
pub use heads::show_controls as show_head_controls;
pub use help::{show as show_help, take_scrolling as take_scrolling_of_help};
pub use layout::{Layout, bring_forward, completed, layout_for, layout_id, maximised, sound};
pub use notes::{show as show_notes, show_draft as show_note_draft};
pub use palette::show as show_palette;
#[cfg(test)]
pub use palette::{Entry, found as found_in_palette};
pub use pins::{has_tray as has_pin_tray, show as show_pin_tray};
pub use status::show as show_status;
pub use tab_bar::show as show_tab_bar;
pub use token_atlas::show as show_token_atlas;
pub use top_bar::show as show_top_bar;
pub use view::show as show_view;
pub use welcome::{EXAMPLE as EXAMPLE_OF_GUIDES, GUIDES, show as show_welcome};

/// What a panel that shows no view of one trace looks like as a picture of its own; `None` where there is nothing to draw.
pub fn figure(panel: Panel, state: &State, size: Vec2, fonts: &mut Fonts) -> Option<Drawing> {
    match panel {
        Panel::Atlas => atlas::figure(state, size, fonts),
        Panel::Compare => compare::figure(state, size, fonts),
        Panel::Tokens => token_atlas::figure(state, size, fonts),
        _ => None,
    }
}
