//! The system's dialogs for files. Each is shown in a thread of its own: the window goes on meanwhile.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use crate::app::model::command::Command;

/// Nobody closes a dialog so soon: it was never there.
const NO_DIALOG_WITHIN: Duration = Duration::from_millis(500);

/// The system has no dialogs, such as a Linux desktop without a portal.
#[derive(Debug, thiserror::Error)]
#[error("the system shows no dialog here")]
pub struct NoDialog;

/// A dialog that lets the user choose a file.
pub struct ChooseFile(Receiver<Result<Option<Command>, NoDialog>>);

impl ChooseFile {
    /// Shows it. `what` names the kind of files, which end with `.extension`; `then` is what is done with the chosen one.
    pub fn show(
        context: &egui::Context,
        what: &'static str,
        extension: &'static str,
        then: fn(PathBuf) -> Command,
    ) -> Self {
        let (send, receive) = mpsc::channel();
        let context = context.clone();
        std::thread::spawn(move || {
            let chosen = answered(|| rfd::FileDialog::new().add_filter(what, &[extension]).pick_file());
            // Fails only after the window was closed.
            let _ = send.send(chosen.map(|path| path.map(then)));
            context.request_repaint();
        });
        Self(receive)
    }

    /// What was chosen, once the dialog is closed; `Some(Ok(None))` if it was closed without a choice.
    pub fn answer(&self) -> Option<Result<Option<Command>, NoDialog>> {
        self.0.try_recv().ok()
    }
}

/// Asks where a file goes that would by itself be called `name` in `folder`; `None` if nothing was chosen. Blocks until the
/// dialog is closed.
///
/// # Errors
/// If the system shows none.
pub fn save_as(folder: &Path, name: &str) -> Result<Option<PathBuf>, NoDialog> {
    answered(|| rfd::FileDialog::new().set_directory(folder).set_file_name(name).save_file())
}

fn answered(ask: impl FnOnce() -> Option<PathBuf>) -> Result<Option<PathBuf>, NoDialog> {
    let asked_at = Instant::now();
    let chosen = ask();
    if chosen.is_none() && asked_at.elapsed() < NO_DIALOG_WITHIN { Err(NoDialog) } else { Ok(chosen) }
}
