//! Panels that panicked: each says so in its place, and the others go on.

use egui::Ui;

use crate::app::model::panel::Panel;
use crate::app::ui::controls::say_instead;
use crate::query::caught;

/// Which panels have failed.
#[derive(Default)]
pub struct Failures {
    failed: Vec<Failure>,
    untold: Vec<String>,
}

struct Failure {
    panel: Panel,
    /// Of the state that it could not show.
    version: u64,
    why: String,
}

impl Failures {
    /// Shows a panel. One that has failed is tried again once the state's `version` is another.
    pub fn show(&mut self, ui: &mut Ui, panel: Panel, version: u64, content: impl FnOnce(&mut Ui)) {
        let known = self.failed.iter().find(|failure| failure.panel == panel && failure.version == version);
        if let Some(failure) = known {
            return say_instead(ui, &failure.why);
        }
        self.failed.retain(|failure| failure.panel != panel);
        if let Err(panic) = caught(|| content(ui)) {
            let why = format!("this view failed: {panic}");
            self.untold.push(format!("{}: {why}", panel.title()));
            self.failed.push(Failure { panel, version, why });
            ui.ctx().request_repaint();
        }
    }

    /// What has failed since the last call.
    pub fn take_untold(&mut self) -> Vec<String> {
        std::mem::take(&mut self.untold)
    }
}
