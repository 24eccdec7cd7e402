//! What a file that is held over the window would do if it were let go.

use std::path::Path;

use egui::{Align2, Area, Color32, Context, Frame, Id, Order, RichText, vec2};

use crate::trace::{LINE_LETTERS, shortened};

/// Covers the window while a file is held over it.
pub fn show(context: &Context) {
    let hovered = context.input(|input| input.raw.hovered_files.clone());
    let Some(file) = hovered.first() else { return };
    let words = file.path.as_deref().map_or_else(|| "Let go to open this".to_owned(), words);
    let room = context.content_rect();
    let area = Area::new(Id::unique("drop hint")).order(Order::Tooltip).interactable(false);
    area.anchor(Align2::CENTER_CENTER, vec2(0.0, 0.0)).show(context, |ui| {
        ui.painter().rect_filled(room, 0.0, Color32::from_black_alpha(150));
        Frame::popup(ui.style()).inner_margin(24.0).show(ui, |ui| {
            ui.set_max_width(room.width() * 0.8);
            ui.label(RichText::new(words).heading());
        });
    });
}

fn words(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let name = shortened(&name, LINE_LETTERS);
    let is = |wanted: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(wanted));
    match () {
        () if is("json") => format!("Let go to show the view state {name}"),
        () if is("safetensors") => format!("Let go to open the trace {name}"),
        () if path.is_dir() => format!("Let go to open the traces in {name}"),
        () => format!("{name} is no trace (*.safetensors), no folder of traces and no view state (*.json)"),
    }
}
