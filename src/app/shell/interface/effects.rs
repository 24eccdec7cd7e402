//! What the state cannot do by itself: files, windows, the clipboard, the layout.

use std::sync::Arc;

use super::Interface;
use crate::app::model::command::Command;
use crate::app::model::effect::{DatasetEffect, Effect};
use crate::app::model::panel::Panel;
use crate::app::panels;
use crate::app::work::dialog::ChooseFile;
use crate::export::ViewState;
use crate::query::OpenTrace;

impl Interface {
    pub(super) fn show_trace(&mut self, trace: Arc<OpenTrace>) {
        let name = trace.document().id.clone().unwrap_or_else(|| trace.trace.path().display().to_string());
        self.title = Some(format!("{name} · vlscope"));
        self.desk.keep(&trace);
        if let Some(view) = self.state.set_trace(trace) {
            panels::bring_forward(&mut self.layout, Panel::View(view));
        }
        if let Some(state) = self.awaited_state.take() {
            self.show_state(state);
        }
    }

    /// Opens the trace of a view state, if it is another one, and shows what it says.
    pub(super) fn show_state_of_trace(&mut self, state: ViewState) {
        if let Some(trace) = self.await_state(state) {
            let example = self.state.examples.iter().position(|example| *example == trace);
            match example.and_then(|example| self.state.apply(Command::ShowExample(example))) {
                Some(effect) => self.carry_out(effect),
                None => self.desk.open(trace),
            }
        } else if let Some(state) = self.awaited_state.take() {
            self.show_state(state);
        }
    }

    pub(in crate::app) fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Open(path) => self.desk.open(path),
            Effect::Load(path) => match self.desk.preloaded(&path) {
                Some(trace) => {
                    self.loader.forget();
                    self.show_trace(trace);
                }
                None => self.loader.ask_anew(path),
            },
            Effect::Dataset(DatasetEffect::ShowBrowser) => panels::bring_forward(&mut self.layout, Panel::Examples),
            Effect::Dataset(DatasetEffect::ShowAtlas) => panels::bring_forward(&mut self.layout, Panel::Atlas),
            Effect::Dataset(DatasetEffect::Index) => self.desk.index(&mut self.messages),
            Effect::Dataset(DatasetEffect::CancelIndexing) => self.desk.cancel_indexing(),
            Effect::ChooseFile => {
                self.dialog = Some(ChooseFile::show(&self.context, "traces", "safetensors", Command::Open));
            }
            Effect::ChooseState => {
                self.dialog = Some(ChooseFile::show(&self.context, "view states", "json", Command::LoadState));
            }
            Effect::LoadState(path) => match ViewState::load(&path) {
                Ok(state) => self.show_state_of_trace(state),
                Err(error) => self.messages.fail(format!("{error:#}")),
            },
            Effect::Notes(effect) => self.carry_out_of_notes(effect),
            Effect::SaveState => self.save_state(),
            Effect::CopyCommand(view) => self.copy_command(view),
            Effect::CopyPanelCommand(panel) => self.copy_panel_command(panel),
            Effect::Export(view, export) => self.export(view, export),
            Effect::ExportPanel(panel, export) => self.export_panel(panel, export),
            Effect::AddToFigure(view) => self.add_to_figure(view),
            Effect::SaveFigure(format) => self.save_figure(format),
            Effect::CopyFigureCommand => self.copy(self.state.figure.line(self.state.exports.theme)),
            Effect::OpenFolder(folder) => {
                // Whatever that program says is not for the terminal.
                if let Err(error) = open::that_detached(&folder) {
                    self.messages.fail(format!("cannot open the folder {}: {error}", folder.display()));
                }
            }
            Effect::Screenshot => self.wants_screenshot = true,
            Effect::StepPanel(by) => self.focus.step(&self.context, by),
            Effect::ResetLayout => self.layout = panels::default_layout(),
            Effect::FocusView(view) => panels::bring_forward(&mut self.layout, Panel::View(view)),
            Effect::FocusTokens => panels::bring_forward(&mut self.layout, Panel::Tokens),
            Effect::FocusComparison => panels::bring_forward(&mut self.layout, Panel::Compare),
            Effect::Quit => self.wants_to_close = true,
        }
    }
}
