//! Messages at the lower right.

use std::time::Instant;

use egui::{Align2, Color32, Id, RichText, vec2};

use crate::app::model::command::Command;
use crate::app::model::messages::Messages;

/// Draws them over everything else, and asks for the frame in which the next one goes.
pub fn show(context: &egui::Context, messages: &mut Messages, commands: &mut Vec<Command>) {
    let Some(left) = messages.let_go(Instant::now()) else { return };
    context.request_repaint_after(left);
    egui::Area::new(Id::unique("toasts"))
        .anchor(Align2::RIGHT_BOTTOM, vec2(-12.0, -36.0))
        .order(egui::Order::Tooltip)
        // What has no button lets clicks through.
        .interactable(messages.shown().iter().any(|message| message.folder.is_some()))
        .show(context, |ui| {
            for message in messages.shown() {
                egui::Frame::popup(ui.style()).show(ui, |ui| {
                    let mut text = RichText::new(match message.count {
                        1 => message.text.clone(),
                        count => format!("{} ({count}×)", message.text),
                    });
                    if message.is_error {
                        text = text.color(error_color(ui.visuals().dark_mode));
                    }
                    ui.set_max_width(460.0);
                    ui.label(text);
                    if let Some(folder) = &message.folder {
                        let button = ui.small_button("Open folder");
                        if button.on_hover_text(folder.display().to_string()).clicked() {
                            commands.push(Command::OpenFolder(folder.clone()));
                        }
                    }
                });
                ui.add_space(6.0);
            }
        });
}

fn error_color(is_dark: bool) -> Color32 {
    if is_dark { Color32::from_rgb(255, 150, 130) } else { Color32::from_rgb(170, 40, 20) }
}
