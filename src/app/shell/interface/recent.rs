//! What was open before: remembered, and looked for again when something is opened.

use std::path::PathBuf;

use crate::app::model::state::Recent;
use crate::app::shell::interface::Interface;

/// So many are remembered.
const KEPT: usize = 12;

impl Interface {
    pub(super) fn set_recent(&mut self, paths: Vec<PathBuf>) {
        let recent = paths.into_iter().take(KEPT).map(|path| Recent { is_there: path.exists(), path });
        self.state.recent = recent.collect();
    }

    /// What is gone, and what has come back.
    pub(super) fn look_for_recent(&mut self) {
        self.state.recent.iter_mut().for_each(|recent| recent.is_there = recent.path.exists());
    }

    /// Another trace or folder is open.
    pub(super) fn note_opened(&mut self) {
        // JSON has no words for other names.
        let Some(opened) = self.desk.opened().filter(|path| path.to_str().is_some()) else { return };
        let Ok(path) = std::path::absolute(opened) else { return };
        let before = std::mem::take(&mut self.state.recent);
        let others = before.into_iter().map(|recent| recent.path).filter(|other| *other != path);
        let paths = [path.clone()].into_iter().chain(others).collect();
        self.set_recent(paths);
    }
}
