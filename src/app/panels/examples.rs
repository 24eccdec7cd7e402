//! The dataset: one row an example. Rows that are out of sight cost nothing.

use std::path::Path;

use egui::TextFormat;
use egui::text::LayoutJob;

use crate::app::appearance::color;
use crate::app::command::Command;
use crate::app::state::State;
use crate::render::Color;

/// Shows the list; a click opens the example.
pub fn show(ui: &mut egui::Ui, state: &State, commands: &mut Vec<Command>) {
    egui::Frame::NONE.inner_margin(6.0).show(ui, |ui| show_rows(ui, state, commands));
}

fn show_rows(ui: &mut egui::Ui, state: &State, commands: &mut Vec<Command>) {
    if state.examples.is_empty() {
        ui.centered_and_justified(|ui| ui.weak("Drop a trace or a folder here, or press Ctrl+O."));
        return;
    }
    ui.horizontal(|ui| {
        ui.weak(format!("{} of {}", state.example + 1, state.examples.len()));
    });
    let row_height = ui.spacing().interact_size.y;
    egui::ScrollArea::vertical().auto_shrink(false).show_rows(ui, row_height, state.examples.len(), |ui, rows| {
        for row in rows {
            let is_shown = row == state.example;
            let text = row_text(ui, state, row);
            let label = egui::Button::selectable(is_shown, text).truncate();
            let left = egui::Layout::top_down_justified(egui::Align::LEFT);
            let response = ui.with_layout(left, |ui| ui.add(label)).inner;
            if response.on_hover_text(state.examples[row].display().to_string()).clicked() {
                commands.push(Command::ShowExample(row));
            }
        }
    });
}

/// What was asked and what was answered, once the trace's header was read; till then the file's name.
fn row_text(ui: &egui::Ui, state: &State, row: usize) -> LayoutJob {
    let palette = state.options.theme.palette();
    let mut job = LayoutJob::default();
    let mut write = |text: &str, of: Color| {
        let format = TextFormat::simple(egui::TextStyle::Body.resolve(ui.style()), color(of));
        job.append(text, 0.0, format);
    };
    let Some(summary) = state.summaries.get(row).filter(|summary| !summary.text.is_empty()) else {
        write(&name_of(&state.examples[row]), palette.text);
        return job;
    };
    // The sign says it to those who cannot tell the colours apart.
    match summary.is_correct {
        Some(true) => write("✓ ", palette.right),
        Some(false) => write("✗ ", palette.wrong),
        None => {}
    }
    write(&summary.text, palette.text);
    if let Some(prediction) = &summary.prediction {
        write(&format!("  {prediction}"), palette.muted);
    }
    if let (Some(false), Some(answer)) = (summary.is_correct, &summary.answer) {
        write(&format!(" (not {answer})"), palette.muted);
    }
    job
}

fn name_of(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
