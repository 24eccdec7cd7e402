//! What the state cannot do by itself: files, windows, the clipboard, the layout.

use std::sync::Arc;

use super::Interface;
use crate::app::model::arrangement::{Arrangement, PanelCommand};
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
            Effect::Open(path) => {
                self.look_for_recent();
                self.desk.open(path);
            }
            Effect::Load(path) => match self.desk.preloaded(&path) {
                Some(trace) => {
                    self.loader.forget();
                    self.show_trace(trace);
                }
                None => self.loader.ask_anew(path),
            },
            Effect::Dataset(DatasetEffect::ShowBrowser) => self.bring_forward(Panel::Examples),
            Effect::Dataset(DatasetEffect::ShowAtlas) => self.bring_forward(Panel::Atlas),
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
            Effect::Panels(command) => self.arrange(command),
            Effect::FocusView(view) => self.bring_forward(Panel::View(view)),
            Effect::FocusTokens => self.bring_forward(Panel::Tokens),
            Effect::FocusComparison => self.bring_forward(Panel::Compare),
            Effect::Welcomed => {
                self.is_welcomed = true;
                self.save_settings();
            }
            Effect::ShowGuide(guide) => self.show_guide(guide),
            Effect::Quit => self.wants_to_close = true,
        }
    }

    /// In front of those that it shares its place with; instead of the one that fills the window, if one does.
    pub(super) fn bring_forward(&mut self, panel: Panel) {
        panels::bring_forward(&mut self.layout, panel);
        if let Some(maximised) = &mut self.state.arranged.maximised {
            *maximised = panel;
        }
    }

    fn arrange(&mut self, command: PanelCommand) {
        match command {
            PanelCommand::Arrange(Arrangement::Preset(preset)) => self.layout = panels::layout_for(preset),
            PanelCommand::Arrange(Arrangement::Own(name)) => match self.own_layouts.get(&name) {
                Some(own) => self.layout = panels::completed(own.clone()),
                None => self.messages.fail(format!("no arrangement of panels is called {name}")),
            },
            PanelCommand::Keep(name) => {
                self.messages.tell(format!("Kept: the panels as they stand, as {name}"));
                self.own_layouts.insert(name, self.layout.clone());
                self.save_settings();
            }
            PanelCommand::Forget(name) => {
                self.own_layouts.remove(&name);
                self.save_settings();
            }
            // The state's.
            PanelCommand::ToggleMaximised(_) => {}
        }
        self.state.arranged.own = self.own_layouts.keys().cloned().collect();
    }

    /// Opens the demo, if it is not open, and shows what answers a newcomer's question about it.
    fn show_guide(&mut self, guide: usize) {
        let (Some(guide), Some(demo)) = (panels::GUIDES.get(guide), self.state.welcome.demo.clone()) else { return };
        let trace = demo.join(panels::EXAMPLE_OF_GUIDES);
        let state = ViewState::new(Some(trace.clone()), None, guide.selection(), guide.options(&self.state.options));
        let state = ViewState { front: guide.front.to_vec(), ..state };
        if self.state.trace.as_ref().is_some_and(|shown| shown.trace.path() == trace) {
            return self.show_state(state);
        }
        self.awaited_state = Some(state);
        let example = self.state.examples.iter().position(|example| *example == trace);
        match example.and_then(|example| self.state.apply(Command::ShowExample(example))) {
            Some(effect) => self.carry_out(effect),
            None => self.desk.open(demo),
        }
    }
}
