//! Short messages at the lower right that go away by themselves.

use std::time::{Duration, Instant};

use egui::{Align2, Color32, Id, RichText, vec2};

use crate::trace::shortened;

const SHOWN_FOR: Duration = Duration::from_secs(6);
/// The most characters of a message: what is read in that time.
const MOST_LETTERS: usize = 600;

/// The messages that are shown.
#[derive(Debug, Default)]
pub struct Toasts {
    shown: Vec<Toast>,
}

#[derive(Debug)]
struct Toast {
    text: String,
    is_error: bool,
    since: Instant,
}

impl Toasts {
    /// Shows what happened.
    pub fn tell(&mut self, text: impl Into<String>) {
        self.push(text.into(), false);
    }

    /// Shows what went wrong.
    pub fn fail(&mut self, text: impl Into<String>) {
        self.push(text.into(), true);
    }

    fn push(&mut self, text: String, is_error: bool) {
        let text = shortened(&text, MOST_LETTERS).into_owned();
        self.shown.push(Toast { text, is_error, since: Instant::now() });
    }

    /// Draws them over everything else, and asks for the frame in which the next one goes.
    pub fn show(&mut self, context: &egui::Context) {
        self.shown.retain(|toast| toast.since.elapsed() < SHOWN_FOR);
        let Some(oldest) = self.shown.first() else { return };
        context.request_repaint_after(SHOWN_FOR.saturating_sub(oldest.since.elapsed()));
        egui::Area::new(Id::unique("toasts"))
            .anchor(Align2::RIGHT_BOTTOM, vec2(-12.0, -36.0))
            .order(egui::Order::Tooltip)
            .interactable(false)
            .show(context, |ui| {
                for toast in &self.shown {
                    egui::Frame::popup(ui.style()).show(ui, |ui| {
                        let mut text = RichText::new(&toast.text);
                        if toast.is_error {
                            text = text.color(error_color(ui.visuals().dark_mode));
                        }
                        ui.set_max_width(460.0);
                        ui.label(text);
                    });
                    ui.add_space(6.0);
                }
            });
    }
}

fn error_color(is_dark: bool) -> Color32 {
    if is_dark { Color32::from_rgb(255, 150, 130) } else { Color32::from_rgb(170, 40, 20) }
}
